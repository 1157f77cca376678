import Logging
import Synchronization

/// Carries out what `PinnedPoolState` decides: opens and closes connections, resumes the tasks that
/// wait for a lease, and keeps the pool's timers on the poll thread.
final class PinnedPool: PollHandler {
    private struct Shared {
        var state: PinnedPoolState
        var connections: [PinnedPoolState.ConnectionID: PinnedConnection] = [:]
        var waiters: [PinnedPoolState.RequestID: CheckedContinuation<PinnedLease, any Error>] = [:]
        var lastRequest = 0
        var awayReason = ""
    }

    private let thread: PollThread
    private let settings: ConnectionSettings
    private let logger: Logger
    private let abort = AbortFlag()
    private let shared: Mutex<Shared>
    private let clock = ContinuousClock()

    init(_ configuration: PostgresConfiguration, thread: PollThread, logger: Logger) {
        self.thread = thread
        self.logger = logger
        // Deadlines on this lane are kept by cancelling, so that one statement may be given hours.
        settings = ConnectionSettings(configuration, statementTimeout: nil)
        shared = Mutex(Shared(state: PinnedPoolState(maximum: configuration.pinnedConnections)))
        thread.add(self)
    }

    func start() { handle(.started) }

    var isReachable: Bool { shared.withLock { !$0.state.isOpen } }

    /// The pool's part of it.
    var statistics: PostgresStatistics { shared.withLock { $0.state.statistics } }

    /// A connection for the caller alone. Every lease must be ended.
    func lease(deadline: ContinuousClock.Instant) async throws -> PinnedLease {
        let id = shared.withLock { shared in
            shared.lastRequest += 1
            return shared.lastRequest
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                shared.withLock { $0.waiters[id] = continuation }
                handle(.leaseRequested(id, deadline: deadline))
                // The handler below may have run before the request was known.
                if Task.isCancelled { handle(.requestCancelled(id)) }
            }
        } onCancel: {
            handle(.requestCancelled(id))
        }
    }

    func released(_ id: PinnedPoolState.ConnectionID, reusable: Bool) { handle(.released(id, reusable: reusable)) }

    // MARK: PollHandler: timers only

    var descriptor: CInt { -1 }
    var interest: Int16 { 0 }
    var hasWork: Bool { false }
    var wakeAt: ContinuousClock.Instant? { shared.withLock { $0.state.nextTimer } }

    func turn(_ now: ContinuousClock.Instant) {
        if let due = wakeAt, due <= now { handle(.timer) }
    }

    func ready(_ events: Int16) {}

    func shutDown() {
        abort.set()
        handle(.shutDown)
    }
}

extension PinnedPool {
    private func handle(_ event: PinnedPoolState.Event) {
        let (work, timerMoved) = shared.withLock { shared -> ([() -> Void], Bool) in
            let before = shared.state.nextTimer
            // In one step with the state's: nobody may be granted what is gone already.
            if case .connectionLost(let id, _) = event { shared.connections[id] = nil }
            let actions = shared.state.handle(event, now: clock.now)
            return (actions.compactMap { prepare($0, &shared) }, shared.state.nextTimer != before)
        }
        for step in work { step() }
        if timerMoved { thread.wake() }
    }

    /// Looks up under the lock what the action needs; the closure runs outside of it.
    private func prepare(_ action: PinnedPoolState.Action, _ shared: inout Shared) -> (() -> Void)? {
        switch action {
        case .connect(let id): return { self.connect(id) }
        case .close(let id):
            guard let connection = shared.connections.removeValue(forKey: id) else { return nil }
            return { connection.close() }
        case .grant(let request, let id, let isFresh):
            guard let waiter = shared.waiters.removeValue(forKey: request), let connection = shared.connections[id] else { return nil }
            return { waiter.resume(returning: PinnedLease(id: id, connection: connection, pool: self, isFresh: isFresh)) }
        case .fail(let request, let failure):
            guard let waiter = shared.waiters.removeValue(forKey: request) else { return nil }
            let reason = shared.awayReason
            return { waiter.resume(throwing: Self.error(failure, reason)) }
        }
    }

    private static func error(_ failure: PinnedPoolState.Failure, _ reason: String) -> any Error {
        switch failure {
        case .away: PostgresError.away("PostgreSQL is away: \(reason)")
        case .deadline: PostgresError(.deadline, "no connection to PostgreSQL became free before the deadline")
        case .cancelled: CancellationError()
        case .closed: PostgresError.clientClosed
        }
    }

    private func connect(_ id: PinnedPoolState.ConnectionID) {
        Connector.open(settings, abort: abort) { result in
            switch result {
            case .success(let connection): self.adopt(connection, as: id)
            case .failure(let error):
                self.shared.withLock { $0.awayReason = error.message }
                self.logger.debug("no connection to PostgreSQL", metadata: ["reason": "\(error.message)"])
                self.handle(.connectFailed(id, chance: .random(in: 0..<1)))
            }
        }
    }

    private func adopt(_ connection: LibPQConnection, as id: PinnedPoolState.ConnectionID) {
        let pinned = PinnedConnection(thread: thread, connection: connection) { [weak self] in
            guard let self else { return }
            self.shared.withLock { $0.awayReason = "the connection broke" }
            self.handle(.connectionLost(id, chance: .random(in: 0..<1)))
        }
        shared.withLock { $0.connections[id] = pinned }
        thread.add(pinned)
        handle(.connected(id))
    }
}

/// A pinned connection in the hands of one caller.
struct PinnedLease: Sendable {
    let id: PinnedPoolState.ConnectionID
    let connection: PinnedConnection
    let pool: PinnedPool
    /// False: it lay in the pool and the server may have gone since.
    let isFresh: Bool

    /// Ends the lease and waits until the server has rolled back what was open.
    func end() async {
        await withCheckedContinuation { continuation in
            connection.retire { reusable in
                pool.released(id, reusable: reusable)
                continuation.resume()
            }
        }
    }

    /// Ends the lease without waiting for a statement that is being cancelled.
    func abandon() {
        connection.retire { pool.released(id, reusable: $0) }
    }
}
