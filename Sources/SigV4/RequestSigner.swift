#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Signs requests for the command line and for tests.
public struct RequestSigner: Sendable {
    public var accessKeyID: String
    private let secret: String
    public var region: String
    public var service: String

    public init(accessKeyID: String, secret: String, region: String, service: String) {
        self.accessKeyID = accessKeyID
        self.secret = secret
        self.region = region
        self.service = service
    }

    /// The headers to add: `X-Amz-Date`, `Authorization` and for S3 `X-Amz-Content-SHA256`.
    ///
    /// The request must hold its `Host` header. Everything is signed but the headers that proxies and
    /// clients change on the way.
    ///
    /// - Parameter payloadHash: Hex hash of the body or one of the words of `ContentHash`.
    public func sign(_ request: SigV4Request, payloadHash: String, at date: Date) -> [(String, String)] {
        let time = SignatureTime(date).text
        var added = [("X-Amz-Date", time)]
        if service == "s3" { added.append(("X-Amz-Content-SHA256", payloadHash)) }

        var signed = request
        signed.headers += added
        let names = Set(signed.headers.map { $0.0.lowercased() }).subtracting(Self.unsigned)
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let key = SigningKey(secret: secret, date: String(time.prefix(8)), region: region, service: service)
        let canonical = CanonicalRequest(
            request: signed, rule: SigningRule(service: service), signedHeaders: names, payloadHash: payloadHash)
        let signature = key.signature(of: canonical.stringToSign(time: time, scope: key.scope))
        added.append(
            (
                "Authorization",
                "\(AuthorizationHeader.algorithm) Credential=\(accessKeyID)/\(key.scope), "
                    + "SignedHeaders=\(names.joined(separator: ";")), Signature=\(Hex.text(signature))"
            ))
        return added
    }

    /// The query of a presigned URL: the request's own, and the parameters that sign it. `Host` alone is
    /// signed of the headers, so that a browser can open it.
    ///
    /// - Parameters:
    ///   - request: With its `Host` header.
    ///   - lifetime: Whole seconds, at most a week.
    ///   - sessionToken: Of temporary credentials.
    public func presign(_ request: SigV4Request, lifetime: Int64, sessionToken: String? = nil, at date: Date) -> String {
        let time = SignatureTime(date).text
        let key = SigningKey(secret: secret, date: String(time.prefix(8)), region: region, service: service)
        var parameters = [
            ("X-Amz-Algorithm", AuthorizationHeader.algorithm), ("X-Amz-Credential", "\(accessKeyID)/\(key.scope)"),
            ("X-Amz-Date", time), ("X-Amz-Expires", "\(lifetime)"), ("X-Amz-SignedHeaders", "host"),
        ]
        if let sessionToken { parameters.append(("X-Amz-Security-Token", sessionToken)) }
        var signed = request
        signed.headers = request.headers.filter { $0.0.lowercased() == "host" }
        let added = parameters.map { "\($0.0)=\(Self.encoded($0.1))" }.joined(separator: "&")
        signed.rawQuery += (signed.rawQuery.isEmpty ? "" : "&") + added
        let canonical = CanonicalRequest(
            request: signed, rule: SigningRule(service: service), signedHeaders: ["host"],
            payloadHash: service == "s3" ? "UNSIGNED-PAYLOAD" : ContentHash.emptySHA256)
        let signature = key.signature(of: canonical.stringToSign(time: time, scope: key.scope))
        return signed.rawQuery + "&X-Amz-Signature=" + Hex.text(signature)
    }

    private static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if ASCII.isUnreserved(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), Hex.upperDigit(byte >> 4), Hex.upperDigit(byte & 15)]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let unsigned: Set<String> = [
        "authorization", "connection", "content-length", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id",
    ]
}
