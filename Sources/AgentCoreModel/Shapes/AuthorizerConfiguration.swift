/// Who may invoke: absent means SigV4, `customJWTAuthorizer` means bearer tokens only (contract §9).
public struct AuthorizerConfiguration: Shape {
    public var customJWTAuthorizer: CustomJWTAuthorizerConfiguration?

    public init(customJWTAuthorizer: CustomJWTAuthorizerConfiguration? = nil) {
        self.customJWTAuthorizer = customJWTAuthorizer
    }

    public static let schema = Schema.union(
        "AuthorizerConfiguration",
        [
            .optional("customJWTAuthorizer", CustomJWTAuthorizerConfiguration.schema)
        ])
}

/// Checks of a bearer token; every group that is given must pass.
public struct CustomJWTAuthorizerConfiguration: Shape {
    public var discoveryUrl: String
    public var allowedAudience: [String]?
    public var allowedClients: [String]?
    public var allowedScopes: [String]?
    public var customClaims: [CustomClaimValidationType]?
    /// VPC Lattice: stored and returned only.
    public var privateEndpoint: JSONValue?
    public var privateEndpointOverrides: [JSONValue]?
    /// Newer model: changes only what the protected-resource metadata advertises.
    public var advertisedScopeMapping: [String: String]?
    /// Newer model.
    public var allowedWorkloadConfiguration: AllowedWorkloadConfiguration?

    public init(
        discoveryUrl: String, allowedAudience: [String]? = nil, allowedClients: [String]? = nil, allowedScopes: [String]? = nil,
        customClaims: [CustomClaimValidationType]? = nil, privateEndpoint: JSONValue? = nil,
        privateEndpointOverrides: [JSONValue]? = nil, advertisedScopeMapping: [String: String]? = nil,
        allowedWorkloadConfiguration: AllowedWorkloadConfiguration? = nil
    ) {
        self.discoveryUrl = discoveryUrl
        self.allowedAudience = allowedAudience
        self.allowedClients = allowedClients
        self.allowedScopes = allowedScopes
        self.customClaims = customClaims
        self.privateEndpoint = privateEndpoint
        self.privateEndpointOverrides = privateEndpointOverrides
        self.advertisedScopeMapping = advertisedScopeMapping
        self.allowedWorkloadConfiguration = allowedWorkloadConfiguration
    }

    public static let schema = Schema.structure(
        "CustomJWTAuthorizerConfiguration",
        [
            .required(
                "discoveryUrl",
                .string(
                    "DiscoveryUrl", pattern: #"[^\s?#]+/\.well-known/(openid-configuration|oauth-authorization-server)(/[^\s?#]+)?"#)),
            .optional("allowedAudience", .list("AllowedAudienceList", of: .string("AllowedAudience"), atLeast: 1)),
            .optional("allowedClients", .list("AllowedClientsList", of: .string("AllowedClient"), atLeast: 1)),
            .optional(
                "allowedScopes",
                .list(
                    "AllowedScopesType", of: .string("AllowedScopeType", 1...255, pattern: #"[\x21\x23-\x5B\x5D-\x7E]+"#), atLeast: 1)),
            .optional("customClaims", .list("CustomClaimValidationsType", of: CustomClaimValidationType.schema, atLeast: 1)),
            .optional("privateEndpoint", PrivateEndpointSchemas.endpoint),
            .optional("privateEndpointOverrides", PrivateEndpointSchemas.overrides),
            .optional("advertisedScopeMapping", .map("AdvertisedScopeMapping", .plainString, .plainString, 1...50)),
            .optional("allowedWorkloadConfiguration", AllowedWorkloadConfiguration.schema),
            .refused("certificateConfigurations", because: "certificates for private endpoints are not available here"),
        ])
}

/// One claim of a token and what it must hold.
public struct CustomClaimValidationType: Shape {
    public var inboundTokenClaimName: String
    public var inboundTokenClaimValueType: InboundTokenClaimValueType
    public var authorizingClaimMatchValue: AuthorizingClaimMatchValueType

    public init(
        inboundTokenClaimName: String, inboundTokenClaimValueType: InboundTokenClaimValueType,
        authorizingClaimMatchValue: AuthorizingClaimMatchValueType
    ) {
        self.inboundTokenClaimName = inboundTokenClaimName
        self.inboundTokenClaimValueType = inboundTokenClaimValueType
        self.authorizingClaimMatchValue = authorizingClaimMatchValue
    }

    public static let schema = Schema.structure(
        "CustomClaimValidationType",
        [
            .required("inboundTokenClaimName", .string("InboundTokenClaimNameType", 1...255, pattern: "[A-Za-z0-9_.-:]+")),
            .required("inboundTokenClaimValueType", InboundTokenClaimValueType.schema),
            .required("authorizingClaimMatchValue", AuthorizingClaimMatchValueType.schema),
        ])
}

/// Kind of a claim's value.
public enum InboundTokenClaimValueType: String, Codable, Sendable, CaseIterable {
    case string = "STRING"
    case stringArray = "STRING_ARRAY"

    static let schema = Schema.enumeration("InboundTokenClaimValueType", InboundTokenClaimValueType.self)
}

/// The comparison of one claim.
public struct AuthorizingClaimMatchValueType: Shape {
    public var claimMatchValue: ClaimMatchValueType
    public var claimMatchOperator: ClaimMatchOperatorType

    public init(claimMatchValue: ClaimMatchValueType, claimMatchOperator: ClaimMatchOperatorType) {
        self.claimMatchValue = claimMatchValue
        self.claimMatchOperator = claimMatchOperator
    }

    public static let schema = Schema.structure(
        "AuthorizingClaimMatchValueType",
        [
            .required("claimMatchValue", ClaimMatchValueType.schema),
            .required("claimMatchOperator", ClaimMatchOperatorType.schema),
        ])
}

/// How a claim is compared.
public enum ClaimMatchOperatorType: String, Codable, Sendable, CaseIterable {
    case equals = "EQUALS"
    case contains = "CONTAINS"
    case containsAny = "CONTAINS_ANY"

    static let schema = Schema.enumeration("ClaimMatchOperatorType", ClaimMatchOperatorType.self)
}

/// What a claim is compared with: exactly one member is set.
public struct ClaimMatchValueType: Shape {
    public var matchValueString: String?
    public var matchValueStringList: [String]?

    public init(matchValueString: String? = nil, matchValueStringList: [String]? = nil) {
        self.matchValueString = matchValueString
        self.matchValueStringList = matchValueStringList
    }

    public static let schema = Schema.union(
        "ClaimMatchValueType",
        [
            .optional("matchValueString", matchValue),
            .optional("matchValueStringList", .list("MatchValueStringList", of: matchValue, atLeast: 1)),
        ])

    private static let matchValue = Schema.string("MatchValueString", 1...255, pattern: "[A-Za-z0-9_.-]+")
}

/// Workloads that may call (newer model). Either member may match.
public struct AllowedWorkloadConfiguration: Shape {
    public var hostingEnvironments: [HostingEnvironment]?
    public var workloadIdentities: [String]?

    public init(hostingEnvironments: [HostingEnvironment]? = nil, workloadIdentities: [String]? = nil) {
        self.hostingEnvironments = hostingEnvironments
        self.workloadIdentities = workloadIdentities
    }

    public static let schema = Schema.structure(
        "AllowedWorkloadConfiguration",
        [
            .optional("hostingEnvironments", .list("HostingEnvironments", of: HostingEnvironment.schema, 1...10)),
            .optional("workloadIdentities", .list("WorkloadIdentities", of: .string("WorkloadIdentity", minimum: 1), 1...10)),
        ])
}

/// A place a workload runs in.
public struct HostingEnvironment: Shape {
    public var arn: String

    public init(arn: String) {
        self.arn = arn
    }

    public static let schema = Schema.structure(
        "HostingEnvironment",
        [
            .required("arn", .string("HostingEnvironmentArn", 1...1024))
        ])
}
