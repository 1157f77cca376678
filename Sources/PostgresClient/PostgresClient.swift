import Logging
import Synchronization

/// Anything that carries out statements: the client itself (each statement on its own) or a transaction.
public protocol PostgresExecutor: Sendable {
    @discardableResult
    func query(_ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?) async throws -> QueryResult
}

extension PostgresExecutor {
    @discardableResult
    public func query(_ statement: Statement, _ parameters: [PostgresValue] = []) async throws -> QueryResult {
        try await query(statement, parameters, deadline: nil)
    }
}

/// Asynchronous libpq client with two lanes: key lookups pipelined on shared connections, and
/// transactions and lists on pinned connections, which may be cancelled.
///
/// Errors are `PostgresError`, or `CancellationError` when the calling task was cancelled. Calls made
/// before `run` wait for it, at most until their deadline.
public final class PostgresClient: PostgresExecutor {
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let pipelined: PipelinedLane
    private let pinned: PinnedPool
    /// Serves the pinned connections, their pool's timers and the listeners.
    private let thread = PollThread()
    private let listeners = ListenerCount()
    private let hub: NotificationHub

    public init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        pipelined = PipelinedLane(configuration, logger: logger)
        pinned = PinnedPool(configuration, thread: thread, logger: logger)
        hub = NotificationHub(channels: configuration.sharedChannels) { [thread, listeners] hub in
            Listener(thread: thread, configuration, configuration.sharedChannels, logger: logger, count: listeners) { hub.hear($0) }.start()
        }
    }

    /// Keeps connections alive until the task is cancelled. Must run for anything else to work.
    /// When it returns every connection is closed and every call fails with `.closed`.
    public func run() async {
        pipelined.start()
        thread.start()
        pinned.start()
        let (forever, continuation) = AsyncStream<Never>.makeStream()
        for await _ in forever {}  // ends when the task is cancelled
        continuation.finish()
        await pipelined.stop()
        await thread.stop()
    }

    /// Pipelined lane: an independent statement, own sync, own implicit transaction. When PostgreSQL rolls it back for the sake
    /// of others (a deadlock), it is run again, up to three times in all.
    ///
    /// At the deadline the caller hears `.deadline` while the statement may still take effect.
    @discardableResult
    public func query(
        _ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?
    ) async throws -> QueryResult {
        try await pipelined.query(statement, parameters, deadline: deadline ?? defaultDeadline)
    }

    /// As `query` on the pipelined lane, for who has no task to suspend: `completion` is called once, on
    /// any thread, and must be short.
    public func query(
        _ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant? = nil,
        _ completion: @escaping @Sendable (Result<QueryResult, any Error>) -> Void
    ) {
        pipelined.query(statement, parameters, deadline: deadline ?? defaultDeadline, completion)
    }

    /// Pinned lane, single statement that may be slow (lists, large rows) and is cancelled at its deadline. Repeated as on the
    /// other lane.
    @discardableResult
    public func queryPinned(
        _ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?
    ) async throws -> QueryResult {
        let deadline = deadline ?? defaultDeadline
        let work = PendingRequest.Work.statement(text: statement.text, try EncodedParameters(parameters))
        var attempt = 1
        while true {
            let lease = try await pinned.lease(deadline: deadline)
            defer { lease.abandon() }
            do {
                return try await lease.connection.perform(work, deadline: deadline)
            } catch let error as PostgresError where error.isSerializationFailure && attempt < 3 {
                attempt += 1
            }
        }
    }

    /// Pinned lane: BEGIN … COMMIT around `body`; ROLLBACK when it throws. Serialization failures and
    /// deadlocks are the caller's to repeat.
    ///
    /// A deadline bounds the wait for a connection and every statement; without one, each of them has
    /// the configured statement timeout. When the COMMIT itself fails with `.away`, whether it took
    /// effect is unknown.
    @discardableResult
    public func transaction<T: Sendable>(
        isolation: IsolationLevel = .readCommitted, deadline: ContinuousClock.Instant? = nil,
        _ body: @Sendable (PostgresTransaction) async throws -> T
    ) async throws -> T {
        try await pinned.transaction(
            isolation: isolation, deadline: deadline, statementTimeout: configuration.statementTimeout, body)
    }

    /// Runs a migration's statements in one transaction, without a time limit worth the name.
    public func executeScript(_ script: SQLScript) async throws {
        try await transaction { try await $0.script(script) }
    }

    /// LISTEN on `channels`; survives reconnects (`.resumed`). Unless all of them are among the configuration's
    /// `sharedChannels`, with a connection of its own, which closes when the stream is let go.
    public func notifications(_ channels: [String]) -> AsyncStream<PostgresNotification.Event> {
        if hub.carries(channels) { return hub.read(channels) }
        let (stream, continuation) = AsyncStream<PostgresNotification.Event>.makeStream()
        let listener = Listener(thread: thread, configuration, channels, logger: logger, count: listeners) { news in
            switch news {
            case .event(let event): continuation.yield(event)
            case .lost: break
            case .ended: continuation.finish()
            }
        }
        continuation.onTermination = { [weak listener] _ in listener?.stop() }
        listener.start()
        return stream
    }

    /// False while the circuit is open: calls fail fast with `.away`.
    public var isReachable: Bool { pipelined.isReachable && pinned.isReachable }

    public var statistics: PostgresStatistics {
        var statistics = pinned.statistics
        statistics.isReachable = isReachable
        statistics.pipelined = pipelined.outstanding
        statistics.listeners = listeners.all.load(ordering: .relaxed)
        statistics.listening = listeners.listening.load(ordering: .relaxed)
        return statistics
    }

    private var defaultDeadline: ContinuousClock.Instant { .now.advanced(by: configuration.statementTimeout) }
}

extension PostgresClient {
    /// One command that cannot run inside a transaction, such as CREATE DATABASE. For tests' fixtures.
    package func administer(_ script: SQLScript) async throws {
        let deadline = defaultDeadline
        let lease = try await pinned.lease(deadline: deadline)
        defer { lease.abandon() }
        _ = try await lease.connection.perform(.script(script.text), deadline: deadline)
    }
}
