import CLibPQ
import Glibc
import Logging

/// A connection of its own that LISTENs and passes notifications on for as long as somebody reads.
///
/// `@unchecked Sendable`: all mutable state is touched only on `thread`.
final class Listener: PollHandler, @unchecked Sendable {
    enum News: Sendable {
        case event(PostgresNotification.Event)
        /// Nothing is heard until the next `.resumed`.
        case lost
        /// The last one.
        case ended
    }

    private let thread: PollThread
    private let settings: ConnectionSettings
    private let channels: [String]
    private let logger: Logger
    /// Called on `thread`, and once elsewhere if that has ended.
    private let tell: @Sendable (News) -> Void
    private let abort = AbortFlag()
    private var circuit = Circuit()
    private let count: ListenerCount
    private var connection: LibPQConnection? {
        didSet {
            if oldValue == nil, connection != nil { count.listening.add(1, ordering: .relaxed) }
            if oldValue != nil, connection == nil { count.listening.subtract(1, ordering: .relaxed) }
        }
    }
    private var isEnded = false
    private let clock = ContinuousClock()

    init(
        thread: PollThread, _ configuration: PostgresConfiguration, _ channels: [String], logger: Logger, count: ListenerCount,
        tell: @escaping @Sendable (News) -> Void
    ) {
        self.thread = thread
        settings = ConnectionSettings(configuration, statementTimeout: nil)
        self.channels = channels
        self.logger = logger
        self.count = count
        count.all.add(1, ordering: .relaxed)
        self.tell = tell
    }

    func start() {
        let posted = thread.post {
            self.thread.add(self)
            // Never true again once `shutDown` was called, so that a stream of a closed client ends.
            if self.isEnded { self.tell(.ended) }
        }
        if !posted { tell(.ended) }
    }

    func stop() {
        abort.set()
        thread.post { self.shutDown() }
        thread.remove(self)
    }

    var descriptor: CInt { connection?.descriptor ?? -1 }
    var interest: Int16 { Int16(POLLIN) }
    var hasWork: Bool { false }
    var wakeAt: ContinuousClock.Instant? { circuit.state == .ready && !isEnded ? clock.now : circuit.nextAttempt }

    func turn(_ now: ContinuousClock.Instant) {
        if !isEnded, circuit.beginAttempt(now) { connect() }
    }

    func ready(_ events: Int16) {
        guard let connection else { return }
        let isAlive = connection.consumeInput()
        drain(connection)
        guard !isAlive || connection.isBroken else { return }
        logger.warning("the listening connection to PostgreSQL was lost", metadata: ["reason": "\(connection.lastError)"])
        self.connection = nil
        tell(.lost)
        circuit.lost(clock.now, chance: .random(in: 0..<1))
    }

    func shutDown() {
        if !isEnded { count.all.subtract(1, ordering: .relaxed) }
        isEnded = true
        abort.set()
        connection = nil
        tell(.ended)
    }

    private func drain(_ connection: LibPQConnection) {
        while let notification = PQnotifies(connection.handle) {
            defer { PQfreemem(notification) }
            let channel = String(cString: notification.pointee.relname)
            let payload = String(cString: notification.pointee.extra)
            tell(.event(.payload(channel: channel, payload: payload)))
        }
    }

    private func connect() {
        Connector.open(settings, abort: abort) { [self] connection throws(PostgresError) in
            try listen(connection)
        } completion: { [self] result in
            thread.post { self.connectFinished(result) }
        }
    }

    private func listen(_ connection: LibPQConnection) throws(PostgresError) {
        let deadline = clock.now.advanced(by: settings.connectTimeout)
        for channel in channels {
            guard let name = PQescapeIdentifier(connection.handle, channel, channel.utf8.count) else {
                throw PostgresError(.server, "'\(channel)' cannot be a channel: \(connection.lastError)")
            }
            defer { PQfreemem(name) }
            try Connector.exchange(connection, "LISTEN \(String(cString: name))", deadline: deadline, abort)
        }
    }

    private func connectFinished(_ result: Result<LibPQConnection, PostgresError>) {
        guard !isEnded else { return }
        switch result {
        case .success(let connection):
            self.connection = connection
            circuit.succeeded(clock.now)
            tell(.event(.resumed))
            drain(connection)  // what came together with the answer to LISTEN
        case .failure(let error):
            logger.debug("cannot listen on PostgreSQL", metadata: ["reason": "\(error.message)"])
            circuit.failed(clock.now, chance: .random(in: 0..<1))
        }
    }
}
