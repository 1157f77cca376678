/// Input of ListAgentRuntimes. The filters are Signalbox's own; see `ListFilter`.
public struct ListAgentRuntimesRequest: OperationInput {
    /// 1–100; 100 when absent.
    public var maxResults: Int?
    public var nextToken: String?
    public var namePrefix: String?
    public var status: [AgentRuntimeStatus]?
    public var tags: [String: String]?

    public init(
        maxResults: Int? = nil, nextToken: String? = nil, namePrefix: String? = nil, status: [AgentRuntimeStatus]? = nil,
        tags: [String: String]? = nil
    ) {
        self.maxResults = maxResults
        self.nextToken = nextToken
        self.namePrefix = namePrefix
        self.status = status
        self.tags = tags
    }

    public static let schema = Schema.structure(
        "ListAgentRuntimesRequest",
        [
            .optional("maxResults", .maxResults, in: .query("maxResults")),
            .optional("nextToken", .nextToken, in: .query("nextToken")),
        ] + ListFilter.members)

    public static let operation = Operation.listAgentRuntimes

    public var filter: ListFilter { ListFilter(namePrefix: namePrefix, status: status, tags: tags) }
}

/// Output of ListAgentRuntimes.
public struct ListAgentRuntimesResponse: Shape {
    public var agentRuntimes: [AgentRuntime]
    public var nextToken: String?

    public init(agentRuntimes: [AgentRuntime], nextToken: String? = nil) {
        self.agentRuntimes = agentRuntimes
        self.nextToken = nextToken
    }

    public static let schema = Schema.structure(
        "ListAgentRuntimesResponse",
        [
            .required("agentRuntimes", .list("AgentRuntimes", of: AgentRuntime.schema)),
            .optional("nextToken", .nextToken),
        ])
}

/// Input of ListAgentRuntimeVersions.
public struct ListAgentRuntimeVersionsRequest: OperationInput {
    public var agentRuntimeId: String
    /// 1–100; 100 when absent.
    public var maxResults: Int?
    public var nextToken: String?

    public init(agentRuntimeId: String, maxResults: Int? = nil, nextToken: String? = nil) {
        self.agentRuntimeId = agentRuntimeId
        self.maxResults = maxResults
        self.nextToken = nextToken
    }

    public static let schema = Schema.structure(
        "ListAgentRuntimeVersionsRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .optional("maxResults", .maxResults, in: .query("maxResults")),
            .optional("nextToken", .nextToken, in: .query("nextToken")),
        ])

    public static let operation = Operation.listAgentRuntimeVersions
}

/// Output of ListAgentRuntimeVersions.
public struct ListAgentRuntimeVersionsResponse: Shape {
    public var agentRuntimes: [AgentRuntime]
    public var nextToken: String?

    public init(agentRuntimes: [AgentRuntime], nextToken: String? = nil) {
        self.agentRuntimes = agentRuntimes
        self.nextToken = nextToken
    }

    public static let schema = Schema.structure(
        "ListAgentRuntimeVersionsResponse",
        [
            .required("agentRuntimes", .list("AgentRuntimes", of: AgentRuntime.schema)),
            .optional("nextToken", .nextToken),
        ])
}

/// One line of a list: a runtime at its newest version, or one of its versions.
public struct AgentRuntime: Shape {
    public var agentRuntimeArn: String
    public var agentRuntimeId: String
    public var agentRuntimeVersion: String
    public var agentRuntimeName: String
    /// The model says required, with at least one character; left out when unset (contract §2).
    public var description: String?
    public var lastUpdatedAt: WireTimestamp
    public var status: AgentRuntimeStatus

    public init(
        agentRuntimeArn: String, agentRuntimeId: String, agentRuntimeVersion: String, agentRuntimeName: String,
        description: String? = nil, lastUpdatedAt: WireTimestamp, status: AgentRuntimeStatus
    ) {
        self.agentRuntimeArn = agentRuntimeArn
        self.agentRuntimeId = agentRuntimeId
        self.agentRuntimeVersion = agentRuntimeVersion
        self.agentRuntimeName = agentRuntimeName
        self.description = description
        self.lastUpdatedAt = lastUpdatedAt
        self.status = status
    }

    public static let schema = Schema.structure(
        "AgentRuntime",
        [
            .required("agentRuntimeArn", .agentRuntimeArn),
            .required("agentRuntimeId", .agentRuntimeId),
            .required("agentRuntimeVersion", .agentRuntimeVersion),
            .required("agentRuntimeName", .agentRuntimeName),
            .optional("description", .description),
            .required("lastUpdatedAt", .dateTimestamp),
            .required("status", .agentRuntimeStatus),
        ])
}
