/// Input of CreateAgentRuntimeEndpoint.
public struct CreateAgentRuntimeEndpointRequest: OperationInput {
    public var agentRuntimeId: String
    public var name: String
    /// The newest READY one when absent.
    public var agentRuntimeVersion: String?
    public var description: String?
    public var clientToken: String?
    public var tags: [String: String]?

    public init(
        agentRuntimeId: String, name: String, agentRuntimeVersion: String? = nil, description: String? = nil,
        clientToken: String? = nil, tags: [String: String]? = nil
    ) {
        self.agentRuntimeId = agentRuntimeId
        self.name = name
        self.agentRuntimeVersion = agentRuntimeVersion
        self.description = description
        self.clientToken = clientToken
        self.tags = tags
    }

    public static let schema = Schema.structure(
        "CreateAgentRuntimeEndpointRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .required("name", .endpointName),
            .optional("agentRuntimeVersion", .agentRuntimeVersion),
            .optional("description", .agentEndpointDescription),
            .idempotencyToken("clientToken", .clientToken),
            .optional("tags", .tagsMap),
        ])

    public static let operation = Operation.createAgentRuntimeEndpoint
}

/// Output of CreateAgentRuntimeEndpoint.
public struct CreateAgentRuntimeEndpointResponse: Shape {
    public var targetVersion: String
    public var agentRuntimeEndpointArn: String
    public var agentRuntimeArn: String
    public var agentRuntimeId: String?
    public var endpointName: String?
    public var status: AgentRuntimeEndpointStatus
    public var createdAt: WireTimestamp

    public init(
        targetVersion: String, agentRuntimeEndpointArn: String, agentRuntimeArn: String, agentRuntimeId: String? = nil,
        endpointName: String? = nil, status: AgentRuntimeEndpointStatus, createdAt: WireTimestamp
    ) {
        self.targetVersion = targetVersion
        self.agentRuntimeEndpointArn = agentRuntimeEndpointArn
        self.agentRuntimeArn = agentRuntimeArn
        self.agentRuntimeId = agentRuntimeId
        self.endpointName = endpointName
        self.status = status
        self.createdAt = createdAt
    }

    public static let schema = Schema.structure(
        "CreateAgentRuntimeEndpointResponse",
        [
            .required("targetVersion", .agentRuntimeVersion),
            .required("agentRuntimeEndpointArn", .agentRuntimeEndpointArn),
            .required("agentRuntimeArn", .agentRuntimeArn),
            .optional("agentRuntimeId", .agentRuntimeId),
            .optional("endpointName", .endpointName),
            .required("status", .agentRuntimeEndpointStatus),
            .required("createdAt", .dateTimestamp),
        ])
}
