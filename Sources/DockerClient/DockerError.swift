/// What can go wrong with a container engine. Messages are the engine's own where it said something.
public enum DockerError: Error, Sendable, Equatable {
    case invalidEndpoint(String)
    /// Nobody answers, or not in time.
    case unreachable(String)
    /// It answered with a status of 300 or more.
    case refused(status: Int, message: String)
    /// It reported an error in the middle of a stream: a pull or a build that failed.
    case failed(String)
    /// Its answer makes no sense to us.
    case unexpected(String)
    /// Credentials for a registry could not be had.
    case credentials(String)

    public var message: String {
        switch self {
        case .invalidEndpoint(let text), .unreachable(let text), .refused(_, let text), .failed(let text), .unexpected(let text),
            .credentials(let text):
            text
        }
    }

    public var isNotFound: Bool { status == 404 }

    /// Of a refusal.
    public var status: Int? {
        if case .refused(let status, _) = self { status } else { nil }
    }
}
