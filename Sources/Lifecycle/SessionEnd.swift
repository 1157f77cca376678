/// Why a session ended. Kept in the session's history and shown to people.
public enum SessionEnd: Sendable, Equatable {
    /// Nothing happened for the version's idleRuntimeSessionTimeout.
    case idle
    /// The version's maxLifetime passed; wins over everything (contract §8).
    case maxLifetime
    /// StopRuntimeSession, or a rollback that stops sessions.
    case stopped
    /// The runtime, its endpoint or its version is being deleted.
    case deleted
    /// GET /ping failed three times in a row.
    case unhealthy
    /// The agent's process ended by itself; the sentence says how.
    case agentExited(String)
    /// The sandbox never became healthy; the sentence says why.
    case startFailed(String)
    /// The server is shutting down and does not leave its sandboxes to a successor.
    case shutdown
    /// The sandbox was not there any more when its owner looked.
    case lost

    /// Short and stable, as `session_history.reason` holds it.
    public var code: String {
        switch self {
        case .idle: "idle"
        case .maxLifetime: "maxLifetime"
        case .stopped: "stopped"
        case .deleted: "deleted"
        case .unhealthy: "unhealthy"
        case .agentExited: "agentExited"
        case .startFailed: "startFailed"
        case .shutdown: "shutdown"
        case .lost: "lost"
        }
    }

    /// Every `code`.
    public static let codes = [idle, maxLifetime, stopped, deleted, unhealthy, agentExited(""), startFailed(""), shutdown, lost].map(\.code)

    /// For people: the code, and what the agent said.
    public var sentence: String {
        switch self {
        case .idle: "no activity for the idle timeout"
        case .maxLifetime: "the maximum lifetime was reached"
        case .stopped: "stopped on request"
        case .deleted: "what it belonged to was deleted"
        case .unhealthy: "the agent stopped answering GET /ping"
        case .agentExited(let how): how
        case .startFailed(let why): why
        case .shutdown: "the server was shut down"
        case .lost: "the sandbox was gone"
        }
    }
}
