import Synchronization

/// The lease behind a transaction, and the statements that have not been sent yet. Refuses statements
/// once the closure has returned.
final class TransactionSession: Sendable {
    private struct State {
        var lease: PinnedLease
        /// BEGIN at first.
        var waiting: [PendingRequest.Piece]
        /// Nothing has been sent.
        var isUntouched = true
        var isEnded = false
        /// Why it is not known what the server has run: nothing may follow, and nothing be committed.
        var failure: (any Error)?
    }

    /// Of the whole transaction.
    private let deadline: ContinuousClock.Instant?
    private let statementTimeout: Duration
    private let state: Mutex<State>

    init(lease: PinnedLease, isolation: IsolationLevel, deadline: ContinuousClock.Instant?, statementTimeout: Duration) {
        self.deadline = deadline
        self.statementTimeout = statementTimeout
        state = Mutex(State(lease: lease, waiting: [PendingRequest.Piece(text: isolation.begin, parameters: .none)]))
    }

    var lease: PinnedLease { state.withLock { $0.lease } }

    func close() { state.withLock { $0.isEnded = true } }

    func add(_ piece: PendingRequest.Piece) throws {
        try state.withLock { state in
            guard !state.isEnded else { throw Self.ended }
            state.waiting.append(piece)
        }
    }

    /// Sends what waits and `pieces`; returns the results of the latter.
    func perform(_ pieces: [PendingRequest.Piece], deadline: ContinuousClock.Instant?) async throws -> [QueryResult] {
        let (waiting, isFirst) = try take()
        let results = try await send(waiting + pieces, isFirst: isFirst, until: soonest(deadline))
        return Array(results.dropFirst(waiting.count))
    }

    /// Several statements without parameters, for which the transaction's deadline alone counts.
    func perform(_ script: String) async throws {
        let (waiting, isFirst) = try take()
        if !waiting.isEmpty { _ = try await send(waiting, isFirst: isFirst, until: soonest(nil)) }
        _ = try await lease.connection.perform(.script(script), deadline: deadline ?? .now.advanced(by: .seconds(3600)))
    }

    /// Before the commit: what was only put off is sent by itself when nothing was sent before, so that a connection that had
    /// gone stale can still be told from a commit whose outcome is unknown. Throws when nothing must be committed.
    func flushUntouched() async throws {
        let (waiting, isUntouched) = try state.withLock { state in
            if let failure = state.failure { throw failure }
            // BEGIN alone need not be sent.
            guard state.isUntouched, state.waiting.count > 1 else { return ([PendingRequest.Piece](), false) }
            defer { (state.waiting, state.isUntouched) = ([], false) }
            return (state.waiting, true)
        }
        if isUntouched { _ = try await send(waiting, isFirst: true, until: soonest(nil)) }
    }

    /// With what still waits; the lease ends with it, whatever comes of it. Not cancelled by the caller's task: a COMMIT on its
    /// way has an outcome worth knowing.
    func commit() async throws {
        let (lease, waiting, isUntouched) = state.withLock { ($0.lease, $0.waiting, $0.isUntouched) }
        if isUntouched { return lease.abandon() }
        let pieces = waiting + [PendingRequest.Piece(text: "COMMIT", parameters: .none)]
        let timeout = statementTimeout
        let work = Task {
            try await lease.connection.performLast(pieces, deadline: .now.advanced(by: timeout)) { reusable in
                lease.pool.released(lease.id, reusable: reusable)
            }
        }
        // PostgreSQL answers COMMIT with ROLLBACK when a statement had failed and the body went on.
        guard try await work.value.last?.commandTag == "COMMIT" else {
            throw PostgresError(.server, "the transaction was rolled back because a statement in it had failed", sqlState: "25P02")
        }
    }

    private func take() throws -> (waiting: [PendingRequest.Piece], isFirst: Bool) {
        try state.withLock { state in
            guard !state.isEnded else { throw Self.ended }
            if let failure = state.failure { throw failure }
            defer { (state.waiting, state.isUntouched) = ([], false) }
            return (state.waiting, state.isUntouched)
        }
    }

    /// A connection that lay in the pool may have gone stale unnoticed. The first statements find out before anything
    /// could be committed, so the next connection may be tried.
    private func send(
        _ pieces: [PendingRequest.Piece], isFirst: Bool, until deadline: ContinuousClock.Instant
    ) async throws -> [QueryResult] {
        while true {
            let lease = lease
            do {
                return try await lease.connection.perform(pieces, deadline: deadline)
            } catch let error as PostgresError where isFirst && !lease.isFresh && error.kind == .away {
                // Granted before the old one is let go: the session never is without one.
                let next = try await lease.pool.lease(deadline: deadline)
                state.withLock { $0.lease = next }
                lease.abandon()
            } catch let error as PostgresError where error.kind == .server {
                throw error
            } catch {
                state.withLock { $0.failure = error }
                throw error
            }
        }
    }

    private func soonest(_ deadline: ContinuousClock.Instant?) -> ContinuousClock.Instant {
        [deadline, self.deadline].compactMap { $0 }.min() ?? .now.advanced(by: statementTimeout)
    }

    private static var ended: PostgresError {
        PostgresError(.closed, "the transaction has ended; its handle is valid only inside the closure")
    }
}
