public import Logging
public import Platform
public import SigV4

/// Tells by a request's signature who sent it (SigV4), with the keys that were used lately in memory.
///
/// `run` goes on beside. Without it keys are still read again once a minute.
public final class Authenticator: Sendable {
    private let keys: any AccessKeySource
    private let tokens: SessionTokens?
    private let clock: any TimeSource
    let cache: KeyCache

    /// - Parameter tokens: nil: no session token is good.
    public init(
        keys: any AccessKeySource, tokens: SessionTokens? = nil, clock: any TimeSource = SystemTime(), logger: Logger,
        limits: AuthenticatorLimits = AuthenticatorLimits()
    ) {
        self.keys = keys
        self.tokens = tokens
        self.clock = clock
        cache = KeyCache(source: keys, limits: limits, clock: clock, logger: logger)
    }

    /// Authenticates with what is in memory, without suspension. nil: the key is not in memory, call
    /// `authenticate`.
    ///
    /// - Parameters:
    ///   - authorization: The request's, when it was read already.
    ///   - service: The service that the route belongs to.
    ///   - payloadHash: Hex hash of the body, or the value of `x-amz-content-sha256`
    ///     (`ContentHash.canonicalValue`).
    public func authenticateCached(
        _ request: SigV4Request, _ authorization: AuthorizationHeader? = nil, service: String, payloadHash: String
    ) throws(SignalboxError) -> Authenticated? {
        let claim = try claim(request, authorization)
        switch cache.find(claim.keyID) {
        case .entry(let entry): return try verify(request, claim, service, payloadHash, entry)
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
        let claim = try claim(request)
        guard let entry = try await cache.lookUp(claim.keyID) else { throw SigV4Error.unrecognizedClient.signalboxError }
        return try verify(request, claim, service, payloadHash, entry)
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

    // MARK: Temporary credentials

    /// Makes temporary credentials for a caller. Throws a ValidationException for a lifetime that is none
    /// of `SessionTokens.lifetimes`, `.accessDenied` when the caller's own are temporary.
    ///
    /// - Parameter role: The least of it and the caller's counts.
    public func makeSession(
        _ principal: Principal, role: Principal.Role?, seconds: Int
    ) throws -> SessionCredentials {
        guard !principal.isTemporary else {
            throw SignalboxError.accessDenied("Cannot make session credentials with session credentials.")
        }
        let range = SessionTokens.lifetimes
        guard range.contains(seconds) else {
            throw SignalboxError.validation(
                "1 validation error detected: Value '\(seconds)' at 'durationSeconds' failed to satisfy constraint: Member must be "
                    + "between \(range.lowerBound) and \(range.upperBound)",
                fields: [
                    FieldFailure(
                        name: "durationSeconds", message: "Member must be between \(range.lowerBound) and \(range.upperBound)")
                ])
        }
        guard let tokens else { throw SignalboxError.internal("this server has no key for session tokens") }
        guard let narrowed = principal.role.narrowed(to: role ?? principal.role) else {
            throw SignalboxError.accessDenied("An invoker's key makes no credentials of a viewer, who may read objects.")
        }
        return try tokens.make(principal, role: narrowed, seconds: seconds, now: clock.date())
    }

    // MARK: Verifying

    /// What a request says of its sender.
    private struct Claim {
        var authorization: AuthorizationHeader
        /// The key that decides: the one named, or the one that a session's was made with.
        var keyID: String
        var session: (token: String, entry: SessionEntry)?
    }

    private func claim(_ request: SigV4Request, _ known: AuthorizationHeader? = nil) throws(SignalboxError) -> Claim {
        do throws(SigV4Error) {
            let authorization = if let known { known } else { try AuthorizationHeader(request) }
            guard let token = try Self.token(request, authorization) else {
                return Claim(authorization: authorization, keyID: authorization.accessKeyID, session: nil)
            }
            guard let entry = try tokens?.open(token, accessKeyID: authorization.accessKeyID) else { throw SigV4Error.unrecognizedClient }
            guard SignatureTime(clock.date()).seconds < entry.end else {
                tokens?.forget(token)
                throw SigV4Error.tokenExpired
            }
            return Claim(authorization: authorization, keyID: entry.parent, session: (token, entry))
        } catch {
            throw error.signalboxError
        }
    }

    private func verify(
        _ request: SigV4Request, _ claim: Claim, _ service: String, _ payloadHash: String, _ entry: KeyEntry
    ) throws(SignalboxError) -> Authenticated {
        if let end = entry.expiresAt, clock.date() >= end { throw SigV4Error.unrecognizedClient.signalboxError }
        let scope = claim.authorization.scope
        let known = claim.session.map { $0.entry.signingKey(scope) } ?? entry.signingKey(scope)
        let key = known ?? SigningKey(secret: claim.session?.entry.secret ?? entry.secret, scope: scope)
        let signature: VerifiedSignature
        do {
            signature = try SignatureVerifier.verify(
                request, claim.authorization, service: service, payloadHash: payloadHash, key: key, now: clock.date())
        } catch .presignedExpired where service == "s3" {
            throw .accessDenied("Request has expired")
        } catch {
            throw error.signalboxError
        }
        // Only now: scopes are the caller's to choose, and nobody else may fill the memory for them.
        if known == nil {
            if let session = claim.session { tokens?.keep(key, token: session.token) } else { cache.keep(key, with: entry) }
        }
        var principal = entry.principal
        if let session = claim.session?.entry {
            // The key's role may have changed since.
            guard let role = principal.role.narrowed(to: session.role) else { throw SigV4Error.unrecognizedClient.signalboxError }
            principal.keyRole = principal.role
            principal.role = role
        }
        return Authenticated(principal: principal, region: key.scope.region, key: key, signature: signature)
    }

    private static func token(_ request: SigV4Request, _ authorization: AuthorizationHeader) throws(SigV4Error) -> String? {
        if let query = authorization.query { return query.securityToken }
        var found: String?
        for header in request.headers where isSecurityToken(header) {
            guard found == nil else { throw .incomplete("The header 'x-amz-security-token' must be given once.") }
            found = header.1
        }
        return found
    }

    private static func isSecurityToken(_ header: (String, String)) -> Bool {
        header.0.utf8.count == securityToken.utf8.count && header.0.lowercased() == securityToken
    }

    private static let securityToken = "x-amz-security-token"
}
