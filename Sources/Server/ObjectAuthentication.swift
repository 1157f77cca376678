public import Access
import Artifacts
public import Hummingbird
public import Platform
import SigV4

/// Verifies the signature of a request of the object API, for service `s3`, and whatever the request
/// says of its body while the body passes.
public struct ObjectAuthentication: Sendable {
    private static let service = "s3"

    private let authenticator: Authenticator
    private let clock: any TimeSource

    public init(_ authenticator: Authenticator, clock: any TimeSource = SystemTime()) {
        self.authenticator = authenticator
        self.clock = clock
    }

    /// An `ObjectAuthenticator`. The body that it returns throws at its end unless it is the signed one;
    /// with `UNSIGNED-PAYLOAD` only the head is signed, as on S3.
    public func authenticate(_ request: Request, _ context: FrontEndContext) async throws -> AuthenticatedObjectRequest {
        let front = context.front
        let signed = front.signed
        let content = try Self.contentHash(signed)
        guard let payload = content.canonicalValue else {
            throw ObjectError(.invalidRequest, "Missing required header for this request: x-amz-content-sha256")
        }
        let caller = try await authenticator.authenticate(signed, service: Self.service, payloadHash: payload)
        var operation = OperationContext(
            principal: caller.principal, region: caller.region, sourceAddress: front.channel.remoteAddress?.ipAddress,
            requestID: front.requestID, logger: front.logger, clock: clock)
        operation.userAgent = front.head.headers.first(name: "user-agent")
        switch content {
        case .absent, .unsigned:
            return AuthenticatedObjectRequest(context: operation, body: ObjectBody(request.body.map { Array(buffer: $0) }))
        case .sha256(let declared):
            let body = HashedBody(base: request.body, declared: declared)
            return AuthenticatedObjectRequest(context: operation, body: ObjectBody(body))
        case .streaming(let variant):
            let body = ChunkedBody(base: request.body, decoder: try decoder(variant, ObjectHeaders(fields: request.headers), caller))
            let confirmed = body.confirmed
            return AuthenticatedObjectRequest(context: operation, body: ObjectBody(body)) { confirmed.checksums }
        }
    }

    private static func contentHash(_ signed: SigV4Request) throws(SignalboxError) -> ContentHash {
        do {
            return try ContentHash(signed, AuthorizationHeader(signed), service: service)
        } catch {
            throw error.signalboxError
        }
    }

    private func decoder(
        _ variant: AWSChunkedVariant, _ headers: ObjectHeaders, _ caller: Authenticated
    ) throws -> AWSChunkedDecoder {
        guard let length = headers.value("x-amz-decoded-content-length").flatMap({ Int64($0) }) else {
            throw ObjectError(.missingContentLength, "You must provide the x-amz-decoded-content-length HTTP header.")
        }
        do {
            return try AWSChunkedDecoder(
                variant, decodedLength: length, trailer: headers.value("x-amz-trailer"), key: caller.key, seed: caller.signature)
        } catch {
            throw error.objectError
        }
    }
}
