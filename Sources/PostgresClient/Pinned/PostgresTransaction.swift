import CLibPQ
import Synchronization

/// An open transaction on a pinned connection. Valid only inside the closure that received it.
public struct PostgresTransaction: PostgresExecutor {
    let session: TransactionSession

    @discardableResult
    public func query(
        _ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?
    ) async throws -> QueryResult {
        try await session.perform(.statement(text: statement.text, try EncodedParameters(parameters)), deadline: deadline)
    }

    /// Runs a migration's statements inside this transaction, whose deadline alone bounds them.
    /// The script must not end the transaction.
    public func script(_ script: SQLScript) async throws {
        do {
            _ = try await session.perform(.script(script.text), deadline: session.deadline ?? .now.advanced(by: .seconds(3600)))
        } catch var error as PostgresError where error.kind == .server {
            error.message = "\(script.name): \(error.message)"
            throw error
        }
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

/// The lease behind a transaction. Refuses statements once the closure has returned.
final class TransactionSession: Sendable {
    let lease: PinnedLease
    /// Of the whole transaction.
    let deadline: ContinuousClock.Instant?
    private let statementTimeout: Duration
    private let isEnded = Atomic<Bool>(false)

    init(lease: PinnedLease, deadline: ContinuousClock.Instant?, statementTimeout: Duration) {
        self.lease = lease
        self.deadline = deadline
        self.statementTimeout = statementTimeout
    }

    func perform(_ work: PendingRequest.Work, deadline: ContinuousClock.Instant?) async throws -> QueryResult {
        guard !isEnded.load(ordering: .acquiring) else {
            throw PostgresError(.closed, "the transaction has ended; its handle is valid only inside the closure")
        }
        let soonest = [deadline, self.deadline].compactMap { $0 }.min()
        return try await lease.connection.perform(work, deadline: soonest ?? .now.advanced(by: statementTimeout))
    }

    func close() { isEnded.store(true, ordering: .releasing) }
}

extension PinnedPool {
    /// BEGIN … COMMIT around `body`; ROLLBACK when it throws or the deadline has passed.
    func transaction<T: Sendable>(
        isolation: IsolationLevel, deadline: ContinuousClock.Instant?, statementTimeout: Duration,
        _ body: @Sendable (PostgresTransaction) async throws -> T
    ) async throws -> T {
        let lease = try await begin(isolation, deadline: deadline ?? .now.advanced(by: statementTimeout))
        let session = TransactionSession(lease: lease, deadline: deadline, statementTimeout: statementTimeout)
        do {
            let value = try await body(PostgresTransaction(session: session))
            session.close()
            try Task.checkCancellation()
            if let deadline, deadline <= .now { throw PostgresError.deadlinePassed }
            try await commit(lease, within: statementTimeout)
            await lease.end()
            return value
        } catch {
            session.close()
            if error is CancellationError || (error as? PostgresError)?.kind == .deadline {
                lease.abandon()
            } else {
                await lease.end()
            }
            throw error
        }
    }

    /// A connection that lay in the pool may have gone stale unnoticed; BEGIN finds out before
    /// anything was done, so the next connection may be tried.
    private func begin(_ isolation: IsolationLevel, deadline: ContinuousClock.Instant) async throws -> PinnedLease {
        while true {
            let lease = try await lease(deadline: deadline)
            do {
                _ = try await lease.connection.perform(.script(isolation.begin), deadline: deadline)
                return lease
            } catch {
                lease.abandon()
                guard !lease.isFresh, (error as? PostgresError)?.kind == .away else { throw error }
            }
        }
    }

    /// Not cancelled by the caller's task: a COMMIT on its way has an outcome worth knowing.
    private func commit(_ lease: PinnedLease, within timeout: Duration) async throws {
        let work = Task { try await lease.connection.perform(.script("COMMIT"), deadline: .now.advanced(by: timeout)) }
        let result = try await work.value
        // PostgreSQL answers COMMIT with ROLLBACK when a statement had failed and the body went on.
        guard result.commandTag == "COMMIT" else {
            throw PostgresError(.server, "the transaction was rolled back because a statement in it had failed", sqlState: "25P02")
        }
    }
}
