import Access
import AgentCoreModel
import Crypto
import Platform
import PostgresClient
import Store

/// The transaction of a change, as the store's methods want it.
typealias StoreTransaction = PostgresTransaction

/// What a change answers, and what the audit trail keeps of it: no change comes without.
struct Changed<Response: Sendable>: Sendable {
    var response: Response
    /// ARN; nil: of the runtime or endpoint that was named.
    var resource: String?
    /// Of a runtime that there was not before.
    var runtimeID: String?
    /// Small objects without secrets.
    var from: JSONValue?
    var to: JSONValue?

    init(_ response: Response, resource: String? = nil, runtimeID: String? = nil, from: JSONValue? = nil, to: JSONValue? = nil) {
        self.response = response
        self.resource = resource
        self.runtimeID = runtimeID
        self.from = from
        self.to = to
    }
}

extension ControlPlane {
    /// A change of what no policy is attached to: a transaction that either replays the answer a client
    /// token got before, or does the work and keeps its answer for the next use of the token.
    ///
    /// - Parameter request: without its token, to tell whether two requests are the same.
    func change<Request: Encodable & Sendable, Response: Codable & Sendable>(
        _ c: OperationContext, _ operation: String, token: String? = nil, request: Request,
        _ body: @escaping @Sendable (StoreTransaction) async throws -> Changed<Response>
    ) async throws -> Response {
        let replay = try Replay(operation, target: "", token: token, request: request)
        return try await committed(c, operation) { tx in
            try await answer(c, tx, replay) {
                let changed = try await body(tx)
                guard let resource = changed.resource else { throw SignalboxError.internal("\(operation) names no resource") }
                try await store.recordAudit(
                    c, in: tx,
                    AuditEvent(operation, resource: resource, runtimeID: changed.runtimeID, from: changed.from, to: changed.to))
                return changed.response
            }
        }
    }

    /// A change of a runtime, or of one of its endpoints when `endpoint` is given: the same, with the
    /// runtime locked to the end and the caller's right to it judged before anything else.
    ///
    /// - Parameters:
    ///   - action: What policies call it.
    ///   - operation: Its own name, where that is another.
    func change<Request: Encodable & Sendable, Response: Codable & Sendable>(
        _ c: OperationContext, _ action: PolicyAction, of runtimeID: String, endpoint: String? = nil, operation: String? = nil,
        token: String? = nil, request: Request,
        _ body: @escaping @Sendable (StoreTransaction, RuntimeRecord) async throws -> Changed<Response>
    ) async throws -> Response {
        let operation = operation ?? action.rawValue
        let replay = try Replay(
            operation, target: endpoint.map { "\(runtimeID)/\($0)" } ?? runtimeID, token: token, request: request)
        return try await committed(c, operation) { tx in
            let (guarded, isTokenNew) = try await locked(c, tx, runtimeID, endpoint, replay)
            try Self.require(c, action, guarded, endpoint: endpoint)
            return try await answer(c, tx, replay, isTokenNew: isTokenNew) {
                // After the replay: that of a deletion is asked for when the runtime has gone.
                guard let guarded else { throw Self.noRuntime(runtimeID) }
                let runtime = guarded.runtime
                let changed = try await body(tx, runtime)
                let named = endpoint.map { EndpointARN(runtime: runtime.arn, endpointName: $0).description } ?? runtime.arn.description
                try await store.recordAudit(
                    c, in: tx,
                    AuditEvent(
                        operation, resource: changed.resource ?? named, runtimeID: runtime.runtimeID,
                        owner: (runtime.account, runtime.region), from: changed.from, to: changed.to))
                return changed.response
            }
        }
    }

    /// The token is used before the caller's right to the runtime is known; without the right nothing is committed.
    private func locked(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtimeID: String, _ endpoint: String?, _ replay: Replay?
    ) async throws -> (GuardedRuntime?, isTokenNew: Bool?) {
        guard let replay else {
            return (try await store.runtimeFetchGuardedForUpdate(c, in: tx, runtimeID: runtimeID, endpoint: endpoint), nil)
        }
        return try await store.runtimeFetchGuardedForUpdate(
            c, in: tx, runtimeID: runtimeID, endpoint: endpoint, replay.key, requestSHA256: replay.requestSHA256)
    }

    /// Whether role and policies let the caller do it. Of a runtime that does not exist the role decides.
    static func require(
        _ c: OperationContext, _ action: PolicyAction, _ guarded: GuardedRuntime?, endpoint: String? = nil
    ) throws(SignalboxError) {
        guard let guarded else { return try c.principal.require(action.permission, for: action.qualifiedName) }
        let arn = guarded.runtime.arn
        let resource = GuardedResource(
            owner: guarded.runtime.account,
            arn: endpoint.map { EndpointARN(runtime: arn, endpointName: $0).description } ?? arn.description,
            policies: guarded.policies)
        try c.require(action, on: resource, hidden: noRuntime(guarded.runtime.runtimeID))
    }

    private func answer<Response: Codable & Sendable>(
        _ c: OperationContext, _ tx: StoreTransaction, _ replay: Replay?, isTokenNew: Bool? = nil, _ body: () async throws -> Response
    ) async throws -> Response {
        guard let replay else { return try await body() }
        let outcome: IdempotencyOutcome
        if let isTokenNew {
            outcome = try await store.idempotencyOutcome(
                c, in: tx, replay.key, requestSHA256: replay.requestSHA256, isInserted: isTokenNew)
        } else {
            outcome = try await store.idempotencyBegin(c, in: tx, replay.key, requestSHA256: replay.requestSHA256)
        }
        switch outcome {
        case .replay(_, let bytes):
            return try JSONValueDecoder.decode(Response.self, from: JSONValue(parsing: bytes))
        case .mismatch:
            throw SignalboxError.validation(
                "The client token was used before with other parameters.", reason: .idempotentParameterMismatch)
        case .new:
            try await Failpoint.hit(.changeToken)
            let response = try await body()
            try await Failpoint.hit(.changeRows)
            // The status is the operation's own; only the body differs from one answer to another.
            try await store.idempotencyFinish(c, in: tx, replay.key, status: 202, body: JSONValueEncoder.encode(response).bytes())
            return response
        }
    }

    private func committed<Response: Sendable>(
        _ c: OperationContext, _ operation: String, _ body: @escaping @Sendable (StoreTransaction) async throws -> Response
    ) async throws -> Response {
        let response = try await store.transaction(c) { tx in
            try await Failpoint.hit(.changeBegun)
            let response = try await body(tx)
            try await Failpoint.hit(.changeWritten)
            return response
        }
        try await Failpoint.hit(.changeCommitted)
        c.logger.info("changed", metadata: ["operation": "\(operation)"])
        return response
    }
}

/// What tells that a request came before. nil without a token.
private struct Replay: Sendable {
    var key: IdempotencyKey
    var requestSHA256: [UInt8]

    init?(_ operation: String, target: String, token: String?, request: some Encodable) throws {
        guard let token else { return nil }
        key = IdempotencyKey(operation: operation, target: target, token: token)
        requestSHA256 = try Array(SHA256.hash(data: JSONValueEncoder.encode(request).bytes()))
    }
}
