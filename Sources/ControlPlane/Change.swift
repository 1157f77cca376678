import AgentCoreModel
import Crypto
import Platform
import PostgresClient
import Store

/// The transaction of a change, as the store's methods want it.
typealias StoreTransaction = PostgresTransaction

extension ControlPlane {
    /// One change: a transaction that either replays the answer a client token got before, or does
    /// the work and keeps its answer for the next use of the token.
    ///
    /// - Parameters:
    ///   - target: the resource that the request names; empty for a create.
    ///   - request: without its token, to tell whether two requests are the same.
    func change<Request: Encodable & Sendable, Response: Codable & Sendable>(
        _ c: OperationContext, _ operation: String, target: String = "", token: String?, request: Request,
        _ body: @escaping @Sendable (StoreTransaction) async throws -> Response
    ) async throws -> Response {
        guard let token else {
            return try await committed(c, operation) { try await body($0) }
        }
        let key = IdempotencyKey(operation: operation, target: target, token: token)
        let hash = try Array(SHA256.hash(data: JSONValueEncoder.encode(request).bytes()))
        return try await committed(c, operation) { tx in
            switch try await store.idempotencyBegin(c, in: tx, key, requestSHA256: hash) {
            case .replay(_, let bytes):
                return try JSONValueDecoder.decode(Response.self, from: JSONValue(parsing: bytes))
            case .mismatch:
                throw SignalboxError.validation(
                    "The client token was used before with other parameters.", reason: .idempotentParameterMismatch)
            case .new:
                let response = try await body(tx)
                // The status is the operation's own; only the body differs from one answer to another.
                try await store.idempotencyFinish(c, in: tx, key, status: 202, body: JSONValueEncoder.encode(response).bytes())
                return response
            }
        }
    }

    private func committed<Response: Sendable>(
        _ c: OperationContext, _ operation: String, _ body: @escaping @Sendable (StoreTransaction) async throws -> Response
    ) async throws -> Response {
        let response = try await store.transaction(c) { tx in
            try await Failpoint.hit("change.begun")
            let response = try await body(tx)
            try await Failpoint.hit("change.written")
            return response
        }
        try await Failpoint.hit("change.committed")
        c.logger.info("changed", metadata: ["operation": "\(operation)"])
        return response
    }
}
