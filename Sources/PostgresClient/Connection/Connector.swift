import CLibPQ
import Glibc
import Synchronization

/// What a lane asks of its connections.
struct ConnectionSettings: Sendable {
    var connectionString: String
    var connectTimeout: Duration
    var applicationName: String
    /// For the server's `statement_timeout`; `nil` switches it off.
    var statementTimeout: Duration?
    /// For the server's `idle_in_transaction_session_timeout`.
    var idleTransactionTimeout: Duration

    /// Only statements that an index answers, again and again.
    var isForLookUps: Bool

    init(_ configuration: PostgresConfiguration, statementTimeout: Duration?, isForLookUps: Bool = false) {
        self.isForLookUps = isForLookUps
        connectionString = configuration.connectionString
        connectTimeout = configuration.connectTimeout
        applicationName = configuration.applicationName
        self.statementTimeout = statementTimeout
        idleTransactionTimeout = configuration.idleTransactionTimeout
    }

    /// Run once on every connection, so that no server or role setting weakens a promise.
    var sessionSetup: String {
        """
        SET synchronous_commit = on; SET timezone = 'UTC'; SET client_min_messages = warning; \
        SET statement_timeout = \(statementTimeout?.milliseconds ?? 0); \
        SET idle_in_transaction_session_timeout = \(idleTransactionTimeout.milliseconds); SET jit = off; \
        SET enable_seqscan = off\(lookUpSetup)
        """
    }

    /// A plan that was made while a table was small must not read all of it when it has grown (hence no sequential scans on
    /// either lane), and to plan a look-up anew costs more than to run it. (`jit` is off, since the price of a plan without an
    /// index would set it off.)
    private var lookUpSetup: String { isForLookUps ? "; SET plan_cache_mode = force_generic_plan" : "" }
}

/// Tells a connecting thread that nobody wants its connection any more.
final class AbortFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}

/// Opens connections with PQconnectStart and PQconnectPoll, bounded by the connect timeout, each on
/// a thread of its own: libpq looks names up synchronously.
enum Connector {
    private static let clock = ContinuousClock()

    /// Calls `completion` on the connecting thread.
    ///
    /// - Parameter setUp: what to do on the new connection before it is handed over.
    static func open(
        _ settings: ConnectionSettings, abort: AbortFlag,
        setUp: @escaping @Sendable (LibPQConnection) throws(PostgresError) -> Void = { _ throws(PostgresError) in },
        completion: @escaping @Sendable (Result<LibPQConnection, PostgresError>) -> Void
    ) {
        let started = DetachedThread.start {
            completion(
                Result { () throws(PostgresError) in
                    let connection = try openBlocking(settings, abort: abort)
                    try setUp(connection)
                    return connection
                })
        }
        if !started { completion(.failure(.noThread)) }
    }

    static func openBlocking(_ settings: ConnectionSettings, abort: AbortFlag) throws(PostgresError) -> LibPQConnection {
        let deadline = clock.now.advanced(by: settings.connectTimeout)
        let connection = try begin(settings)
        var step = PGRES_POLLING_WRITING
        while step != PGRES_POLLING_OK {
            guard step != PGRES_POLLING_FAILED else { throw .away(connection.lastError) }
            let events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT
            try wait(connection, Int16(events), until: deadline, abort)
            step = PQconnectPoll(connection.handle)
        }
        PQsetnonblocking(connection.handle, 1)
        try exchange(connection, settings.sessionSetup, deadline: deadline, abort)
        return connection
    }

    /// Sends `text` in the simple protocol and waits for the end of its results.
    static func exchange(
        _ connection: LibPQConnection, _ text: String, deadline: ContinuousClock.Instant, _ abort: AbortFlag
    ) throws(PostgresError) {
        guard connection.sendSimple(text) else { throw .away(connection.lastError) }
        var failure: PostgresError?
        while true {
            switch connection.next() {
            case .end:
                if let failure { throw failure }
                return
            case .result(let result, let status):
                if status == PGRES_FATAL_ERROR { failure = PostgresError(consuming: result) } else { PQclear(result) }
                if connection.isBroken { throw failure ?? .away(connection.lastError) }
            case .busy:
                let flush = connection.flush()
                guard flush != .failed else { throw .away(connection.lastError) }
                try wait(connection, Int16(flush == .pending ? POLLIN | POLLOUT : POLLIN), until: deadline, abort)
                guard connection.consumeInput() else { throw .away(connection.lastError) }
            }
        }
    }

    private static func begin(_ settings: ConnectionSettings) throws(PostgresError) -> LibPQConnection {
        // Keywords before `dbname` are defaults that the connection string may override.
        let keywords = [
            ("fallback_application_name", settings.applicationName), ("tcp_user_timeout", "10000"),
            ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("dbname", settings.connectionString), ("client_encoding", "UTF8"),
        ]
        let names = keywords.map { strdup($0.0) }
        let values = keywords.map { strdup($0.1) }
        defer { for pointer in names + values { free(pointer) } }
        let handle = PQconnectStartParams(
            names.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
        guard let handle else { throw .away("libpq is out of memory") }
        let connection = LibPQConnection(owning: handle)
        guard !connection.isBroken else { throw .away(connection.lastError) }
        return connection
    }

    private static func wait(
        _ connection: LibPQConnection, _ events: Int16, until deadline: ContinuousClock.Instant, _ abort: AbortFlag
    ) throws(PostgresError) {
        while true {
            guard !abort.isSet else { throw .clientClosed }
            let remaining = clock.now.duration(to: deadline).milliseconds
            guard remaining > 0 else { throw .away("connecting to PostgreSQL took too long") }
            var descriptor = pollfd(fd: connection.descriptor, events: events, revents: 0)
            // Short naps, so that an abort is seen soon.
            if poll(&descriptor, 1, CInt(min(remaining, 100))) > 0 { return }
        }
    }
}
