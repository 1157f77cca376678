/// Why a message is not accepted. The connection is closed after it: where one message ends and the
/// next begins is no longer certain.
public struct WireRefusal: Error, Equatable, Sendable {
    /// HTTP status of the answer.
    public var status: Int
    /// For the client: which rule was broken.
    public var reason: String

    public init(_ status: Int, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    static func bad(_ reason: String) -> Self { Self(400, reason) }
}

/// How the end of a body is found.
public enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// Responses only: the body ends when the connection does.
    case untilClose
}
