public import Platform
public import PostgresClient

/// What a client token is unique in (contract §7), besides the caller's account and region.
public struct IdempotencyKey: Sendable, Hashable {
    /// Name of the operation.
    public var operation: String
    /// The resource that the request names; empty for a create.
    public var target: String
    public var token: String

    public init(operation: String, target: String, token: String) {
        self.operation = operation
        self.target = target
        self.token = token
    }
}

public enum IdempotencyOutcome: Sendable, Equatable {
    /// First use: go on, and call `idempotencyFinish` in the same transaction.
    case new
    /// Same request before: answer this, and change nothing.
    case replay(status: Int, body: [UInt8])
    /// Another request used the token.
    case mismatch
}

extension Store {
    /// First statement of a change. Of two that arrive at once with the same token, on any replicas,
    /// the second waits here for the first's end.
    public func idempotencyBegin(
        _ c: OperationContext, in tx: PostgresTransaction, _ key: IdempotencyKey, requestSHA256: [UInt8]
    ) async throws -> IdempotencyOutcome {
        let (statement, parameters) = insertion(c, key, requestSHA256)
        return try await idempotencyOutcome(
            c, in: tx, key, requestSHA256: requestSHA256, isInserted: tx.query(statement, parameters).affectedRows > 0)
    }

    func insertion(
        _ c: OperationContext, _ key: IdempotencyKey, _ requestSHA256: [UInt8]
    ) -> (statement: Statement, parameters: [PostgresValue]) {
        (
            """
            insert into idempotency (account, region, operation, target, token, request_sha256)
            values ($1, $2, $3, $4, $5, $6) on conflict do nothing
            """, values(c, key) + [.bytes(requestSHA256)]
        )
    }

    /// What follows from the insertion of a token: see `runtimeFetchGuardedForUpdate`.
    public func idempotencyOutcome(
        _ c: OperationContext, in tx: PostgresTransaction, _ key: IdempotencyKey, requestSHA256: [UInt8], isInserted: Bool
    ) async throws -> IdempotencyOutcome {
        if isInserted { return .new }
        // More rounds only if the row expires between the two statements.
        for _ in 0..<3 {
            let found = try await tx.query(
                """
                select request_sha256, response_status, response_body from idempotency
                where account = $1 and region = $2 and operation = $3 and target = $4 and token = $5
                """, values(c, key))
            guard let row = found.first else {
                let (statement, parameters) = insertion(c, key, requestSHA256)
                if try await tx.query(statement, parameters).affectedRows > 0 { return .new }
                continue
            }
            guard try row.bytes("request_sha256") == requestSHA256 else { return .mismatch }
            guard let status = try row.numberOrNil("response_status"), let body = try row.bytesOrNil("response_body") else {
                throw SignalboxError.internal("\(key.operation): a client token was committed without a response")
            }
            return .replay(status: status, body: body)
        }
        throw SignalboxError(.retryableConflict, "The client token is being used by another request. Try again.")
    }

    /// Keeps the response that later uses of the token get.
    public func idempotencyFinish(
        _ c: OperationContext, in tx: PostgresTransaction, _ key: IdempotencyKey, status: Int, body: [UInt8]
    ) async throws {
        try tx.queryLater(
            """
            update idempotency set response_status = $6, response_body = $7
            where account = $1 and region = $2 and operation = $3 and target = $4 and token = $5
            """, values(c, key) + [.int(status), .bytes(body)])
    }

    /// Forgets tokens older than `age` (at least 24 h, contract §7). Returns how many.
    @discardableResult
    public func idempotencyExpire(_ c: OperationContext, age: Duration = .seconds(172_800)) async throws -> Int {
        try await run(
            c, "delete from idempotency where created_at < now() - $1 * interval '1 millisecond'", [.milliseconds(age)]
        ).affectedRows
    }

    private func values(_ c: OperationContext, _ key: IdempotencyKey) -> [PostgresValue] {
        [.text(c.account), .text(c.region), .text(key.operation), .text(key.target), .text(key.token)]
    }
}
