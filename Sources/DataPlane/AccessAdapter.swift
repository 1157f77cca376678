public import Access
import AgentCoreModel
public import Platform

/// The keys of the database as the data plane's judge of signatures.
extension Authenticator: CallerAuthenticator {
    public func authenticateCached(_ request: CallerRequest, _ payload: CallerPayload) throws(SignalboxError) -> Caller? {
        try authenticateCached(request, service: Operation.signingName, payloadHash: payload.hash).map(Caller.init)
    }

    public func authenticate(_ request: CallerRequest, _ payload: CallerPayload) async throws(SignalboxError) -> Caller {
        Caller(try await authenticate(request, service: Operation.signingName, payloadHash: payload.hash))
    }
}

extension Caller {
    init(_ authenticated: Authenticated) { self.init(principal: authenticated.principal, region: authenticated.region) }
}

extension CallerPayload {
    fileprivate var hash: String {
        switch self {
        case .computed(let hex), .declared(let hex): hex
        }
    }
}
