/// Why a body in `aws-chunked` framing is refused. None of it may be used then.
public enum AWSChunkedError: Error, Sendable, Equatable {
    /// The framing is broken; the sentence says where.
    case malformed(String)
    /// A chunk or the trailer is signed otherwise.
    case signatureMismatch
    /// The trailer of that name holds another checksum than the body has.
    case checksumMismatch(String)
    /// More or fewer bytes than `x-amz-decoded-content-length` says.
    case lengthMismatch
    /// A checksum that is not computed here, by name.
    case unsupported(String)

    public var message: String {
        switch self {
        case .malformed(let message): "The aws-chunked body is malformed: \(message)."
        case .signatureMismatch: SigV4Error.signatureMismatch.message
        case .checksumMismatch(let name): "The value of the trailer \(name) does not match the calculated checksum."
        case .lengthMismatch: "The body does not have the length that x-amz-decoded-content-length says."
        case .unsupported(let name): "The trailer \(name) is not supported."
        }
    }
}
