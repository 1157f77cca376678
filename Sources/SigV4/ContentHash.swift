import Crypto

/// What a request says of its body: the header `x-amz-content-sha256`.
public enum ContentHash: Sendable, Equatable {
    /// No header (botocore for everything but S3): the whole body must be hashed to verify.
    case absent
    /// The body's SHA-256; the body is still to be checked against it.
    case sha256(String)
    /// `UNSIGNED-PAYLOAD`: the signature does not cover the body.
    case unsigned
    /// The body is framed in chunks.
    case streaming(AWSChunkedVariant)

    /// Hash of an empty body.
    public static let emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    public init(_ request: SigV4Request) throws(SigV4Error) {
        guard let value = try request.single("x-amz-content-sha256") else {
            self = .absent
            return
        }
        if value == "UNSIGNED-PAYLOAD" {
            self = .unsigned
        } else if let variant = AWSChunkedVariant(rawValue: value) {
            self = .streaming(variant)
        } else if Hex.digest(value.utf8.span) != nil {
            self = .sha256(value)
        } else if value.hasPrefix("STREAMING-") {
            throw .incomplete("The value '\(value.prefix(64))' of x-amz-content-sha256 is not supported.")
        } else {
            throw .incomplete(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a supported STREAMING- value or a valid sha256 value.")
        }
    }

    /// As `init(_:)`, for a request of `service`: without the header, a presigned URL of S3 signs no body.
    public init(_ request: SigV4Request, _ authorization: AuthorizationHeader, service: String) throws(SigV4Error) {
        self = try ContentHash(request)
        guard self == .absent, let query = authorization.query, SigningRule(service: service) == .s3 else { return }
        guard let value = query.contentHash else {
            self = .unsigned
            return
        }
        var named = request
        named.headers = [("x-amz-content-sha256", value)]
        self = try ContentHash(named)
    }

    /// What stands at the end of the canonical request; nil when the body must be hashed first.
    public var canonicalValue: String? {
        switch self {
        case .absent: nil
        case .sha256(let hash): hash
        case .unsigned: "UNSIGNED-PAYLOAD"
        case .streaming(let variant): variant.rawValue
        }
    }

    /// Lower-case hex SHA-256.
    public static func sha256(of body: [UInt8]) -> String { text(SHA256.hash(data: body)) }

    /// A hash as the header has it.
    public static func text(_ digest: some Sequence<UInt8>) -> String { Hex.text(digest) }
}

/// Values of `x-amz-content-sha256` for bodies in `aws-chunked` framing. Those with ECDSA are not here.
public enum AWSChunkedVariant: String, Sendable, CaseIterable {
    /// Every chunk is signed.
    case signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    /// Every chunk and the trailer are signed.
    case signedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    /// Nothing is signed; a checksum follows (botocore from 1.36, over TLS).
    case unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    var isSigned: Bool { self != .unsignedTrailer }
    var hasTrailer: Bool { self != .signed }
}
