public import Logging
public import Platform
public import SigV4

/// Tells by a request's signature who sent it (SigV4), with the keys that were used lately in memory.
///
/// `run` goes on beside. Without it keys are still read again once a minute.
public final class Authenticator: Sendable {
    private let keys: any AccessKeySource
    private let clock: any TimeSource
    let cache: KeyCache

    public init(
        keys: any AccessKeySource, clock: any TimeSource = SystemTime(), logger: Logger,
        limits: AuthenticatorLimits = AuthenticatorLimits()
    ) {
        self.keys = keys
        self.clock = clock
        cache = KeyCache(source: keys, limits: limits, clock: clock, logger: logger)
    }

    /// Authenticates with what is in memory, without suspension. nil: the key is not in memory, call
    /// `authenticate`.
    ///
    /// - Parameters:
    ///   - service: The service that the route belongs to.
    ///   - payloadHash: Hex hash of the body, or the value of `x-amz-content-sha256`
    ///     (`ContentHash.canonicalValue`).
    public func authenticateCached(
        _ request: SigV4Request, service: String, payloadHash: String
    ) throws(SignalboxError) -> Authenticated? {
        let authorization = try Self.authorization(request)
        switch cache.find(authorization.accessKeyID) {
        case .entry(let entry): return try verify(request, authorization, service, payloadHash, entry)
        case .unknown: throw SigV4Error.unrecognizedClient.signalboxError
        case .absent: return nil
        }
    }

    /// As `authenticateCached`, reading the key if need be. Throws `.unavailable` when the key is not in
    /// memory and the database is away.
    public func authenticate(
        _ request: SigV4Request, service: String, payloadHash: String
    ) async throws(SignalboxError) -> Authenticated {
        if let known = try authenticateCached(request, service: service, payloadHash: payloadHash) { return known }
        let authorization = try Self.authorization(request)
        guard let entry = try await cache.lookUp(authorization.accessKeyID) else {
            throw SigV4Error.unrecognizedClient.signalboxError
        }
        return try verify(request, authorization, service, payloadHash, entry)
    }

    /// Hears of keys that change, until cancelled.
    public func run() async {
        for await notice in keys.accessKeyNotices() {
            switch notice {
            case .changed(let keyID): cache.forget(keyID)
            case .resynchronise: await cache.refreshAll()
            }
        }
    }

    private func verify(
        _ request: SigV4Request, _ authorization: AuthorizationHeader, _ service: String, _ payloadHash: String, _ entry: KeyEntry
    ) throws(SignalboxError) -> Authenticated {
        let known = entry.signingKey(authorization.scope)
        let key = known ?? SigningKey(secret: entry.secret, scope: authorization.scope)
        let signature: VerifiedSignature
        do {
            signature = try SignatureVerifier.verify(
                request, authorization, service: service, payloadHash: payloadHash, key: key, now: clock.date())
        } catch {
            throw error.signalboxError
        }
        // Only now: scopes are the caller's to choose, and nobody else may fill the memory for them.
        if known == nil { cache.keep(key, with: entry) }
        return Authenticated(principal: entry.principal, region: key.scope.region, key: key, signature: signature)
    }

    private static func authorization(_ request: SigV4Request) throws(SignalboxError) -> AuthorizationHeader {
        let authorization: AuthorizationHeader
        do {
            authorization = try AuthorizationHeader(request)
        } catch {
            throw error.signalboxError
        }
        // Session tokens are never issued here, so that none can be good.
        guard !request.headers.contains(where: isSecurityToken) else { throw SigV4Error.unrecognizedClient.signalboxError }
        return authorization
    }

    private static func isSecurityToken(_ header: (String, String)) -> Bool {
        header.0.utf8.count == securityToken.utf8.count && header.0.lowercased() == securityToken
    }

    private static let securityToken = "x-amz-security-token"
}
