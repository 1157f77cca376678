/// Input of CreateAgentRuntime (contract §2).
public struct CreateAgentRuntimeRequest: OperationInput {
    public var agentRuntimeName: String
    public var agentRuntimeArtifact: AgentRuntimeArtifact
    public var roleArn: String
    /// Required by the older model; absent means PUBLIC.
    public var networkConfiguration: NetworkConfiguration?
    public var clientToken: String?
    public var description: String?
    public var authorizerConfiguration: AuthorizerConfiguration?
    public var requestHeaderConfiguration: RequestHeaderConfiguration?
    public var protocolConfiguration: ProtocolConfiguration?
    public var lifecycleConfiguration: LifecycleConfiguration?
    /// In neither model on create; accepted when sent (contract §20).
    public var metadataConfiguration: RuntimeMetadataConfiguration?
    /// Sensitive: sealed before it is stored, never logged.
    public var environmentVariables: [String: String]?
    public var filesystemConfigurations: [FilesystemConfiguration]?
    public var tags: [String: String]?
    public var hooksConfiguration: JSONValue?
    public var platformVersion: String?
    public var allowedPorts: [JSONValue]?
    public var resourceConfigurations: [JSONValue]?

    public init(
        agentRuntimeName: String, agentRuntimeArtifact: AgentRuntimeArtifact, roleArn: String,
        networkConfiguration: NetworkConfiguration? = nil, clientToken: String? = nil, description: String? = nil,
        authorizerConfiguration: AuthorizerConfiguration? = nil, requestHeaderConfiguration: RequestHeaderConfiguration? = nil,
        protocolConfiguration: ProtocolConfiguration? = nil, lifecycleConfiguration: LifecycleConfiguration? = nil,
        metadataConfiguration: RuntimeMetadataConfiguration? = nil, environmentVariables: [String: String]? = nil,
        filesystemConfigurations: [FilesystemConfiguration]? = nil, tags: [String: String]? = nil,
        hooksConfiguration: JSONValue? = nil, platformVersion: String? = nil, allowedPorts: [JSONValue]? = nil,
        resourceConfigurations: [JSONValue]? = nil
    ) {
        self.agentRuntimeName = agentRuntimeName
        self.agentRuntimeArtifact = agentRuntimeArtifact
        self.roleArn = roleArn
        self.networkConfiguration = networkConfiguration
        self.clientToken = clientToken
        self.description = description
        self.authorizerConfiguration = authorizerConfiguration
        self.requestHeaderConfiguration = requestHeaderConfiguration
        self.protocolConfiguration = protocolConfiguration
        self.lifecycleConfiguration = lifecycleConfiguration
        self.metadataConfiguration = metadataConfiguration
        self.environmentVariables = environmentVariables
        self.filesystemConfigurations = filesystemConfigurations
        self.tags = tags
        self.hooksConfiguration = hooksConfiguration
        self.platformVersion = platformVersion
        self.allowedPorts = allowedPorts
        self.resourceConfigurations = resourceConfigurations
    }

    public static let schema = Schema.structure(
        "CreateAgentRuntimeRequest",
        [
            .required("agentRuntimeName", .agentRuntimeName),
            .required("agentRuntimeArtifact", AgentRuntimeArtifact.schema),
            .required("roleArn", .roleArn),
            .optional("networkConfiguration", NetworkConfiguration.schema),
            .idempotencyToken("clientToken", .clientToken),
            .optional("description", .description),
            .optional("authorizerConfiguration", AuthorizerConfiguration.schema),
            .optional("requestHeaderConfiguration", RequestHeaderConfiguration.schema),
            .optional("protocolConfiguration", ProtocolConfiguration.schema),
            .optional("lifecycleConfiguration", LifecycleConfiguration.schema),
            .optional("metadataConfiguration", RuntimeMetadataConfiguration.schema),
            .optional("environmentVariables", .environmentVariablesMap),
            .optional("filesystemConfigurations", FilesystemConfiguration.listSchema),
            .optional("tags", .tagsMap),
            .optional("hooksConfiguration", NewerSchemas.hooks),
            .optional("platformVersion", NewerSchemas.platformVersion),
            .optional("allowedPorts", NewerSchemas.allowedPorts),
            .optional("resourceConfigurations", NewerSchemas.resourceConfigurations),
            .refused("capacityProviderConfiguration", because: "capacity providers are not available here"),
        ])

    public static let operation = Operation.createAgentRuntime
}

/// Output of CreateAgentRuntime.
public struct CreateAgentRuntimeResponse: Shape {
    public var agentRuntimeArn: String
    public var workloadIdentityDetails: WorkloadIdentityDetails?
    public var agentRuntimeId: String
    public var agentRuntimeVersion: String
    public var createdAt: WireTimestamp
    public var status: AgentRuntimeStatus

    public init(
        agentRuntimeArn: String, workloadIdentityDetails: WorkloadIdentityDetails? = nil, agentRuntimeId: String,
        agentRuntimeVersion: String, createdAt: WireTimestamp, status: AgentRuntimeStatus
    ) {
        self.agentRuntimeArn = agentRuntimeArn
        self.workloadIdentityDetails = workloadIdentityDetails
        self.agentRuntimeId = agentRuntimeId
        self.agentRuntimeVersion = agentRuntimeVersion
        self.createdAt = createdAt
        self.status = status
    }

    public static let schema = Schema.structure(
        "CreateAgentRuntimeResponse",
        [
            .required("agentRuntimeArn", .agentRuntimeArn),
            .optional("workloadIdentityDetails", WorkloadIdentityDetails.schema),
            .required("agentRuntimeId", .agentRuntimeId),
            .required("agentRuntimeVersion", .agentRuntimeVersion),
            .required("createdAt", .dateTimestamp),
            .required("status", .agentRuntimeStatus),
        ])
}

/// The identity that a runtime acts under; always one (contract §2).
public struct WorkloadIdentityDetails: Shape {
    public var workloadIdentityArn: String

    public init(workloadIdentityArn: String) {
        self.workloadIdentityArn = workloadIdentityArn
    }

    public static let schema = Schema.structure(
        "WorkloadIdentityDetails",
        [
            .required("workloadIdentityArn", .string("WorkloadIdentityArn", 1...1024))
        ])
}
