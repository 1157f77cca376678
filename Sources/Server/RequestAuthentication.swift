public import Access
import AgentCoreModel
public import DataPlane
public import Platform
import SigV4

/// A request whose sender is known, and its body.
struct AuthenticatedRequest: Sendable {
    var context: OperationContext
    var front: FrontEndRequest
    var body: [UInt8]
    var validation = ValidationOptions.standard
}

/// What a request says of its sender and of its body, not verified yet.
struct RequestClaim: Sendable {
    var request: SigV4Request
    var authorization: AuthorizationHeader
    /// The body's SHA-256 as the request declares it; nil: the body must be read to verify the signature.
    var declaredHash: String?
}

/// Verifies the signature of a request with a small body, for service `bedrock-agentcore`.
public struct RequestAuthentication: Sendable {
    /// Bytes of a body; the largest that is valid, a version's configuration, has a few hundred thousand.
    public static let maximumBody = 2 << 20

    private let authenticator: Authenticator
    let clock: any TimeSource
    let spools: SpoolDirectory

    /// - Parameter spools: For bodies without a declared hash.
    public init(_ authenticator: Authenticator, spools: SpoolDirectory, clock: any TimeSource = SystemTime()) {
        self.spools = spools
        self.authenticator = authenticator
        self.clock = clock
    }

    /// Throws what is wrong with a request that the body has no part in: nothing of it needs to be read then.
    func claim(_ request: SigV4Request) throws(SignalboxError) -> RequestClaim {
        let authorization: AuthorizationHeader
        let hash: ContentHash
        do throws(SigV4Error) {
            authorization = try AuthorizationHeader(request)
            hash = try ContentHash(request)
        } catch {
            throw error.signalboxError
        }
        switch hash {
        case .sha256(let declared): return RequestClaim(request: request, authorization: authorization, declaredHash: declared)
        case .absent: return RequestClaim(request: request, authorization: authorization, declaredHash: nil)
        case .unsigned, .streaming:
            throw SigV4Error.incomplete("The body must be signed: x-amz-content-sha256 must hold its SHA-256.").signalboxError
        }
    }

    /// With what is in memory; nil: call `authenticate`.
    func authenticateCached(_ claim: RequestClaim, _ payloadHash: String) throws(SignalboxError) -> Authenticated? {
        try authenticator.authenticateCached(
            claim.request, claim.authorization, service: Operation.signingName, payloadHash: payloadHash)
    }

    func authenticate(_ claim: RequestClaim, _ payloadHash: String) async throws(SignalboxError) -> Authenticated {
        try await authenticator.authenticate(claim.request, service: Operation.signingName, payloadHash: payloadHash)
    }
}
