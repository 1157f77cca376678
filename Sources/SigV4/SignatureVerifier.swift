#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A signature that was verified, with what later chunks are signed against.
public struct VerifiedSignature: Sendable, Equatable {
    public var accessKeyID: String
    public var scope: CredentialScope
    /// `20261121T030912Z`
    public var time: String
    /// 32 bytes; the seed of chunk signatures.
    public var signature: [UInt8]
}

/// Checks the signature of a request's headers.
///
/// In order: `AuthorizationHeader(request)` says whose key is needed, the caller finds or derives the
/// `SigningKey` (and throws `.unrecognizedClient` when there is none), `verify` does the rest.
public enum SignatureVerifier {
    /// - Parameters:
    ///   - service: The service that the route belongs to; another one in the scope is refused.
    ///   - payloadHash: Hex hash of the body, or the value of `x-amz-content-sha256`
    ///     (`ContentHash.canonicalValue`).
    public static func verify(
        _ request: SigV4Request, _ authorization: AuthorizationHeader, service: String, payloadHash: String,
        key: SigningKey, now: Date
    ) throws(SigV4Error) -> VerifiedSignature {
        let rule = SigningRule(service: service)
        guard authorization.scope.service == service else {
            throw .scopeMismatch("Credential should be scoped to correct service: '\(service)'.")
        }
        // A key of another scope can only be a mistake of the caller's cache.
        guard key.scope == authorization.scope else { throw .signatureMismatch }

        var signed = request
        let time: SignatureTime
        if let query = authorization.query {
            time = query.time
            signed.rawQuery = query.signedQuery
        } else {
            time = try Self.time(request)
        }
        let text = time.text
        guard text.utf8.starts(with: authorization.scope.date.utf8) else {
            throw .scopeMismatch(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                    + "'\(authorization.scope.date)' != '\(time.day)', from '\(text)'.")
        }
        try checkCoverage(request, authorization, rule)
        if let query = authorization.query {
            try query.check(now: SignatureTime(now))
        } else {
            try time.check(now: SignatureTime(now))
        }

        var canonical = CanonicalRequest(
            request: signed, rule: rule, signedHeaders: authorization.signedHeaders, payloadHash: payloadHash)
        if !key.isSignature(authorization.signature, of: canonical.stringToSign(time: text, scope: key.scope)) {
            canonical.dropsPort = true
            guard key.isSignature(authorization.signature, of: canonical.stringToSign(time: text, scope: key.scope)) else {
                throw .signatureMismatch
            }
        }
        return VerifiedSignature(
            accessKeyID: authorization.accessKeyID, scope: key.scope, time: text, signature: authorization.signature)
    }

    /// `X-Amz-Date`, or `Date` when it is absent.
    private static func time(_ request: SigV4Request) throws(SigV4Error) -> SignatureTime {
        let value: String
        if let date = try request.single("x-amz-date") {
            value = date
        } else if let date = try request.single("date") {
            value = date
        } else {
            throw .incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        }
        guard let time = SignatureTime(value) else {
            throw .incomplete("Date must be in ISO-8601 'basic format', such as 20261121T030912Z.")
        }
        return time
    }

    /// What must be signed: the host, whatever begins with `x-amz-`, and for S3 the body's hash. A
    /// signed header must exist, and the Host only once.
    private static func checkCoverage(
        _ request: SigV4Request, _ authorization: AuthorizationHeader, _ rule: SigningRule
    ) throws(SigV4Error) {
        let signedHeaders = authorization.signedHeaders
        guard signedHeaders.contains("host") else {
            throw .incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization.")
        }
        guard try request.single("host") != nil else { throw .incomplete("The request has no Host header.") }
        for name in signedHeaders where !request.headers.contains(where: { ASCII.equalsLowercased($0.0, name) }) {
            throw .incomplete("The signed header '\(name)' is not in the request.")
        }
        for header in request.headers where ASCII.hasPrefixLowercased(header.0, "x-amz-") {
            guard signedHeaders.contains(where: { ASCII.equalsLowercased(header.0, $0) }) else {
                throw .incomplete("There were headers present in the request which were not signed: \(header.0.lowercased())")
            }
        }
        if rule == .s3, authorization.query == nil, !signedHeaders.contains("x-amz-content-sha256") {
            throw .incomplete("'x-amz-content-sha256' must be a 'SignedHeader' in the AWS Authorization.")
        }
    }
}
