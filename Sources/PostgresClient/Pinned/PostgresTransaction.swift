import CLibPQ

/// An open transaction on a pinned connection. Valid only inside the closure that received it.
///
/// BEGIN goes to the server with the first statement.
public struct PostgresTransaction: PostgresExecutor {
    let session: TransactionSession

    @discardableResult
    public func query(
        _ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?
    ) async throws -> QueryResult {
        guard let last = try await session.perform([Self.piece(statement, parameters)], deadline: deadline).last else {
            throw PostgresError.away("PostgreSQL sent no result")
        }
        return last
    }

    /// Several statements in one round trip, one result for each. Each sees what those before it did; the
    /// first error is thrown, and those after it are not run.
    public func queries(_ statements: [(statement: Statement, parameters: [PostgresValue])]) async throws -> [QueryResult] {
        try await session.perform(statements.map { try Self.piece($0.statement, $0.parameters) }, deadline: nil)
    }

    /// A statement whose result nobody needs: it travels with the next one, COMMIT at the latest. Its error
    /// is thrown there, and nothing behind it is run.
    public func queryLater(_ statement: Statement, _ parameters: [PostgresValue]) throws {
        try session.add(Self.piece(statement, parameters))
    }

    /// Runs a migration's statements inside this transaction, whose deadline alone bounds them.
    /// The script must not end the transaction.
    public func script(_ script: SQLScript) async throws {
        do {
            try await session.perform(script.text)
        } catch var error as PostgresError where error.kind == .server {
            error.message = "\(script.name): \(error.message)"
            throw error
        }
    }

    private static func piece(_ statement: Statement, _ parameters: [PostgresValue]) throws -> PendingRequest.Piece {
        PendingRequest.Piece(text: statement.text, parameters: try EncodedParameters(parameters))
    }
}

public enum IsolationLevel: Sendable {
    case readCommitted, repeatableRead, serializable

    var begin: String {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }
}

extension PinnedPool {
    /// BEGIN … COMMIT around `body`; ROLLBACK when it throws or the deadline has passed.
    func transaction<T: Sendable>(
        isolation: IsolationLevel, deadline: ContinuousClock.Instant?, statementTimeout: Duration,
        _ body: @Sendable (PostgresTransaction) async throws -> T
    ) async throws -> T {
        let lease = try await lease(deadline: deadline ?? .now.advanced(by: statementTimeout))
        let session = TransactionSession(lease: lease, isolation: isolation, deadline: deadline, statementTimeout: statementTimeout)
        let value: T
        do {
            value = try await body(PostgresTransaction(session: session))
            session.close()
            try Task.checkCancellation()
            if let deadline, deadline <= .now { throw PostgresError.deadlinePassed }
            try await session.flushUntouched()
        } catch {
            session.close()
            if error is CancellationError || (error as? PostgresError)?.kind == .deadline {
                session.lease.abandon()
            } else {
                await session.lease.end()
            }
            throw error
        }
        try await session.commit()
        return value
    }
}
