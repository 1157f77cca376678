public import Access
import AgentCoreModel
public import Platform
import SigV4

/// The keys of the database as the data plane's judge of signatures.
extension Authenticator: CallerAuthenticator {
    public func authenticateCached(_ request: CallerRequest, _ payload: CallerPayload) throws(SignalboxError) -> Caller? {
        try authenticateCached(request.signed, service: Operation.signingName, payloadHash: payload.hash).map(Caller.init)
    }

    public func authenticate(_ request: CallerRequest, _ payload: CallerPayload) async throws(SignalboxError) -> Caller {
        Caller(try await authenticate(request.signed, service: Operation.signingName, payloadHash: payload.hash))
    }
}

extension Caller {
    init(_ authenticated: Authenticated) { self.init(principal: authenticated.principal, region: authenticated.region) }
}

extension CallerRequest {
    fileprivate var signed: SigV4Request {
        SigV4Request(method: method, rawPath: rawPath, rawQuery: rawQuery, headers: headers.map { ($0.name, $0.value) })
    }
}

extension CallerPayload {
    fileprivate var hash: String {
        switch self {
        case .computed(let hex), .declared(let hex): hex
        }
    }
}
