/// Input of GetAgentRuntime.
public struct GetAgentRuntimeRequest: OperationInput {
    public var agentRuntimeId: String
    /// The newest version when absent.
    public var agentRuntimeVersion: String?

    public init(agentRuntimeId: String, agentRuntimeVersion: String? = nil) {
        self.agentRuntimeId = agentRuntimeId
        self.agentRuntimeVersion = agentRuntimeVersion
    }

    public static let schema = Schema.structure(
        "GetAgentRuntimeRequest",
        [
            .required("agentRuntimeId", .agentRuntimeId, in: .path),
            .optional("agentRuntimeVersion", .agentRuntimeVersion, in: .query("version")),
        ])

    public static let operation = Operation.getAgentRuntime
}

/// Output of GetAgentRuntime: one version's whole configuration.
public struct GetAgentRuntimeResponse: Shape {
    public var agentRuntimeArn: String
    public var agentRuntimeName: String
    public var agentRuntimeId: String
    public var agentRuntimeVersion: String
    public var createdAt: WireTimestamp
    public var lastUpdatedAt: WireTimestamp
    public var roleArn: String
    public var networkConfiguration: NetworkConfiguration
    public var status: AgentRuntimeStatus
    /// Always filled.
    public var lifecycleConfiguration: LifecycleConfiguration
    public var failureReason: String?
    public var description: String?
    public var workloadIdentityDetails: WorkloadIdentityDetails?
    public var agentRuntimeArtifact: AgentRuntimeArtifact?
    public var protocolConfiguration: ProtocolConfiguration?
    /// Sensitive: sealed before it is stored, never logged.
    public var environmentVariables: [String: String]?
    public var authorizerConfiguration: AuthorizerConfiguration?
    public var requestHeaderConfiguration: RequestHeaderConfiguration?
    public var metadataConfiguration: RuntimeMetadataConfiguration?
    public var filesystemConfigurations: [FilesystemConfiguration]?
    public var hooksConfiguration: JSONValue?
    public var platformVersion: String?
    public var allowedPorts: [JSONValue]?
    public var resourceConfigurations: [JSONValue]?

    public init(
        agentRuntimeArn: String, agentRuntimeName: String, agentRuntimeId: String, agentRuntimeVersion: String,
        createdAt: WireTimestamp, lastUpdatedAt: WireTimestamp, roleArn: String, networkConfiguration: NetworkConfiguration,
        status: AgentRuntimeStatus, lifecycleConfiguration: LifecycleConfiguration, failureReason: String? = nil,
        description: String? = nil, workloadIdentityDetails: WorkloadIdentityDetails? = nil,
        agentRuntimeArtifact: AgentRuntimeArtifact? = nil, protocolConfiguration: ProtocolConfiguration? = nil,
        environmentVariables: [String: String]? = nil, authorizerConfiguration: AuthorizerConfiguration? = nil,
        requestHeaderConfiguration: RequestHeaderConfiguration? = nil,
        metadataConfiguration: RuntimeMetadataConfiguration? = nil, filesystemConfigurations: [FilesystemConfiguration]? = nil,
        hooksConfiguration: JSONValue? = nil, platformVersion: String? = nil, allowedPorts: [JSONValue]? = nil,
        resourceConfigurations: [JSONValue]? = nil
    ) {
        self.agentRuntimeArn = agentRuntimeArn
        self.agentRuntimeName = agentRuntimeName
        self.agentRuntimeId = agentRuntimeId
        self.agentRuntimeVersion = agentRuntimeVersion
        self.createdAt = createdAt
        self.lastUpdatedAt = lastUpdatedAt
        self.roleArn = roleArn
        self.networkConfiguration = networkConfiguration
        self.status = status
        self.lifecycleConfiguration = lifecycleConfiguration
        self.failureReason = failureReason
        self.description = description
        self.workloadIdentityDetails = workloadIdentityDetails
        self.agentRuntimeArtifact = agentRuntimeArtifact
        self.protocolConfiguration = protocolConfiguration
        self.environmentVariables = environmentVariables
        self.authorizerConfiguration = authorizerConfiguration
        self.requestHeaderConfiguration = requestHeaderConfiguration
        self.metadataConfiguration = metadataConfiguration
        self.filesystemConfigurations = filesystemConfigurations
        self.hooksConfiguration = hooksConfiguration
        self.platformVersion = platformVersion
        self.allowedPorts = allowedPorts
        self.resourceConfigurations = resourceConfigurations
    }

    public static let schema = Schema.structure(
        "GetAgentRuntimeResponse",
        [
            .required("agentRuntimeArn", .agentRuntimeArn),
            .required("agentRuntimeName", .agentRuntimeName),
            .required("agentRuntimeId", .agentRuntimeId),
            .required("agentRuntimeVersion", .agentRuntimeVersion),
            .required("createdAt", .dateTimestamp),
            .required("lastUpdatedAt", .dateTimestamp),
            .required("roleArn", .roleArn),
            .required("networkConfiguration", NetworkConfiguration.schema),
            .required("status", .agentRuntimeStatus),
            .required("lifecycleConfiguration", LifecycleConfiguration.schema),
            .optional("failureReason", .plainString),
            .optional("description", .description),
            .optional("workloadIdentityDetails", WorkloadIdentityDetails.schema),
            .optional("agentRuntimeArtifact", AgentRuntimeArtifact.schema),
            .optional("protocolConfiguration", ProtocolConfiguration.schema),
            .optional("environmentVariables", .environmentVariablesMap),
            .optional("authorizerConfiguration", AuthorizerConfiguration.schema),
            .optional("requestHeaderConfiguration", RequestHeaderConfiguration.schema),
            .optional("metadataConfiguration", RuntimeMetadataConfiguration.schema),
            .optional("filesystemConfigurations", FilesystemConfiguration.listSchema),
            .optional("hooksConfiguration", NewerSchemas.hooks),
            .optional("platformVersion", NewerSchemas.platformVersion),
            .optional("allowedPorts", NewerSchemas.allowedPorts),
            .optional("resourceConfigurations", NewerSchemas.resourceConfigurations),
        ])
}
