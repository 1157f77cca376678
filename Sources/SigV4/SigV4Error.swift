public import Platform

/// Why a request's signature does not authenticate it. Messages are AWS's own where known and never
/// repeat the signature.
public enum SigV4Error: Error, Sendable, Equatable {
    /// No `Authorization` header.
    case missingAuthentication
    /// Another scheme than SigV4, such as `Bearer`.
    case otherScheme(String)
    /// The header is malformed, or something that must be signed is not.
    case incomplete(String)
    /// The access key is not known.
    case unrecognizedClient
    /// The signature is another one than ours.
    case signatureMismatch
    /// Signed for another date, region or service than the request is for.
    case scopeMismatch(String)
    /// Outside the five minutes.
    case expired(String)
    /// A presigned URL after its time.
    case presignedExpired(String)
    /// A session token after its time.
    case tokenExpired
    /// The body's hash is not the one that was signed.
    case payloadMismatch

    public var message: String {
        switch self {
        case .missingAuthentication: "Missing Authentication Token"
        case .otherScheme(let scheme) where scheme.lowercased() == "bearer":
            // AWS's sentence (contract §9).
            "Authorization method mismatch. The agent is configured for a different authorization method than what was used in your "
                + "request. Check the agent's authorization configuration and ensure your request uses the matching method."
        case .otherScheme(let scheme): "The authorization scheme '\(scheme)' is not supported here; sign with AWS4-HMAC-SHA256."
        case .incomplete(let message), .scopeMismatch(let message), .expired(let message), .presignedExpired(let message): message
        case .tokenExpired: "The security token included in the request is expired"
        case .unrecognizedClient: "The security token included in the request is invalid."
        case .signatureMismatch:
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
                + "Key and signing method. Consult the service documentation for details."
        case .payloadMismatch: "The provided 'x-amz-content-sha256' header does not match what was computed."
        }
    }

    /// AWS reports a clock that is wrong as InvalidSignatureException too: ExpiredTokenException is for
    /// session tokens.
    public var signalboxError: SignalboxError {
        switch self {
        case .tokenExpired: SignalboxError(.expiredCredential, message)
        case .missingAuthentication: SignalboxError(.missingAuthentication, message)
        case .unrecognizedClient: SignalboxError(.unrecognizedClient, message)
        case .otherScheme(let scheme) where scheme.lowercased() == "bearer": SignalboxError(.accessDenied, message)
        case .otherScheme, .incomplete, .signatureMismatch, .scopeMismatch, .expired, .presignedExpired, .payloadMismatch:
            SignalboxError(.invalidSignature, message)
        }
    }
}
