/// Leaf shapes that several structures share. Names, patterns and lengths are botocore's; where
/// contract §3 marks a newer model, the newer one.
extension Schema {
    static let agentRuntimeName = string("AgentRuntimeName", pattern: "[a-zA-Z][a-zA-Z0-9_]{0,47}")
    static let agentRuntimeId = string("AgentRuntimeId", pattern: "[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}")
    static let agentRuntimeVersion = string("AgentRuntimeVersion", 1...5, pattern: "([1-9][0-9]{0,4})")
    static let agentRuntimeArn = string(
        "AgentRuntimeArn",
        pattern: "arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:runtime/[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}")
    static let agentRuntimeEndpointArn = string(
        "AgentRuntimeEndpointArn",
        pattern:
            "arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:runtime/[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}/runtime-endpoint/[a-zA-Z][a-zA-Z0-9_]{0,47}"
    )
    static let agentRuntimeEndpointId = string("AgentRuntimeEndpointId", pattern: "[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}")
    static let endpointName = string("EndpointName", pattern: "[a-zA-Z][a-zA-Z0-9_]{0,47}", sensitive: true)
    static let description = string("Description", 1...4096, sensitive: true)
    static let agentEndpointDescription = string("AgentEndpointDescription", 1...256, sensitive: true)
    static let clientToken = string("ClientToken", 33...256, pattern: "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}")
    static let maxResults = integer("MaxResults", 1...100)
    static let nextToken = string("NextToken", 1...2048, pattern: #"\S*"#)
    static let roleArn = string("RoleArn", 1...2048, pattern: "arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+")
    static let agentRuntimeStatus = enumeration("AgentRuntimeStatus", AgentRuntimeStatus.self)
    static let agentRuntimeEndpointStatus = enumeration("AgentRuntimeEndpointStatus", AgentRuntimeEndpointStatus.self)
    static let environmentVariablesMap = map(
        "EnvironmentVariablesMap", string("EnvironmentVariableKey", 1...100), string("EnvironmentVariableValue", 0...5000),
        0...50, sensitive: true)
    static let tagKey = string("TagKey", 1...128, pattern: #"[a-zA-Z0-9\s._:/=+@-]*"#)
    static let tagValue = string("TagValue", 0...256, pattern: #"[a-zA-Z0-9\s._:/=+@-]*"#)
    static let tagsMap = map("TagsMap", tagKey, tagValue, 0...50)
    static let taggableResourcesArn = string(
        "TaggableResourcesArn", 20...1011,
        pattern: "arn:(?:[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:([a-z-]+/[^/]+)(?:/[a-z-]+/[^/]+)*")
    static let agentPath = string("AgentPath", 1...2048, pattern: #"/[A-Za-z0-9\-._~/%]*"#)
    /// Ports that the newer model lets an agent listen on; 8443 is taken (contract §3).
    static let agentPort = integer("AgentPort", 8000...12000)
}
