/// Input of UpdateAgentRuntime: a full replacement, whatever is left out is cleared (contract §7).
public struct UpdateAgentRuntimeRequest: OperationInput {
    public var agentRuntimeId: String
    public var agentRuntimeArtifact: AgentRuntimeArtifact
    public var roleArn: String
    /// Required by the older model; absent means PUBLIC.
    public var networkConfiguration: NetworkConfiguration?
    public var description: String?
    public var authorizerConfiguration: AuthorizerConfiguration?
    public var requestHeaderConfiguration: RequestHeaderConfiguration?
    public var protocolConfiguration: ProtocolConfiguration?
    public var lifecycleConfiguration: LifecycleConfiguration?
    public var metadataConfiguration: RuntimeMetadataConfiguration?
    /// Sensitive: sealed before it is stored, never logged.
    public var environmentVariables: [String: String]?
    public var filesystemConfigurations: [FilesystemConfiguration]?
    public var clientToken: String?
    public var hooksConfiguration: JSONValue?
    public var platformVersion: String?
    public var allowedPorts: [JSONValue]?
    public var resourceConfigurations: [JSONValue]?

    public init(
        agentRuntimeId: String, agentRuntimeArtifact: AgentRuntimeArtifact, roleArn: String,
        networkConfiguration: NetworkConfiguration? = nil, description: String? = nil,
        authorizerConfiguration: AuthorizerConfiguration? = nil, requestHeaderConfiguration: RequestHeaderConfiguration? = nil,
        protocolConfiguration: ProtocolConfiguration? = nil, lifecycleConfiguration: LifecycleConfiguration? = nil,
        metadataConfiguration: RuntimeMetadataConfiguration? = nil, environmentVariables: [String: String]? = nil,
        filesystemConfigurations: [FilesystemConfiguration]? = nil, clientToken: String? = nil,
        hooksConfiguration: JSONValue? = nil, platformVersion: String? = nil, allowedPorts: [JSONValue]? = nil,
        resourceConfigurations: [JSONValue]? = nil
    ) {
        self.agentRuntimeId = agentRuntimeId
        self.agentRuntimeArtifact = agentRuntimeArtifact
        self.roleArn = roleArn
        self.networkConfiguration = networkConfiguration
        self.description = description
        self.authorizerConfiguration = authorizerConfiguration
        self.requestHeaderConfiguration = requestHeaderConfiguration
        self.protocolConfiguration = protocolConfiguration
        self.lifecycleConfiguration = lifecycleConfiguration
        self.metadataConfiguration = metadataConfiguration
        self.environmentVariables = environmentVariables
        self.filesystemConfigurations = filesystemConfigurations
        self.clientToken = clientToken
        self.hooksConfiguration = hooksConfiguration
        self.platformVersion = platformVersion
        self.allowedPorts = allowedPorts
        self.resourceConfigurations = resourceConfigurations
    }

    public static let schema = Schema.structure(
        "UpdateAgentRuntimeRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .required("agentRuntimeArtifact", AgentRuntimeArtifact.schema),
            .required("roleArn", .roleArn),
            .optional("networkConfiguration", NetworkConfiguration.schema),
            .optional("description", .description),
            .optional("authorizerConfiguration", AuthorizerConfiguration.schema),
            .optional("requestHeaderConfiguration", RequestHeaderConfiguration.schema),
            .optional("protocolConfiguration", ProtocolConfiguration.schema),
            .optional("lifecycleConfiguration", LifecycleConfiguration.schema),
            .optional("metadataConfiguration", RuntimeMetadataConfiguration.schema),
            .optional("environmentVariables", .environmentVariablesMap),
            .optional("filesystemConfigurations", FilesystemConfiguration.listSchema),
            .idempotencyToken("clientToken", .clientToken),
            .optional("hooksConfiguration", NewerSchemas.hooks),
            .optional("platformVersion", NewerSchemas.platformVersion),
            .optional("allowedPorts", NewerSchemas.allowedPorts),
            .optional("resourceConfigurations", NewerSchemas.resourceConfigurations),
            .refused("capacityProviderConfiguration", because: "capacity providers are not available here"),
        ])

    public static let operation = Operation.updateAgentRuntime
}

/// Output of UpdateAgentRuntime.
public struct UpdateAgentRuntimeResponse: Shape {
    public var agentRuntimeArn: String
    public var agentRuntimeId: String
    public var workloadIdentityDetails: WorkloadIdentityDetails?
    public var agentRuntimeVersion: String
    public var createdAt: WireTimestamp
    public var lastUpdatedAt: WireTimestamp
    public var status: AgentRuntimeStatus

    public init(
        agentRuntimeArn: String, agentRuntimeId: String, workloadIdentityDetails: WorkloadIdentityDetails? = nil,
        agentRuntimeVersion: String, createdAt: WireTimestamp, lastUpdatedAt: WireTimestamp, status: AgentRuntimeStatus
    ) {
        self.agentRuntimeArn = agentRuntimeArn
        self.agentRuntimeId = agentRuntimeId
        self.workloadIdentityDetails = workloadIdentityDetails
        self.agentRuntimeVersion = agentRuntimeVersion
        self.createdAt = createdAt
        self.lastUpdatedAt = lastUpdatedAt
        self.status = status
    }

    public static let schema = Schema.structure(
        "UpdateAgentRuntimeResponse",
        [
            .required("agentRuntimeArn", .agentRuntimeArn),
            .required("agentRuntimeId", .agentRuntimeId),
            .optional("workloadIdentityDetails", WorkloadIdentityDetails.schema),
            .required("agentRuntimeVersion", .agentRuntimeVersion),
            .required("createdAt", .dateTimestamp),
            .required("lastUpdatedAt", .dateTimestamp),
            .required("status", .agentRuntimeStatus),
        ])
}
