public import Access
import AgentCoreModel
public import DataPlane
import Hummingbird
public import Platform
import SigV4

/// A request whose sender is known, and its body.
struct AuthenticatedRequest: Sendable {
    var context: OperationContext
    var front: FrontEndRequest
    var body: [UInt8]
    var validation = ValidationOptions.standard
}

/// Verifies the signature of a request with a small body, for service `bedrock-agentcore`.
public struct RequestAuthentication: Sendable {
    /// Bytes of a body; the largest that is valid, a version's configuration, has a few hundred thousand.
    public static let maximumBody = 2 << 20

    private let authenticator: Authenticator
    private let clock: any TimeSource
    private let spools: SpoolDirectory

    /// - Parameter spools: For bodies without a declared hash.
    public init(_ authenticator: Authenticator, spools: SpoolDirectory, clock: any TimeSource = SystemTime()) {
        self.spools = spools
        self.authenticator = authenticator
        self.clock = clock
    }

    /// Nothing of the body is looked at before the signature was verified, and without a signature it is
    /// not even read.
    func authenticate(_ request: Request, _ front: FrontEndRequest) async throws -> AuthenticatedRequest {
        let signed = front.signed
        switch try Self.contentHash(signed) {
        case .sha256(let declared):
            let caller = try await authenticator.authenticate(signed, service: Operation.signingName, payloadHash: declared)
            let body = try await collect(request)
            guard ContentHash.sha256(of: body) == declared else { throw SigV4Error.payloadMismatch.signalboxError }
            return authenticated(caller, front, body)
        case .absent:
            let body = try await spool(request)
            let caller = try await authenticator.authenticate(signed, service: Operation.signingName, payloadHash: body.sha256)
            return authenticated(caller, front, try await body.bytes())
        case .unsigned, .streaming:
            throw SigV4Error.incomplete("The body must be signed: x-amz-content-sha256 must hold its SHA-256.").signalboxError
        }
    }

    private static func contentHash(_ signed: SigV4Request) throws(SignalboxError) -> ContentHash {
        do {
            _ = try AuthorizationHeader(signed)
            return try ContentHash(signed)
        } catch {
            throw error.signalboxError
        }
    }

    private func authenticated(_ caller: Authenticated, _ front: FrontEndRequest, _ body: [UInt8]) -> AuthenticatedRequest {
        var context = OperationContext(
            principal: caller.principal, region: caller.region, sourceAddress: front.channel.remoteAddress?.ipAddress,
            requestID: front.requestID, logger: front.logger, clock: clock)
        context.userAgent = front.head.headers.first(name: "user-agent")
        context.logger[metadataKey: "account"] = "\(caller.principal.account)"
        return AuthenticatedRequest(context: context, front: front, body: body)
    }

    private func collect(_ request: Request) async throws -> [UInt8] {
        try Self.checkLength(request)
        var body: [UInt8] = []
        for try await buffer in request.body {
            guard body.count + buffer.readableBytes <= Self.maximumBody else { throw Self.tooLarge }
            body += buffer.readableBytesView
        }
        return body
    }

    private func spool(_ request: Request) async throws -> UnverifiedBody {
        try Self.checkLength(request)
        var body = UnverifiedBody(spools)
        for try await buffer in request.body {
            guard body.count + buffer.readableBytes <= Self.maximumBody else { throw Self.tooLarge }
            try await body.append(buffer)
        }
        return body
    }

    private static let tooLarge = SignalboxError(.payloadTooLarge, "The request body is larger than \(maximumBody) bytes.")

    private static func checkLength(_ request: Request) throws(SignalboxError) {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximumBody { throw tooLarge }
    }
}
