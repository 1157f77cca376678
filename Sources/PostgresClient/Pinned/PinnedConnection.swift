import CLibPQ
import Glibc
import Synchronization

/// One connection that serves one lease at a time, statement after statement. Deadlines and
/// cancellation reach the server (PQcancel), since there is no neighbour to hit.
///
/// `@unchecked Sendable`: all mutable state is touched only on `thread`.
final class PinnedConnection: PollHandler, @unchecked Sendable {
    private enum Phase { case preparing, executing }
    private enum Cancel: Equatable { case none, asked, answered }

    private struct Current {
        var request: PendingRequest
        var phase: Phase
        var variant: PreparedStatements.Variant?
        var result: QueryResult?
        var error: PostgresError?
        var cancel = Cancel.none
        /// All results have come; only the answer to the cancellation is still out.
        var isDrained = false
        /// When a server that ignores the cancellation is given up.
        var giveUpAt: ContinuousClock.Instant?
    }

    private let thread: PollThread
    private let onLost: @Sendable () -> Void
    private var connection: LibPQConnection?
    private var queue = FIFO<PendingRequest>()
    private var current: Current?
    private var retiring: (@Sendable (_ reusable: Bool) -> Void)?
    private var isRollingBack = false
    private var hasUnsentBytes = false
    /// Why there is no connection any more.
    private var failure = PostgresError.away("the connection to PostgreSQL broke")
    private let clock = ContinuousClock()

    init(thread: PollThread, connection: LibPQConnection, onLost: @escaping @Sendable () -> Void) {
        self.thread = thread
        self.connection = connection
        self.onLost = onLost
    }

    // MARK: From any thread

    func perform(_ work: PendingRequest.Work, deadline: ContinuousClock.Instant) async throws -> QueryResult {
        try await PendingRequest(work, deadline: deadline).wait { request in
            if !self.thread.post({ self.enqueue(request) }) { request.fail(.clientClosed) }
        } interrupt: { request in
            self.thread.post { self.interrupt(request) }
        }
    }

    /// Ends a lease: rolls back whatever is open, after what is under way has ended. `completion`
    /// hears whether the connection may be used again.
    func retire(_ completion: @escaping @Sendable (_ reusable: Bool) -> Void) {
        let posted = thread.post {
            guard self.connection != nil else { return completion(false) }
            self.retiring = completion
            self.isRollingBack = false
            self.proceed()
        }
        if !posted { completion(false) }
    }

    func close() { thread.post { self.end(.clientClosed, report: false) } }

    // MARK: On the thread

    var descriptor: CInt { connection?.descriptor ?? -1 }
    var interest: Int16 { Int16(hasUnsentBytes ? POLLIN | POLLOUT : POLLIN) }
    var hasWork: Bool { false }

    var wakeAt: ContinuousClock.Instant? {
        guard let current else { return nil }
        return current.giveUpAt ?? current.request.deadline
    }

    func turn(_ now: ContinuousClock.Instant) {
        guard let current else { return }
        if let giveUpAt = current.giveUpAt {
            if giveUpAt <= now { end(.away("PostgreSQL did not react to a cancellation")) }
        } else if current.request.deadline <= now {
            current.request.fail(.deadlinePassed)
            cancelOnServer(now)
        }
        if hasUnsentBytes { flush() }
    }

    func ready(_ events: Int16) {
        guard let connection else { return }
        let isAlive = connection.consumeInput()
        if current != nil { readResults(connection) } else { connection.readNotices() }
        if self.connection === connection, !isAlive || connection.isBroken { end(.away(connection.lastError)) }
    }

    func shutDown() { end(.clientClosed, report: false) }

    private func enqueue(_ request: PendingRequest) {
        guard connection != nil else { return request.fail(failure) }
        queue.append(request)
        proceed()
    }

    private func interrupt(_ request: PendingRequest) {
        if let current, current.request === request, current.cancel == .none { cancelOnServer(clock.now) }
    }

    /// Starts the next statement, or ends the lease, when nothing is under way.
    private func proceed() {
        while current == nil, connection != nil {
            if let request = queue.popFirst() {
                if request.isFinished { continue }
                guard clock.now < request.deadline else {
                    request.fail(.deadlinePassed)
                    continue
                }
                begin(request)
            } else if let completion = retiring {
                guard connection?.transactionStatus != PQTRANS_IDLE else {
                    retiring = nil
                    return completion(true)
                }
                guard !isRollingBack else { return end(.away("a transaction could not be rolled back")) }
                isRollingBack = true
                begin(PendingRequest(.script("ROLLBACK"), deadline: clock.now.advanced(by: .seconds(5))))
            } else {
                return
            }
        }
    }

    private func begin(_ request: PendingRequest) {
        guard let connection else { return }
        let sent: Bool
        switch request.work {
        case .script(let text):
            current = Current(request: request, phase: .executing)
            sent = connection.sendSimple(text)
        case .statement(let text, let parameters):
            let (variant, isNew) = connection.prepared.variant(text: text, types: parameters.types)
            current = Current(request: request, phase: isNew ? .preparing : .executing, variant: variant)
            sent = isNew ? connection.sendPrepare(variant, text: text) : connection.sendExecute(variant, parameters)
        }
        if sent { flush() } else { end(.away(connection.lastError)) }
    }

    private func flush() {
        guard let connection else { return }
        switch connection.flush() {
        case .done: hasUnsentBytes = false
        case .pending: hasUnsentBytes = true
        case .failed: end(.away(connection.lastError))
        }
    }

    private func readResults(_ connection: LibPQConnection) {
        while let step = current, !step.isDrained, self.connection === connection {
            switch connection.next() {
            case .busy: return
            case .end: stepEnded(connection)
            case .result(let result, let status):
                take(result, status)
            }
        }
    }

    private func take(_ result: OpaquePointer, _ status: ExecStatusType) {
        switch status {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            if current?.phase == .executing { current?.result = QueryResult(consuming: result) } else { PQclear(result) }
        case PGRES_FATAL_ERROR, PGRES_NONFATAL_ERROR:
            let error = connection?.failure(consuming: result) ?? PostgresError(consuming: result)
            if current?.error == nil { current?.error = error }
        default:
            PQclear(result)
            end(PostgresError(.server, "a statement started a COPY, which this client does not carry"))
        }
    }

    /// libpq has delivered everything of the command under way.
    private func stepEnded(_ connection: LibPQConnection) {
        guard var step = current else { return }
        if let error = step.error, case .statement(let text, _) = step.request.work, let variant = step.variant,
            step.phase == .preparing || error.isStalePlan
        {
            connection.prepared.forget(text: text, name: variant.name)
        }
        if step.phase == .preparing, step.error == nil, step.cancel == .none,
            case .statement(_, let parameters) = step.request.work, let variant = step.variant
        {
            step.phase = .executing
            current = step
            return connection.sendExecute(variant, parameters) ? flush() : end(.away(connection.lastError))
        }
        if let error = step.error {
            step.request.fail(error)
        } else {
            step.request.finish(.success(step.result ?? .empty))
        }
        // Until the cancel request is answered it could still hit the next statement.
        if step.cancel == .asked {
            step.isDrained = true
            current = step
        } else {
            current = nil
            proceed()
        }
    }

    private func cancelOnServer(_ now: ContinuousClock.Instant) {
        guard let connection, current?.cancel == Cancel.none else { return }
        current?.cancel = .asked
        current?.giveUpAt = now.advanced(by: .seconds(5))
        guard let cancel = CancelHandle(connection) else { return end(.away("no memory to cancel a statement")) }
        // PQcancel blocks: it opens a connection of its own.
        let started = DetachedThread.start {
            cancel.send()
            self.thread.post { self.cancelAnswered() }
        }
        if !started { end(.noThread) }
    }

    private func cancelAnswered() {
        guard current?.cancel == .asked else { return }
        current?.cancel = .answered
        guard current?.isDrained == true else { return }
        current = nil
        proceed()
    }

    /// The connection is of no use any more: everybody waiting hears `error`.
    private func end(_ error: PostgresError, report: Bool = true) {
        guard connection != nil else { return }
        connection = nil
        hasUnsentBytes = false
        failure = error.kind == .away ? .away("the connection to PostgreSQL broke: \(error.message)") : error
        if let step = current { step.request.fail(step.error ?? failure) }
        current = nil
        for request in queue.removeAll() { request.fail(failure) }
        thread.remove(self)
        if report { onLost() }
        if let completion = retiring {
            retiring = nil
            completion(false)
        }
    }
}

/// What PQcancel needs, apart from the connection.
///
/// `@unchecked Sendable`: immutable, made from a connection on its own thread and used by one other.
private final class CancelHandle: @unchecked Sendable {
    private let handle: OpaquePointer

    init?(_ connection: LibPQConnection) {
        guard let handle = PQgetCancel(connection.handle) else { return nil }
        self.handle = handle
    }

    deinit { PQfreeCancel(handle) }

    func send() {
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(handle, &message, CInt(message.count))
    }
}
