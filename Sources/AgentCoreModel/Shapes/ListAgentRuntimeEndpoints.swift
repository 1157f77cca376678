/// Input of ListAgentRuntimeEndpoints. The filters are Signalbox's own; see `ListFilter`.
public struct ListAgentRuntimeEndpointsRequest: OperationInput {
    public var agentRuntimeId: String
    /// 1–100; 100 when absent.
    public var maxResults: Int?
    public var nextToken: String?
    public var namePrefix: String?
    public var status: [AgentRuntimeStatus]?
    public var tags: [String: String]?

    public init(
        agentRuntimeId: String, maxResults: Int? = nil, nextToken: String? = nil, namePrefix: String? = nil,
        status: [AgentRuntimeStatus]? = nil, tags: [String: String]? = nil
    ) {
        self.agentRuntimeId = agentRuntimeId
        self.maxResults = maxResults
        self.nextToken = nextToken
        self.namePrefix = namePrefix
        self.status = status
        self.tags = tags
    }

    public static let schema = Schema.structure(
        "ListAgentRuntimeEndpointsRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .optional("maxResults", .maxResults, in: .query("maxResults")),
            .optional("nextToken", .nextToken, in: .query("nextToken")),
        ] + ListFilter.members)

    public static let operation = Operation.listAgentRuntimeEndpoints

    public var filter: ListFilter { ListFilter(namePrefix: namePrefix, status: status, tags: tags) }
}

/// Output of ListAgentRuntimeEndpoints.
public struct ListAgentRuntimeEndpointsResponse: Shape {
    public var runtimeEndpoints: [AgentRuntimeEndpoint]
    public var nextToken: String?

    public init(runtimeEndpoints: [AgentRuntimeEndpoint], nextToken: String? = nil) {
        self.runtimeEndpoints = runtimeEndpoints
        self.nextToken = nextToken
    }

    public static let schema = Schema.structure(
        "ListAgentRuntimeEndpointsResponse",
        [
            .required("runtimeEndpoints", .list("AgentRuntimeEndpoints", of: AgentRuntimeEndpoint.schema)),
            .optional("nextToken", .nextToken),
        ])
}

/// One line of the list of endpoints.
public struct AgentRuntimeEndpoint: Shape {
    public var name: String
    /// Serving now; absent until the endpoint was READY once.
    public var liveVersion: String?
    /// Being moved to; equal to `liveVersion` when READY.
    public var targetVersion: String?
    public var agentRuntimeEndpointArn: String
    public var agentRuntimeArn: String
    public var status: AgentRuntimeEndpointStatus
    public var id: String
    public var description: String?
    public var createdAt: WireTimestamp
    public var lastUpdatedAt: WireTimestamp

    public init(
        name: String, liveVersion: String? = nil, targetVersion: String? = nil, agentRuntimeEndpointArn: String,
        agentRuntimeArn: String, status: AgentRuntimeEndpointStatus, id: String, description: String? = nil,
        createdAt: WireTimestamp, lastUpdatedAt: WireTimestamp
    ) {
        self.name = name
        self.liveVersion = liveVersion
        self.targetVersion = targetVersion
        self.agentRuntimeEndpointArn = agentRuntimeEndpointArn
        self.agentRuntimeArn = agentRuntimeArn
        self.status = status
        self.id = id
        self.description = description
        self.createdAt = createdAt
        self.lastUpdatedAt = lastUpdatedAt
    }

    public static let schema = Schema.structure(
        "AgentRuntimeEndpoint",
        [
            .required("name", .endpointName),
            .optional("liveVersion", .agentRuntimeVersion),
            .optional("targetVersion", .agentRuntimeVersion),
            .required("agentRuntimeEndpointArn", .agentRuntimeEndpointArn),
            .required("agentRuntimeArn", .agentRuntimeArn),
            .required("status", .agentRuntimeEndpointStatus),
            .required("id", .agentRuntimeEndpointId),
            .optional("description", .agentEndpointDescription),
            .required("createdAt", .dateTimestamp),
            .required("lastUpdatedAt", .dateTimestamp),
        ])
}
