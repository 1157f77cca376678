/// Input of DeleteAgentRuntime.
public struct DeleteAgentRuntimeRequest: OperationInput {
    public var agentRuntimeId: String
    public var clientToken: String?
    /// Newer model: delete this version alone.
    public var agentRuntimeVersion: String?

    public init(agentRuntimeId: String, clientToken: String? = nil, agentRuntimeVersion: String? = nil) {
        self.agentRuntimeId = agentRuntimeId
        self.clientToken = clientToken
        self.agentRuntimeVersion = agentRuntimeVersion
    }

    public static let schema = Schema.structure(
        "DeleteAgentRuntimeRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .idempotencyToken("clientToken", .clientToken, in: .query("clientToken")),
            .optional("agentRuntimeVersion", .agentRuntimeVersion, in: .query("version")),
        ])

    public static let operation = Operation.deleteAgentRuntime
}

/// Output of DeleteAgentRuntime.
public struct DeleteAgentRuntimeResponse: Shape {
    public var status: AgentRuntimeStatus
    public var agentRuntimeId: String?
    /// Newer model: the version that goes, when only one does.
    public var agentRuntimeVersion: String?

    public init(status: AgentRuntimeStatus, agentRuntimeId: String? = nil, agentRuntimeVersion: String? = nil) {
        self.status = status
        self.agentRuntimeId = agentRuntimeId
        self.agentRuntimeVersion = agentRuntimeVersion
    }

    public static let schema = Schema.structure(
        "DeleteAgentRuntimeResponse",
        [
            .required("status", .agentRuntimeStatus),
            .optional("agentRuntimeId", .agentRuntimeId),
            .optional("agentRuntimeVersion", .agentRuntimeVersion),
        ])
}
