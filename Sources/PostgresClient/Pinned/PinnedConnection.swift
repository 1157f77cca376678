import CLibPQ
import Glibc
import Synchronization

/// One connection that serves one lease at a time, statement after statement. Deadlines and
/// cancellation reach the server (PQcancel), since there is no neighbour to hit.
///
/// `@unchecked Sendable`: all mutable state is touched only on `thread`.
final class PinnedConnection: PollHandler, @unchecked Sendable {
    private enum Cancel: Equatable { case none, asked, answered }

    private struct Current {
        var request: PendingRequest
        /// What went out in pipeline mode, a sync behind it; empty for a script.
        var sent: [SentStatement] = []
        var results: [QueryResult] = []
        var error: PostgresError?
        var endsInARow = 0
        var cancel = Cancel.none
        /// All results have come; only the answer to the cancellation is still out.
        var isDrained = false
        /// When a server that ignores the cancellation is given up.
        var giveUpAt: ContinuousClock.Instant?

        /// Whether the next answer is that of a PREPARE.
        var awaitsPrepare: Bool { results.count < sent.count && sent[results.count].awaitsPrepare }
    }

    private struct SentStatement {
        var text: String
        var variant: PreparedStatements.Variant
        /// Its PREPARE went with it and is not answered, or the plan turned out to be of no use.
        var awaitsPrepare: Bool
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

    /// Several statements in one round trip, one result for each; an error keeps those after it from running.
    func perform(_ pieces: [PendingRequest.Piece], deadline: ContinuousClock.Instant) async throws -> [QueryResult] {
        let results = PendingRequest.BatchResults()
        _ = try await perform(.batch(pieces, results), deadline: deadline)
        return results.all
    }

    /// The same, and the end of the lease right behind it (`retire`).
    func performLast(
        _ pieces: [PendingRequest.Piece], deadline: ContinuousClock.Instant, _ completion: @escaping @Sendable (_ reusable: Bool) -> Void
    ) async throws -> [QueryResult] {
        let results = PendingRequest.BatchResults()
        _ = try await PendingRequest(.batch(pieces, results), deadline: deadline).wait { request in
            let posted = self.thread.post {
                self.enqueue(request)
                self.retireNow(completion)
            }
            if !posted {
                request.fail(.clientClosed)
                completion(false)
            }
        }
        return results.all
    }

    /// Ends a lease: rolls back whatever is open, after what is under way has ended. `completion`
    /// hears whether the connection may be used again.
    func retire(_ completion: @escaping @Sendable (_ reusable: Bool) -> Void) {
        if !thread.post({ self.retireNow(completion) }) { completion(false) }
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

    private func retireNow(_ completion: @escaping @Sendable (_ reusable: Bool) -> Void) {
        guard connection != nil else { return completion(false) }
        retiring = completion
        isRollingBack = false
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
        let isSent: Bool
        switch request.work {
        case .script(let text):
            current = Current(request: request)
            isSent = connection.sendSimple(text)
        case .statement(let text, let parameters):
            isSent = send([PendingRequest.Piece(text: text, parameters: parameters)], of: request, connection)
        case .batch(let pieces, _):
            isSent = send(pieces, of: request, connection)
        }
        if isSent { flush() } else { end(.away(connection.lastError)) }
    }

    private func send(_ pieces: [PendingRequest.Piece], of request: PendingRequest, _ connection: LibPQConnection) -> Bool {
        let sent = pieces.map { piece in
            let (variant, isNew) = connection.prepared.variant(text: piece.text, types: piece.parameters.types)
            return SentStatement(text: piece.text, variant: variant, awaitsPrepare: isNew)
        }
        current = Current(request: request, sent: sent)
        guard connection.enterPipeline() else { return false }
        for (statement, piece) in zip(sent, pieces) {
            if statement.awaitsPrepare, !connection.sendPrepare(statement.variant, text: statement.text) { return false }
            if !connection.sendExecute(statement.variant, piece.parameters) { return false }
        }
        return connection.sendSync()
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
            case .end:
                // In a pipeline it stands behind each statement; the sync ends it. Never spin on a libpq that has nothing.
                if step.sent.isEmpty { stepEnded(connection) } else if step.endsInARow > 2 { return }
                current?.endsInARow += 1
            case .result(let result, let status):
                current?.endsInARow = 0
                take(result, status, connection)
            }
        }
    }

    private func take(_ result: OpaquePointer, _ status: ExecStatusType, _ connection: LibPQConnection) {
        switch status {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            guard let step = current else { return PQclear(result) }
            if step.awaitsPrepare {
                PQclear(result)
                current?.sent[step.results.count].awaitsPrepare = false
            } else {
                current?.results.append(QueryResult(consuming: result))
            }
        case PGRES_FATAL_ERROR, PGRES_NONFATAL_ERROR:
            let error = connection.failure(consuming: result)
            guard current?.error == nil else { return }
            current?.error = error
            if error.isStalePlan, let step = current, step.results.count < step.sent.count {
                current?.sent[step.results.count].awaitsPrepare = true
            }
        case PGRES_PIPELINE_ABORTED: PQclear(result)  // follows the one that failed
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            // What was to be prepared behind an error was not.
            for statement in current?.sent ?? [] where statement.awaitsPrepare {
                connection.prepared.forget(text: statement.text, name: statement.variant.name)
            }
            connection.exitPipeline() ? stepEnded(connection) : end(.away(connection.lastError))
        default:
            PQclear(result)
            end(PostgresError(.server, "a statement started a COPY, which this client does not carry"))
        }
    }

    /// libpq has delivered everything of the command under way.
    private func stepEnded(_ connection: LibPQConnection) {
        guard var step = current else { return }
        if step.error == nil, step.results.count < step.sent.count { step.error = .away("PostgreSQL sent no result") }
        if let error = step.error {
            step.request.fail(error)
        } else {
            if case .batch(_, let results) = step.request.work { results.set(step.results) }
            step.request.finish(.success(step.results.last ?? .empty))
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
