/// What a resource policy can name: the operations that have a runtime or an endpoint as their
/// resource (ADR 5). Names as in IAM, after the service's prefix.
public enum PolicyAction: String, Sendable, CaseIterable, Hashable {
    // Data plane (contract §15). Those that have no route yet may be named; whoever adds the route asks.
    case invokeAgentRuntime = "InvokeAgentRuntime"
    /// Besides InvokeAgentRuntime when the caller names a user.
    case invokeAgentRuntimeForUser = "InvokeAgentRuntimeForUser"
    case invokeAgentRuntimeCommand = "InvokeAgentRuntimeCommand"
    case invokeAgentRuntimeCommandShell = "InvokeAgentRuntimeCommandShell"
    case invokeAgentRuntimeWithWebSocketStream = "InvokeAgentRuntimeWithWebSocketStream"
    case invokeAgentRuntimeWithWebSocketStreamForUser = "InvokeAgentRuntimeWithWebSocketStreamForUser"
    case stopRuntimeSession = "StopRuntimeSession"
    case getAgentCard = "GetAgentCard"

    // A runtime's.
    case getAgentRuntime = "GetAgentRuntime"
    case updateAgentRuntime = "UpdateAgentRuntime"
    case deleteAgentRuntime = "DeleteAgentRuntime"
    case listAgentRuntimeVersions = "ListAgentRuntimeVersions"
    case createAgentRuntimeEndpoint = "CreateAgentRuntimeEndpoint"
    case listAgentRuntimeEndpoints = "ListAgentRuntimeEndpoints"

    // An endpoint's. A rollback is an update, too.
    case getAgentRuntimeEndpoint = "GetAgentRuntimeEndpoint"
    case updateAgentRuntimeEndpoint = "UpdateAgentRuntimeEndpoint"
    case deleteAgentRuntimeEndpoint = "DeleteAgentRuntimeEndpoint"

    // Of both.
    case tagResource = "TagResource"
    case untagResource = "UntagResource"
    case listTagsForResource = "ListTagsForResource"
    case putResourcePolicy = "PutResourcePolicy"
    case getResourcePolicy = "GetResourcePolicy"
    case deleteResourcePolicy = "DeleteResourcePolicy"

    public static let service = "bedrock-agentcore"

    /// As in an IAM policy.
    public var qualifiedName: String { "\(Self.service):\(rawValue)" }

    /// Whether an endpoint's policy is asked about it; a runtime's policy is always asked.
    public var concernsEndpoints: Bool {
        switch self {
        case .getAgentRuntime, .updateAgentRuntime, .deleteAgentRuntime, .listAgentRuntimeVersions, .createAgentRuntimeEndpoint,
            .listAgentRuntimeEndpoints:
            false
        default: true
        }
    }

    /// An account's admins are never locked out of these by a policy: somebody must be able to mend it.
    public var concernsPolicies: Bool {
        switch self {
        case .putResourcePolicy, .getResourcePolicy, .deleteResourcePolicy: true
        default: false
        }
    }
}
