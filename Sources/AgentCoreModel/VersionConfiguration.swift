public import Platform

/// The complete, immutable configuration of one version, defaults filled. The environment's values
/// are not in it: they are sealed apart (docs/architecture.md, decision 2).
public struct VersionConfiguration: Codable, Sendable, Equatable {
    public var agentRuntimeArtifact: AgentRuntimeArtifact
    public var roleArn: String
    public var networkConfiguration: NetworkConfiguration
    public var description: String?
    public var authorizerConfiguration: AuthorizerConfiguration?
    public var requestHeaderConfiguration: RequestHeaderConfiguration?
    public var protocolConfiguration: ProtocolConfiguration?
    /// Both members are set.
    public var lifecycleConfiguration: LifecycleConfiguration
    public var metadataConfiguration: RuntimeMetadataConfiguration?
    public var filesystemConfigurations: [FilesystemConfiguration]?
    public var hooksConfiguration: JSONValue?
    public var platformVersion: String?
    public var allowedPorts: [JSONValue]?
    public var resourceConfigurations: [JSONValue]?

    /// Only what has no default must be given.
    public init(
        agentRuntimeArtifact: AgentRuntimeArtifact, roleArn: String,
        networkConfiguration: NetworkConfiguration? = nil, lifecycleConfiguration: LifecycleConfiguration? = nil
    ) {
        self.agentRuntimeArtifact = agentRuntimeArtifact
        self.roleArn = roleArn
        self.networkConfiguration = networkConfiguration ?? NetworkConfiguration(networkMode: .public)
        self.lifecycleConfiguration = (lifecycleConfiguration ?? LifecycleConfiguration()).completed
    }

    /// Version 1 of a runtime.
    public init(_ request: CreateAgentRuntimeRequest) {
        self.init(
            agentRuntimeArtifact: request.agentRuntimeArtifact, roleArn: request.roleArn,
            networkConfiguration: request.networkConfiguration, lifecycleConfiguration: request.lifecycleConfiguration)
        description = request.description
        authorizerConfiguration = request.authorizerConfiguration
        requestHeaderConfiguration = request.requestHeaderConfiguration
        protocolConfiguration = request.protocolConfiguration
        metadataConfiguration = request.metadataConfiguration
        filesystemConfigurations = request.filesystemConfigurations
        hooksConfiguration = request.hooksConfiguration
        platformVersion = request.platformVersion
        allowedPorts = request.allowedPorts
        resourceConfigurations = request.resourceConfigurations
    }

    /// A later version: everything is replaced, but an omitted platform version is kept
    /// (contract §7).
    public init(_ request: UpdateAgentRuntimeRequest, previous: VersionConfiguration?) {
        self.init(
            agentRuntimeArtifact: request.agentRuntimeArtifact, roleArn: request.roleArn,
            networkConfiguration: request.networkConfiguration, lifecycleConfiguration: request.lifecycleConfiguration)
        description = request.description
        authorizerConfiguration = request.authorizerConfiguration
        requestHeaderConfiguration = request.requestHeaderConfiguration
        protocolConfiguration = request.protocolConfiguration
        metadataConfiguration = request.metadataConfiguration
        filesystemConfigurations = request.filesystemConfigurations
        hooksConfiguration = request.hooksConfiguration
        platformVersion = request.platformVersion ?? previous?.platformVersion
        allowedPorts = request.allowedPorts
        resourceConfigurations = request.resourceConfigurations
    }

    /// Seconds without work after which a session ends.
    public var idleTimeoutSeconds: Int { lifecycleConfiguration.completed.idleRuntimeSessionTimeout ?? 0 }
    /// Seconds after its start at which a session ends.
    public var maxLifetimeSeconds: Int { lifecycleConfiguration.completed.maxLifetime ?? 0 }
    /// Names of the callers' headers that reach the agent.
    public var headerAllowlist: [String] { requestHeaderConfiguration?.requestHeaderAllowlist ?? [] }
    /// HTTP when nothing is said.
    public var serverProtocol: ServerProtocol { protocolConfiguration?.serverProtocol ?? .http }

    /// Deterministic JSON: equal configurations have equal bytes and hashes.
    public func canonicalBytes() throws(SignalboxError) -> [UInt8] {
        do {
            return try JSONValueEncoder.encode(self).bytes()
        } catch {
            throw .internal("a version's configuration does not encode: \(error)")
        }
    }

    public init(canonicalBytes: [UInt8]) throws(SignalboxError) {
        do {
            self = try JSONValueDecoder.decode(Self.self, from: JSONValue(parsing: canonicalBytes))
        } catch {
            throw .internal("a stored version's configuration does not decode: \(error)")
        }
    }
}

extension GetAgentRuntimeResponse {
    /// The answer for one version.
    public init(
        arn: RuntimeARN, name: String, version: Int, status: AgentRuntimeStatus, failureReason: String? = nil,
        createdAt: WireTimestamp, lastUpdatedAt: WireTimestamp, configuration: VersionConfiguration,
        environmentVariables: [String: String]
    ) {
        self.init(
            agentRuntimeArn: arn.description, agentRuntimeName: name, agentRuntimeId: arn.runtimeID,
            agentRuntimeVersion: String(version), createdAt: createdAt, lastUpdatedAt: lastUpdatedAt,
            roleArn: configuration.roleArn, networkConfiguration: configuration.networkConfiguration, status: status,
            lifecycleConfiguration: configuration.lifecycleConfiguration, failureReason: failureReason,
            description: configuration.description,
            workloadIdentityDetails: WorkloadIdentityDetails(arn),
            agentRuntimeArtifact: configuration.agentRuntimeArtifact,
            protocolConfiguration: configuration.protocolConfiguration,
            environmentVariables: environmentVariables.isEmpty ? nil : environmentVariables,
            authorizerConfiguration: configuration.authorizerConfiguration,
            requestHeaderConfiguration: configuration.requestHeaderConfiguration,
            metadataConfiguration: configuration.metadataConfiguration,
            filesystemConfigurations: configuration.filesystemConfigurations,
            hooksConfiguration: configuration.hooksConfiguration, platformVersion: configuration.platformVersion,
            allowedPorts: configuration.allowedPorts, resourceConfigurations: configuration.resourceConfigurations)
    }
}

extension WorkloadIdentityDetails {
    /// The identity of a runtime is named after its id.
    public init(_ runtime: RuntimeARN) {
        self.init(
            workloadIdentityArn: WorkloadIdentityARN(
                region: runtime.region, account: runtime.account, name: runtime.runtimeID
            ).description)
    }
}
