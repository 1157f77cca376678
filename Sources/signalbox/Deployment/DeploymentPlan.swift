import AgentCoreModel

/// What a deployment wants a runtime to be: a pure function of the options and of what is there.
struct DeploymentPlan: Sendable, Equatable {
    enum Artifact: Sendable, Equatable {
        /// In the object store, for an interpreter of the server's.
        case archive(bucket: String, key: String, interpreter: String, entryPoint: [String])
        /// A container image's reference.
        case image(String)
    }

    var artifact: Artifact
    /// Variables to add or change; the others stay.
    var environment: [String: String] = [:]
    /// Variables to take away.
    var removedEnvironment: [String] = []
    /// nil: stays as it is.
    var description: String?
    /// nil: stays as it is; a new runtime gets `defaultRole`.
    var role: String?
    var defaultRole: String

    /// Members of GetAgentRuntime that say what is, not what was asked for.
    private static let answersOnly: Set<String> = [
        "agentRuntimeArn", "agentRuntimeName", "agentRuntimeId", "agentRuntimeVersion", "createdAt", "lastUpdatedAt", "status",
        "failureReason", "workloadIdentityDetails",
    ]

    /// CreateAgentRuntimeRequest.
    func creation(named name: String) -> [String: JSONValue] {
        var request = change(of: [:])
        request["agentRuntimeName"] = .string(name)
        request["networkConfiguration"] = .object(["networkMode": "PUBLIC"])
        return request
    }

    /// UpdateAgentRuntimeRequest without the id. An update replaces everything (contract §7), so all that this plan
    /// doesn't speak of is carried over from the present configuration: authorizer, life cycle, variables and so on.
    func update(of current: JSONValue) -> [String: JSONValue] { change(of: Self.configuration(of: current)) }

    /// Whether the runtime is READY and already all that the plan wants.
    func isFulfilled(by current: JSONValue) -> Bool {
        current["status"]?.string == "READY" && update(of: current) == Self.configuration(of: current)
    }

    private static func configuration(of current: JSONValue) -> [String: JSONValue] {
        var members = (current.object ?? [:]).filter { !answersOnly.contains($0.key) }
        // An empty map and none are the same.
        if members["environmentVariables"]?.object?.isEmpty == true { members["environmentVariables"] = nil }
        return members
    }

    private func change(of present: [String: JSONValue]) -> [String: JSONValue] {
        var request = present
        request["agentRuntimeArtifact"] = artifactMember
        request["roleArn"] = role.map { .string($0) } ?? present["roleArn"] ?? .string(defaultRole)
        if let description { request["description"] = .string(description) }
        var variables = present["environmentVariables"]?.object ?? [:]
        for (name, value) in environment { variables[name] = .string(value) }
        for name in removedEnvironment { variables[name] = nil }
        request["environmentVariables"] = variables.isEmpty ? nil : .object(variables)
        return request
    }

    private var artifactMember: JSONValue {
        switch artifact {
        case .archive(let bucket, let key, let interpreter, let entryPoint):
            let object: JSONValue = .object(["bucket": .string(bucket), "prefix": .string(key)])
            return .object([
                "codeConfiguration": .object([
                    "code": .object(["s3": object]), "runtime": .string(interpreter),
                    "entryPoint": .array(entryPoint.map { .string($0) }),
                ])
            ])
        case .image(let reference):
            return .object(["containerConfiguration": .object(["containerUri": .string(reference)])])
        }
    }
}
