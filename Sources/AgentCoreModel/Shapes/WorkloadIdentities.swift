/// Input of CreateWorkloadIdentity.
public struct CreateWorkloadIdentityRequest: OperationInput {
    /// Unique in the account and region.
    public var name: String
    public var allowedResourceOauth2ReturnUrls: [String]?
    public var tags: [String: String]?

    public init(name: String, allowedResourceOauth2ReturnUrls: [String]? = nil, tags: [String: String]? = nil) {
        self.name = name
        self.allowedResourceOauth2ReturnUrls = allowedResourceOauth2ReturnUrls
        self.tags = tags
    }

    public static let schema = Schema.structure(
        "CreateWorkloadIdentityRequest",
        [
            .required("name", .workloadIdentityName),
            .optional("allowedResourceOauth2ReturnUrls", .oauth2ReturnURLs),
            .optional("tags", .tagsMap),
        ])

    public static let operation = Operation.createWorkloadIdentity

    public func ruleFailures(_ options: ValidationOptions) -> [RuleFailure] { TagRules.failures(tags ?? [:]) }
}

/// Output of CreateWorkloadIdentity.
public struct CreateWorkloadIdentityResponse: Shape {
    public var name: String
    public var workloadIdentityArn: String
    public var allowedResourceOauth2ReturnUrls: [String]?

    public init(name: String, workloadIdentityArn: String, allowedResourceOauth2ReturnUrls: [String]? = nil) {
        self.name = name
        self.workloadIdentityArn = workloadIdentityArn
        self.allowedResourceOauth2ReturnUrls = allowedResourceOauth2ReturnUrls
    }

    public static let schema = Schema.structure(
        "CreateWorkloadIdentityResponse",
        [
            .required("name", .workloadIdentityName),
            .required("workloadIdentityArn", .workloadIdentityArn),
            .optional("allowedResourceOauth2ReturnUrls", .oauth2ReturnURLs),
        ])
}

/// Input of GetWorkloadIdentity.
public struct GetWorkloadIdentityRequest: OperationInput {
    public var name: String

    public init(name: String) { self.name = name }

    public static let schema = Schema.structure("GetWorkloadIdentityRequest", [.required("name", .workloadIdentityName)])

    public static let operation = Operation.getWorkloadIdentity
}

/// Output of GetWorkloadIdentity.
public struct GetWorkloadIdentityResponse: Shape {
    public var name: String
    public var workloadIdentityArn: String
    public var allowedResourceOauth2ReturnUrls: [String]?
    public var createdTime: EpochTimestamp
    public var lastUpdatedTime: EpochTimestamp

    public init(
        name: String, workloadIdentityArn: String, allowedResourceOauth2ReturnUrls: [String]? = nil,
        createdTime: EpochTimestamp, lastUpdatedTime: EpochTimestamp
    ) {
        self.name = name
        self.workloadIdentityArn = workloadIdentityArn
        self.allowedResourceOauth2ReturnUrls = allowedResourceOauth2ReturnUrls
        self.createdTime = createdTime
        self.lastUpdatedTime = lastUpdatedTime
    }

    public static let schema = Schema.structure("GetWorkloadIdentityResponse", Schema.workloadIdentityMembers)
}

/// Input of UpdateWorkloadIdentity.
public struct UpdateWorkloadIdentityRequest: OperationInput {
    public var name: String
    /// Replaces the whole list; left alone when absent.
    public var allowedResourceOauth2ReturnUrls: [String]?

    public init(name: String, allowedResourceOauth2ReturnUrls: [String]? = nil) {
        self.name = name
        self.allowedResourceOauth2ReturnUrls = allowedResourceOauth2ReturnUrls
    }

    public static let schema = Schema.structure(
        "UpdateWorkloadIdentityRequest",
        [
            .required("name", .workloadIdentityName),
            .optional("allowedResourceOauth2ReturnUrls", .oauth2ReturnURLs),
        ])

    public static let operation = Operation.updateWorkloadIdentity
}

/// Output of UpdateWorkloadIdentity.
public struct UpdateWorkloadIdentityResponse: Shape {
    public var name: String
    public var workloadIdentityArn: String
    public var allowedResourceOauth2ReturnUrls: [String]?
    public var createdTime: EpochTimestamp
    public var lastUpdatedTime: EpochTimestamp

    public init(
        name: String, workloadIdentityArn: String, allowedResourceOauth2ReturnUrls: [String]? = nil,
        createdTime: EpochTimestamp, lastUpdatedTime: EpochTimestamp
    ) {
        self.name = name
        self.workloadIdentityArn = workloadIdentityArn
        self.allowedResourceOauth2ReturnUrls = allowedResourceOauth2ReturnUrls
        self.createdTime = createdTime
        self.lastUpdatedTime = lastUpdatedTime
    }

    public static let schema = Schema.structure("UpdateWorkloadIdentityResponse", Schema.workloadIdentityMembers)
}

/// Input of DeleteWorkloadIdentity.
public struct DeleteWorkloadIdentityRequest: OperationInput {
    public var name: String

    public init(name: String) { self.name = name }

    public static let schema = Schema.structure("DeleteWorkloadIdentityRequest", [.required("name", .workloadIdentityName)])

    public static let operation = Operation.deleteWorkloadIdentity
}

/// Output of DeleteWorkloadIdentity: nothing.
public struct DeleteWorkloadIdentityResponse: Shape {
    public init() {}

    public static let schema = Schema.structure("DeleteWorkloadIdentityResponse", [])
}

/// Input of ListWorkloadIdentities, whose paging is in the body.
public struct ListWorkloadIdentitiesRequest: OperationInput {
    public var nextToken: String?
    /// 1–20; 20 when absent.
    public var maxResults: Int?

    public init(nextToken: String? = nil, maxResults: Int? = nil) {
        self.nextToken = nextToken
        self.maxResults = maxResults
    }

    public static let schema = Schema.structure(
        "ListWorkloadIdentitiesRequest",
        [
            .optional("nextToken", .plainString),
            .optional("maxResults", .integer("ListWorkloadIdentitiesRequestMaxResultsInteger", 1...20)),
        ])

    public static let operation = Operation.listWorkloadIdentities
}

/// Output of ListWorkloadIdentities.
public struct ListWorkloadIdentitiesResponse: Shape {
    public var workloadIdentities: [WorkloadIdentityItem]
    public var nextToken: String?

    public init(workloadIdentities: [WorkloadIdentityItem], nextToken: String? = nil) {
        self.workloadIdentities = workloadIdentities
        self.nextToken = nextToken
    }

    public static let schema = Schema.structure(
        "ListWorkloadIdentitiesResponse",
        [
            .required("workloadIdentities", .list("WorkloadIdentityList", of: WorkloadIdentityItem.schema)),
            .optional("nextToken", .plainString),
        ])
}

/// One line of the list of workload identities.
public struct WorkloadIdentityItem: Shape {
    public var name: String
    public var workloadIdentityArn: String

    public init(name: String, workloadIdentityArn: String) {
        self.name = name
        self.workloadIdentityArn = workloadIdentityArn
    }

    public static let schema = Schema.structure(
        "WorkloadIdentityType",
        [.required("name", .workloadIdentityName), .required("workloadIdentityArn", .workloadIdentityArn)])
}

extension Schema {
    fileprivate static let workloadIdentityName = string("WorkloadIdentityNameType", 3...255, pattern: "[A-Za-z0-9_.-]+")
    fileprivate static let workloadIdentityArn = string("WorkloadIdentityArnType", 1...1024)
    fileprivate static let oauth2ReturnURLs = list(
        "ResourceOauth2ReturnUrlListType", of: string("ResourceOauth2ReturnUrlType", 1...2048, pattern: #"\w+:(\/?\/?)[^\s]+"#))
    /// What Get and Update answer alike.
    fileprivate static let workloadIdentityMembers: [Member] = [
        .required("name", .workloadIdentityName),
        .required("workloadIdentityArn", .workloadIdentityArn),
        .optional("allowedResourceOauth2ReturnUrls", .oauth2ReturnURLs),
        .required("createdTime", .epochTimestamp),
        .required("lastUpdatedTime", .epochTimestamp),
    ]
}
