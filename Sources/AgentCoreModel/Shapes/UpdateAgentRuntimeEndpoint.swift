/// Input of UpdateAgentRuntimeEndpoint: a patch, whatever is left out stays (contract §7).
public struct UpdateAgentRuntimeEndpointRequest: OperationInput {
    public var agentRuntimeId: String
    public var endpointName: String
    public var agentRuntimeVersion: String?
    public var description: String?
    public var clientToken: String?

    public init(
        agentRuntimeId: String, endpointName: String, agentRuntimeVersion: String? = nil, description: String? = nil,
        clientToken: String? = nil
    ) {
        self.agentRuntimeId = agentRuntimeId
        self.endpointName = endpointName
        self.agentRuntimeVersion = agentRuntimeVersion
        self.description = description
        self.clientToken = clientToken
    }

    public static let schema = Schema.structure(
        "UpdateAgentRuntimeEndpointRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .required("endpointName", .endpointName, in: .path),
            .optional("agentRuntimeVersion", .agentRuntimeVersion),
            .optional("description", .agentEndpointDescription),
            .idempotencyToken("clientToken", .clientToken),
        ])

    public static let operation = Operation.updateAgentRuntimeEndpoint
}

/// Output of UpdateAgentRuntimeEndpoint.
public struct UpdateAgentRuntimeEndpointResponse: Shape {
    /// Serving now; absent until the endpoint was READY once.
    public var liveVersion: String?
    /// Being moved to; equal to `liveVersion` when READY.
    public var targetVersion: String?
    public var agentRuntimeEndpointArn: String
    public var agentRuntimeArn: String
    public var status: AgentRuntimeEndpointStatus
    public var createdAt: WireTimestamp
    public var lastUpdatedAt: WireTimestamp

    public init(
        liveVersion: String? = nil, targetVersion: String? = nil, agentRuntimeEndpointArn: String, agentRuntimeArn: String,
        status: AgentRuntimeEndpointStatus, createdAt: WireTimestamp, lastUpdatedAt: WireTimestamp
    ) {
        self.liveVersion = liveVersion
        self.targetVersion = targetVersion
        self.agentRuntimeEndpointArn = agentRuntimeEndpointArn
        self.agentRuntimeArn = agentRuntimeArn
        self.status = status
        self.createdAt = createdAt
        self.lastUpdatedAt = lastUpdatedAt
    }

    public static let schema = Schema.structure(
        "UpdateAgentRuntimeEndpointResponse",
        [
            .optional("liveVersion", .agentRuntimeVersion),
            .optional("targetVersion", .agentRuntimeVersion),
            .required("agentRuntimeEndpointArn", .agentRuntimeEndpointArn),
            .required("agentRuntimeArn", .agentRuntimeArn),
            .required("status", .agentRuntimeEndpointStatus),
            .required("createdAt", .dateTimestamp),
            .required("lastUpdatedAt", .dateTimestamp),
        ])
}
