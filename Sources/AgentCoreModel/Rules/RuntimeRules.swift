/// The members that creating and updating a runtime share.
protocol RuntimeConfigurationInput {
    var networkConfiguration: NetworkConfiguration? { get }
    var authorizerConfiguration: AuthorizerConfiguration? { get }
    var requestHeaderConfiguration: RequestHeaderConfiguration? { get }
    var protocolConfiguration: ProtocolConfiguration? { get }
    var lifecycleConfiguration: LifecycleConfiguration? { get }
    var environmentVariables: [String: String]? { get }
    var filesystemConfigurations: [FilesystemConfiguration]? { get }
    var allowedPorts: [JSONValue]? { get }
}

extension RuntimeConfigurationInput {
    /// The rules that hold for both (contract §3, "Cross-field rules").
    var sharedRuleFailures: [RuleFailure] {
        networkConfigurationFailures
            + (authorizerConfiguration?.customJWTAuthorizer?.ruleFailures ?? [])
            + HeaderAllowlist.failures(
                requestHeaderConfiguration?.requestHeaderAllowlist ?? [],
                hasJWTAuthorizer: authorizerConfiguration?.customJWTAuthorizer != nil)
            + portFailures + lifecycleFailures
            + EnvironmentRules.failures(environmentVariables ?? [:])
            + FilesystemRules.failures(
                filesystemConfigurations ?? [], networkMode: networkConfiguration?.networkMode ?? .public)
    }

    private var networkConfigurationFailures: [RuleFailure] {
        guard let network = networkConfiguration else { return [] }
        switch (network.networkMode, network.networkModeConfig) {
        case (.vpc, nil):
            return [RuleFailure("networkConfiguration.networkModeConfig", "networkModeConfig is required when networkMode is VPC")]
        case (.public, .some):
            return [
                RuleFailure(
                    "networkConfiguration.networkModeConfig", "networkModeConfig must not be given when networkMode is PUBLIC")
            ]
        case (.vpc, .some), (.public, nil): return []
        }
    }

    private var lifecycleFailures: [RuleFailure] {
        guard let lifecycle = lifecycleConfiguration?.completed, let idle = lifecycle.idleRuntimeSessionTimeout,
            let lifetime = lifecycle.maxLifetime, idle > lifetime
        else { return [] }
        return [
            RuleFailure(
                "lifecycleConfiguration.idleRuntimeSessionTimeout",
                "idleRuntimeSessionTimeout must be less than or equal to maxLifetime")
        ]
    }

    private var portFailures: [RuleFailure] {
        var failures: [RuleFailure] = []
        if protocolConfiguration?.port == PortRules.reserved {
            failures.append(RuleFailure("protocolConfiguration.port", "port must not be \(PortRules.reserved)"))
        }
        return failures + PortRules.failures(allowedPorts ?? [])
    }
}

extension CreateAgentRuntimeRequest: RuntimeConfigurationInput {
    public func ruleFailures(_ options: ValidationOptions) -> [RuleFailure] {
        var failures = sharedRuleFailures
        if networkConfiguration?.networkModeConfig?.requireServiceS3Endpoint != nil {
            failures.append(
                RuleFailure(
                    "networkConfiguration.networkModeConfig.requireServiceS3Endpoint",
                    "requireServiceS3Endpoint must not be given when a runtime is created"))
        }
        return failures + EnvironmentRules.sizeFailures(environmentVariables ?? [:], platformVersion: platformVersion)
            + TagRules.failures(tags ?? [:])
    }
}

extension UpdateAgentRuntimeRequest: RuntimeConfigurationInput {
    public func ruleFailures(_ options: ValidationOptions) -> [RuleFailure] {
        // Without a platform version the runtime keeps the one it has, which the use case knows.
        guard platformVersion != nil else { return sharedRuleFailures }
        return sharedRuleFailures
            + EnvironmentRules.sizeFailures(environmentVariables ?? [:], platformVersion: platformVersion)
    }
}

extension CreateAgentRuntimeEndpointRequest {
    public func ruleFailures(_ options: ValidationOptions) -> [RuleFailure] { TagRules.failures(tags ?? [:]) }
}

public enum EnvironmentRules {
    /// Bytes of all keys and values together on platform V1 (contract §3).
    static let maximumSize = 4096

    /// - Parameter platformVersion: nil: the default, V1.
    public static func sizeFailures(_ variables: [String: String], platformVersion: String?) -> [RuleFailure] {
        let size = variables.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard size > maximumSize, platformVersion == nil || platformVersion == "V1" else { return [] }
        return [
            RuleFailure(
                "environmentVariables", also: "platformVersion",
                "The environment variables have \(size) bytes in all, keys included; on platform V1 they may have \(maximumSize)")
        ]
    }

    /// Keys are named, values never. The first sentence is AWS's (contract §3).
    static func failures(_ variables: [String: String]) -> [RuleFailure] {
        var failures: [RuleFailure] = []
        for (key, value) in variables.sorted(by: { $0.key < $1.key }) {
            if value.utf8.contains(where: isControl) {
                failures.append(
                    RuleFailure(
                        "environmentVariables",
                        "Environment variable value contains invalid control characters (0x00-0x1F, 0x7F).\nKey: '\(key)'"))
            }
            // An environment is a list of "key=value" lines to the kernel.
            if key.utf8.contains(where: { isControl($0) || $0 == UInt8(ascii: "=") }) {
                failures.append(
                    RuleFailure(
                        "environmentVariables",
                        "Environment variable key contains '=' or control characters (0x00-0x1F, 0x7F).\nKey: '\(key)'"))
            }
        }
        return failures
    }

    private static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
}

enum TagRules {
    static func failures(_ tags: [String: String]) -> [RuleFailure] {
        tags.keys.sorted().filter { $0.lowercased().hasPrefix("aws:") }.map {
            RuleFailure("tags", "aws: prefixed tag key names are not allowed for external use: '\($0)'")
        }
    }
}

enum PortRules {
    /// Taken by the platform (contract §3).
    static let reserved = 8443

    /// Ports and ranges may not overlap nor hold the reserved one.
    static func failures(_ allowed: [JSONValue]) -> [RuleFailure] {
        var failures: [RuleFailure] = []
        var ranges: [ClosedRange<Int64>] = []
        for entry in allowed {
            let from = entry["port"]?.integer ?? entry["portRange"]?["from"]?.integer ?? 0
            let to = entry["port"]?.integer ?? entry["portRange"]?["to"]?.integer ?? 0
            guard from <= to else {
                failures.append(RuleFailure("allowedPorts", "the range \(from)-\(to) of allowedPorts is empty"))
                continue
            }
            ranges.append(from...to)
        }
        if ranges.contains(where: { $0.contains(Int64(reserved)) }) {
            failures.append(RuleFailure("allowedPorts", "allowedPorts must not hold port \(reserved)"))
        }
        let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
        if zip(sorted, sorted.dropFirst()).contains(where: { $0.overlaps($1) }) {
            failures.append(RuleFailure("allowedPorts", "the entries of allowedPorts must not overlap"))
        }
        return failures
    }
}
