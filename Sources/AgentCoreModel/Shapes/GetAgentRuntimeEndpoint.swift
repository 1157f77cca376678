/// Input of GetAgentRuntimeEndpoint.
public struct GetAgentRuntimeEndpointRequest: OperationInput {
    public var agentRuntimeId: String
    public var endpointName: String

    public init(agentRuntimeId: String, endpointName: String) {
        self.agentRuntimeId = agentRuntimeId
        self.endpointName = endpointName
    }

    public static let schema = Schema.structure(
        "GetAgentRuntimeEndpointRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .required("endpointName", .endpointName, in: .path),
        ])

    public static let operation = Operation.getAgentRuntimeEndpoint
}

/// Output of GetAgentRuntimeEndpoint.
public struct GetAgentRuntimeEndpointResponse: Shape {
    /// Serving now; absent until the endpoint was READY once.
    public var liveVersion: String?
    /// Being moved to; equal to `liveVersion` when READY.
    public var targetVersion: String?
    public var agentRuntimeEndpointArn: String
    public var agentRuntimeArn: String
    public var description: String?
    public var status: AgentRuntimeEndpointStatus
    public var createdAt: WireTimestamp
    public var lastUpdatedAt: WireTimestamp
    public var failureReason: String?
    public var name: String
    public var id: String

    public init(
        liveVersion: String? = nil, targetVersion: String? = nil, agentRuntimeEndpointArn: String, agentRuntimeArn: String,
        description: String? = nil, status: AgentRuntimeEndpointStatus, createdAt: WireTimestamp, lastUpdatedAt: WireTimestamp,
        failureReason: String? = nil, name: String, id: String
    ) {
        self.liveVersion = liveVersion
        self.targetVersion = targetVersion
        self.agentRuntimeEndpointArn = agentRuntimeEndpointArn
        self.agentRuntimeArn = agentRuntimeArn
        self.description = description
        self.status = status
        self.createdAt = createdAt
        self.lastUpdatedAt = lastUpdatedAt
        self.failureReason = failureReason
        self.name = name
        self.id = id
    }

    public static let schema = Schema.structure(
        "GetAgentRuntimeEndpointResponse",
        [
            .optional("liveVersion", .agentRuntimeVersion),
            .optional("targetVersion", .agentRuntimeVersion),
            .required("agentRuntimeEndpointArn", .agentRuntimeEndpointArn),
            .required("agentRuntimeArn", .agentRuntimeArn),
            .optional("description", .agentEndpointDescription),
            .required("status", .agentRuntimeEndpointStatus),
            .required("createdAt", .dateTimestamp),
            .required("lastUpdatedAt", .dateTimestamp),
            .optional("failureReason", .plainString),
            .required("name", .endpointName),
            .required("id", .agentRuntimeEndpointId),
        ])
}

/// Input of DeleteAgentRuntimeEndpoint.
public struct DeleteAgentRuntimeEndpointRequest: OperationInput {
    public var agentRuntimeId: String
    public var endpointName: String
    public var clientToken: String?

    public init(agentRuntimeId: String, endpointName: String, clientToken: String? = nil) {
        self.agentRuntimeId = agentRuntimeId
        self.endpointName = endpointName
        self.clientToken = clientToken
    }

    public static let schema = Schema.structure(
        "DeleteAgentRuntimeEndpointRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .required("endpointName", .endpointName, in: .path),
            .idempotencyToken("clientToken", .clientToken, in: .query("clientToken")),
        ])

    public static let operation = Operation.deleteAgentRuntimeEndpoint
}

/// Output of DeleteAgentRuntimeEndpoint.
public struct DeleteAgentRuntimeEndpointResponse: Shape {
    public var status: AgentRuntimeEndpointStatus
    public var agentRuntimeId: String?
    public var endpointName: String?

    public init(status: AgentRuntimeEndpointStatus, agentRuntimeId: String? = nil, endpointName: String? = nil) {
        self.status = status
        self.agentRuntimeId = agentRuntimeId
        self.endpointName = endpointName
    }

    public static let schema = Schema.structure(
        "DeleteAgentRuntimeEndpointResponse",
        [
            .required("status", .agentRuntimeEndpointStatus),
            .optional("agentRuntimeId", .agentRuntimeId),
            .optional("endpointName", .endpointName),
        ])
}
