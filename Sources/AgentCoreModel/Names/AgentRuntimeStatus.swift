/// State of a runtime, a version or an endpoint as the wire says it (contract §7).
public enum AgentRuntimeStatus: String, Codable, Sendable, CaseIterable {
    case creating = "CREATING"
    case createFailed = "CREATE_FAILED"
    case updating = "UPDATING"
    case updateFailed = "UPDATE_FAILED"
    case ready = "READY"
    case deleting = "DELETING"
    case deleteFailed = "DELETE_FAILED"

    /// Nothing is in progress: another change may begin.
    public var isSettled: Bool {
        switch self {
        case .creating, .updating, .deleting: false
        case .ready, .createFailed, .updateFailed, .deleteFailed: true
        }
    }

    /// Ended with a `failureReason`.
    public var isFailed: Bool {
        switch self {
        case .createFailed, .updateFailed, .deleteFailed: true
        case .creating, .updating, .ready, .deleting: false
        }
    }
}

/// botocore has a shape of its own with the same values.
public typealias AgentRuntimeEndpointStatus = AgentRuntimeStatus
