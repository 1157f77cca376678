/// What a presigned URL says besides the parts that the header has, too.
///
/// Source: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
public struct QueryAuthorization: Sendable, Equatable {
    /// `20261121T030912Z`, from `X-Amz-Date`.
    var time: SignatureTime
    /// Seconds for which the URL is good, from `X-Amz-Expires`.
    var lifetime: Int64
    /// From `X-Amz-Security-Token`.
    public var securityToken: String?
    /// From `X-Amz-Content-Sha256`, which some signers put there.
    public var contentHash: String?
    /// The query without the signature: what was signed.
    var signedQuery: String

    /// A week, in seconds.
    public static let maximumLifetime: Int64 = 604_800
    /// Characters of a query that is looked at.
    private static let maximumLength = 16_384

    /// What makes a URL a presigned one, besides which it has the operation's own parameters.
    public static let parameterNames: Set<String> = [
        "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
        "X-Amz-Security-Token", "X-Amz-Content-Sha256",
    ]

    /// Whether a query is that of a presigned URL.
    public static func isPresent(in rawQuery: some StringProtocol) -> Bool {
        parameters(rawQuery).contains { $0.name == "X-Amz-Signature" || $0.name == "X-Amz-Algorithm" }
    }

    private static func parameters(_ rawQuery: some StringProtocol) -> [(name: Substring, value: Substring, whole: Substring)] {
        // Everybody may send queries: one without the prefix is not taken apart.
        guard rawQuery.utf8.count <= maximumLength, rawQuery.contains("X-Amz-") else { return [] }
        return Substring(rawQuery).split(separator: "&").map { pair in
            let equals = pair.firstIndex(of: "=") ?? pair.endIndex
            return (pair[..<equals], pair[equals...].dropFirst(), pair)
        }
    }

    /// nil: the URL is not presigned.
    static func read(_ request: SigV4Request) throws(SigV4Error) -> AuthorizationHeader? {
        let parameters = parameters(request.rawQuery)
        guard parameters.contains(where: { $0.name == "X-Amz-Signature" || $0.name == "X-Amz-Algorithm" }) else { return nil }
        func value(_ name: String) throws(SigV4Error) -> String? {
            var found: String?
            for parameter in parameters where parameter.name == name {
                guard found == nil else { throw .incomplete("The query parameter '\(name)' must be given once.") }
                guard let decoded = decoded(parameter.value) else {
                    throw .incomplete("The query parameter '\(name)' is not percent-encoded correctly.")
                }
                found = decoded
            }
            return found
        }
        func required(_ name: String) throws(SigV4Error) -> String {
            guard let text = try value(name), !text.isEmpty else {
                throw .incomplete("AWS query-string parameters must include '\(name)'.")
            }
            return text
        }
        let algorithm = try required("X-Amz-Algorithm")
        guard algorithm == AuthorizationHeader.algorithm else { throw .otherScheme(String(algorithm.prefix(32))) }
        guard let time = SignatureTime(try required("X-Amz-Date")) else {
            throw .incomplete("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        }
        let expires = try required("X-Amz-Expires")
        guard expires.utf8.count <= 9, expires.utf8.allSatisfy(ASCII.isDigit), let lifetime = Int64(expires) else {
            throw .incomplete("X-Amz-Expires should be a number")
        }
        guard lifetime <= maximumLifetime else {
            throw .incomplete(
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
                    + "\(maximumLifetime) seconds")
        }
        let query = QueryAuthorization(
            time: time, lifetime: lifetime, securityToken: try value("X-Amz-Security-Token"),
            contentHash: try value("X-Amz-Content-Sha256"),
            signedQuery: parameters.filter { $0.name != "X-Amz-Signature" }.map { String($0.whole) }.joined(separator: "&"))
        return try AuthorizationHeader(
            credential: try required("X-Amz-Credential"), signedHeaders: try required("X-Amz-SignedHeaders"),
            signature: try required("X-Amz-Signature"), query: query)
    }

    /// Refuses a URL before its time and after it, in the words that the header's rule has.
    func check(now: SignatureTime) throws(SigV4Error) {
        if time.seconds > now.seconds + SignatureTime.allowedSkew {
            throw .expired("Signature not yet current: \(time.text) is still later than \(now.text) (+ 5 min.)")
        }
        let end = SignatureTime(seconds: time.seconds + lifetime)
        if now.seconds > end.seconds {
            throw .presignedExpired("Signature expired: \(now.text) is later than \(end.text), when the URL's X-Amz-Expires ended.")
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(Hex.value), let low = iterator.next().flatMap(Hex.value) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
