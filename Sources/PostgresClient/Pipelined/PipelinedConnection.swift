import CLibPQ
import Glibc
import Logging
import Synchronization

/// One connection in pipeline mode, shared by every task: each statement is followed by a sync of
/// its own, so that it is its own transaction and an error leaves its neighbours alone.
///
/// `@unchecked Sendable`: what is not behind the lock or atomic is touched only on `thread`.
final class PipelinedConnection: PollHandler, @unchecked Sendable {
    struct Limits: Sendable {
        /// Statements sent and not yet answered.
        var window = 1024
        /// Statements waiting to be sent; beyond this, calls fail at once.
        var queue = 16_384
    }

    enum Availability: UInt8, AtomicRepresentable {
        case connecting, connected, away, closed
    }

    private struct InFlight {
        var request: PendingRequest
        var text: String
        var variant: PreparedStatements.Variant
        /// The answer to a PREPARE comes before that of the statement.
        var awaitsPrepare: Bool
        var preparedHere: Bool
        var outcome: Result<QueryResult, any Error>?
        var past: Past
    }

    /// Why a statement is sent once more.
    private struct Past {
        /// It was not run, for want of a plan.
        var isRetry = false
        /// How often PostgreSQL took it back for the sake of others.
        var rollbacks = 0
    }

    /// A statement that was taken back is sent so often in all.
    private static let attempts = 3

    private let thread: PollThread
    private let settings: ConnectionSettings
    private let limits: Limits
    private let logger: Logger
    private let abort = AbortFlag()
    private let inbox = Mutex<[PendingRequest]>([])
    private let availabilityValue = Atomic(Availability.connecting)
    private let outstandingCount = Atomic<Int>(0)
    private let awayReason = Mutex("")

    private var circuit = Circuit()
    private var connection: LibPQConnection?
    private var waiting = FIFO<(request: PendingRequest, past: Past)>()
    private var inFlight = FIFO<InFlight>()
    private var hasUnsentBytes = false
    private var earliestDeadline: ContinuousClock.Instant?
    private var lastProgress = ContinuousClock().now
    private let clock = ContinuousClock()

    init(thread: PollThread, settings: ConnectionSettings, limits: Limits = Limits(), logger: Logger) {
        self.thread = thread
        self.settings = settings
        self.limits = limits
        self.logger = logger
    }

    // MARK: From any thread

    var availability: Availability { availabilityValue.load(ordering: .acquiring) }
    /// Statements accepted and not yet answered.
    var outstanding: Int { outstandingCount.load(ordering: .relaxed) }

    func submit(_ request: PendingRequest) {
        switch availability {
        case .away: return request.fail(.away("PostgreSQL is away: \(awayReason.withLock { $0 })"))
        case .closed: return request.fail(.clientClosed)
        case .connecting, .connected: break
        }
        guard outstanding < limits.queue else { return request.fail(.away("too many statements wait for PostgreSQL")) }
        outstandingCount.wrappingAdd(1, ordering: .relaxed)
        inbox.withLock { $0.append(request) }
        // `shutDown` may have emptied the inbox between the two checks.
        if availability == .closed { request.fail(.clientClosed) } else { thread.wake() }
    }

    var hasWork: Bool { inbox.withLock { !$0.isEmpty } }

    // MARK: On the thread

    var descriptor: CInt { connection?.descriptor ?? -1 }
    var interest: Int16 { Int16(hasUnsentBytes ? POLLIN | POLLOUT : POLLIN) }

    var wakeAt: ContinuousClock.Instant? {
        if circuit.state == .ready { return clock.now }
        return [earliestDeadline, circuit.nextAttempt, stalledAt].compactMap { $0 }.min()
    }

    /// When a server that said nothing is given up: it would have ended the statement long before.
    private var stalledAt: ContinuousClock.Instant? {
        guard !inFlight.isEmpty, let timeout = settings.statementTimeout else { return nil }
        return lastProgress.advanced(by: timeout + .seconds(5))
    }

    func turn(_ now: ContinuousClock.Instant) {
        takeInbox()
        if let earliest = earliestDeadline, earliest <= now { expire(now) }
        if let stalled = stalledAt, stalled <= now { lost("PostgreSQL stopped answering") }
        if circuit.beginAttempt(now) { connect() }
        send(now)
    }

    func ready(_ events: Int16) {
        guard let connection else { return }
        lastProgress = clock.now
        let isAlive = connection.consumeInput()
        readResults(connection)
        if self.connection === connection, !isAlive || connection.isBroken { lost(connection.lastError) }
    }

    func shutDown() {
        abort.set()
        availabilityValue.store(.closed, ordering: .sequentiallyConsistent)
        connection = nil
        for entry in inFlight.removeAll() { settle(entry.request, .failure(PostgresError.clientClosed)) }
        takeInbox()
        for entry in waiting.removeAll() { settle(entry.request, .failure(PostgresError.clientClosed)) }
    }

    private func settle(_ request: PendingRequest, _ outcome: Result<QueryResult, any Error>) {
        outstandingCount.wrappingSubtract(1, ordering: .relaxed)
        request.finish(outcome)
    }

    private func takeInbox() {
        let arrived = inbox.withLock { inbox in
            let arrived = inbox
            inbox.removeAll(keepingCapacity: true)
            return arrived
        }
        for request in arrived {
            waiting.append((request, Past()))
            earliestDeadline = min(earliestDeadline ?? request.deadline, request.deadline)
        }
    }

    /// Lets go of the callers whose time is up. What was sent stays in line: its answer still comes
    /// and is discarded then.
    private func expire(_ now: ContinuousClock.Instant) {
        var next: ContinuousClock.Instant?
        func look(_ request: PendingRequest) {
            if request.deadline <= now {
                request.fail(.deadlinePassed)
            } else if !request.isFinished {
                next = min(next ?? request.deadline, request.deadline)
            }
        }
        inFlight.forEach { look($0.request) }
        waiting.forEach { look($0.request) }
        earliestDeadline = next
        guard connection == nil else { return }
        for entry in waiting.removeAll() {
            if entry.request.isFinished { outstandingCount.wrappingSubtract(1, ordering: .relaxed) } else { waiting.append(entry) }
        }
    }
}

// MARK: - Sending

extension PipelinedConnection {
    private func send(_ now: ContinuousClock.Instant) {
        if inFlight.isEmpty { lastProgress = now }
        repeat {
            guard let connection, fillPipeline(connection) else { return }
            switch connection.flush() {
            case .done: hasUnsentBytes = false
            case .pending: hasUnsentBytes = true
            case .failed: return lost(connection.lastError)
            }
        } while !hasUnsentBytes && !waiting.isEmpty && inFlight.count < limits.window
    }

    /// Puts what waits into libpq's buffer. False when the connection broke over it.
    private func fillPipeline(_ connection: LibPQConnection) -> Bool {
        while !hasUnsentBytes, inFlight.count < limits.window, let (request, past) = waiting.popFirst() {
            guard !request.isFinished, case .statement(let text, let parameters) = request.work else {
                outstandingCount.wrappingSubtract(1, ordering: .relaxed)
                continue
            }
            // A retry prepares for itself, so that it hears the true reason when that fails.
            let (variant, isNew) = connection.prepared.variant(text: text, types: parameters.types, anew: past.isRetry)
            inFlight.append(
                InFlight(
                    request: request, text: text, variant: variant, awaitsPrepare: isNew, preparedHere: isNew, past: past))
            guard !isNew || connection.sendPrepare(variant, text: text), connection.sendExecute(variant, parameters),
                connection.sendSync()
            else {
                lost(connection.lastError)
                return false
            }
        }
        return true
    }

    private func readResults(_ connection: LibPQConnection) {
        var endsInARow = 0
        while !inFlight.isEmpty, self.connection === connection {
            switch connection.next() {
            case .busy: return
            case .end:
                // Twice in a row means that libpq has nothing under way; never spin on it.
                endsInARow += 1
                if endsInARow > 2 { return }
            case .result(let result, let status):
                endsInARow = 0
                take(result, status, connection)
            }
        }
    }

    private func take(_ result: OpaquePointer, _ status: ExecStatusType, _ connection: LibPQConnection) {
        switch status {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            var isPrepare = false
            inFlight.updateFirst { entry in
                isPrepare = entry.awaitsPrepare
                entry.awaitsPrepare = false
                if !isPrepare { entry.outcome = .success(QueryResult(consuming: result)) }
            }
            if isPrepare { PQclear(result) }
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            complete(connection)
        case PGRES_FATAL_ERROR, PGRES_NONFATAL_ERROR:
            let error = connection.failure(consuming: result)
            inFlight.updateFirst { entry in
                if entry.awaitsPrepare || error.isStalePlan { connection.prepared.forget(text: entry.text, name: entry.variant.name) }
                entry.awaitsPrepare = false
                if entry.outcome == nil || error.kind == .away { entry.outcome = .failure(error) }
            }
        case PGRES_PIPELINE_ABORTED: PQclear(result)  // follows a PREPARE that failed
        default:
            PQclear(result)
            lost("a statement started a COPY, which the pipelined lane does not carry")
        }
    }

    private func complete(_ connection: LibPQConnection) {
        guard let entry = inFlight.popFirst() else { return }
        if case .failure(let error as PostgresError)? = entry.outcome {
            var past = entry.past
            // It is a transaction of its own, of which nothing is left.
            if error.isSerializationFailure, past.rollbacks < Self.attempts - 1 {
                past.rollbacks += 1
                return waiting.append((entry.request, past))
            }
            // A neighbour's PREPARE failed, or the plan went stale: the statement was not run, so it may be sent again.
            if !past.isRetry, !entry.preparedHere || error.isStalePlan, error.isUnknownStatement || error.isStalePlan {
                connection.prepared.forget(text: entry.text, name: entry.variant.name)
                past.isRetry = true
                return waiting.append((entry.request, past))
            }
        }
        settle(entry.request, entry.outcome ?? .failure(PostgresError.away("PostgreSQL sent no result")))
    }
}

// MARK: - Connecting

extension PipelinedConnection {
    private func connect() {
        Connector.open(settings, abort: abort) { [self] result in
            thread.post { self.connectFinished(result) }
        }
    }

    private func connectFinished(_ result: Result<LibPQConnection, PostgresError>) {
        guard availability != .closed else { return }
        let now = clock.now
        switch result {
        case .success(let connection) where PQenterPipelineMode(connection.handle) == 1:
            self.connection = connection
            hasUnsentBytes = false
            circuit.succeeded(now)
            availabilityValue.store(.connected, ordering: .releasing)
        case .success(let connection): attemptFailed(connection.lastError, now)
        case .failure(let error): attemptFailed(error.message, now)
        }
    }

    private func attemptFailed(_ reason: String, _ now: ContinuousClock.Instant) {
        if circuit.failures == 0 { logger.error("PostgreSQL cannot be reached", metadata: ["reason": "\(reason)"]) }
        circuit.failed(now, chance: .random(in: 0..<1))
        goAway(reason)
    }

    private func goAway(_ reason: String) {
        awayReason.withLock { $0 = reason }
        availabilityValue.store(.away, ordering: .sequentiallyConsistent)
        takeInbox()
        for entry in waiting.removeAll() { settle(entry.request, .failure(PostgresError.away("PostgreSQL is away: \(reason)"))) }
    }

    private func lost(_ reason: String) {
        guard connection != nil else { return }
        connection = nil
        hasUnsentBytes = false
        availabilityValue.store(.connecting, ordering: .releasing)
        logger.warning("connection to PostgreSQL lost", metadata: ["reason": "\(reason)"])
        for entry in inFlight.removeAll() {
            // An answer that came without its sync is not known to be committed.
            var error = PostgresError.away("the connection to PostgreSQL broke: \(reason)")
            if case .failure(let known as PostgresError)? = entry.outcome { error = known }
            settle(entry.request, .failure(error))
        }
        circuit.lost(clock.now, chance: .random(in: 0..<1))
        if circuit.isOpen { goAway(reason) }
    }
}

extension PostgresError {
    /// 26000: a prepared statement of that name does not exist.
    var isUnknownStatement: Bool { sqlState == "26000" }
    /// The schema changed under a prepared statement; preparing it anew helps.
    var isStalePlan: Bool { sqlState == "0A000" && message.hasPrefix("cached plan must not change result type") }
}
