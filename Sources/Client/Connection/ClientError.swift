/// Why a call brought nothing.
public enum ClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The server answered with an error.
    case refused(Refusal)
    /// Nobody answered.
    case unreachable(url: String, reason: String)
    /// The answer was not what the contract says.
    case unexpected(String)
    /// A change was accepted and did not come about.
    case failed(String)

    public struct Refusal: Sendable, Equatable {
        public var status: Int
        /// `ConflictException`, or S3's `NoSuchBucket`.
        public var code: String
        public var message: String
        public var requestID: String?

        public init(status: Int, code: String, message: String, requestID: String?) {
            self.status = status
            self.code = code
            self.message = message
            self.requestID = requestID
        }
    }

    /// HTTP status of a refusal.
    public var status: Int? {
        guard case .refused(let refusal) = self else { return nil }
        return refusal.status
    }

    public var description: String {
        switch self {
        case .refused(let refusal):
            let request = refusal.requestID.map { ", request \($0)" } ?? ""
            return "\(refusal.code): \(refusal.message) (HTTP \(refusal.status)\(request))"
        case .unreachable(let url, let reason): return "nothing answers at \(url): \(reason)"
        case .unexpected(let what), .failed(let what): return what
        }
    }
}
