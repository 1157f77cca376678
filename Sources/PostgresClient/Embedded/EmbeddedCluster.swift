import Glibc
import Logging
import Synchronization

/// A private PostgreSQL under Signalbox's home, reachable through a unix socket alone.
///
/// It runs in a session of its own: Ctrl-C in the server's terminal does not reach it, and it
/// survives a server that is killed; the next one adopts it.
public final class EmbeddedCluster: Sendable {
    static let role = "signalbox"
    static let database = "signalbox"

    private let directory: String
    private let logger: Logger
    private let settings: [(name: String, value: String)]
    private let programDirectories: [String]?
    private let dataDirectory = Mutex<String?>(nil)

    /// - Parameter directory: Signalbox's home; the cluster lives in its `pg/`.
    public convenience init(directory: String, logger: Logger) {
        self.init(directory: directory, logger: logger, settings: [:])
    }

    /// - Parameters:
    ///   - settings: further server settings, by name.
    ///   - programDirectories: where to look for PostgreSQL's programs, instead of the usual places.
    package init(directory: String, logger: Logger, settings: [String: String], programDirectories: [String]? = nil) {
        self.directory = directory
        self.logger = logger
        self.settings = settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        self.programDirectories = programDirectories
    }

    /// Makes the cluster unless it exists, starts it unless it runs, creates the database
    /// `signalbox` unless it is there, and returns libpq's connection string for it.
    public func start() async throws -> String {
        try await DetachedThread.run { try self.startBlocking() }
    }

    /// Fast shutdown; immediate after 15 s, which costs a recovery at the next start and no data.
    public func stop() async {
        _ = try? await DetachedThread.run { self.stopBlocking() }
    }

    /// The main process's number, while it runs.
    package var processID: Int32? {
        dataDirectory.withLock { $0 }.flatMap { Postmaster.running(dataDirectory: $0) }?.0.pid
    }
}

extension EmbeddedCluster {
    private func startBlocking() throws -> String {
        let (cluster, user) = try prepareDirectory()
        // Two servers of one home start one after the other; the second one adopts.
        guard let lock = Self.lock(cluster, wait: true) else { throw FileSystem.failure("cannot lock \(cluster)") }
        defer { close(lock) }
        let socketDirectory = try SocketDirectory.prepare(clusterDirectory: cluster, user: user)
        let layout = Layout(cluster: cluster, data: "\(cluster)/data", socket: socketDirectory, user: user)

        let version = FileSystem.read("\(layout.data)/PG_VERSION").flatMap { Int($0.filter { !$0.isWhitespace }) }
        let installation = try PostgresInstallation.find(forData: version, dataDirectory: layout.data, in: programDirectories)
        if version == nil { try initialise(layout, installation) }
        dataDirectory.withLock { $0 = layout.data }

        let file = try adopt(layout) ?? launch(layout, installation)
        let socket = file.socketDirectory.isEmpty ? layout.socket : file.socketDirectory
        try createDatabase(socket: socket, port: file.port)
        return Self.connectionString(socket: socket, port: file.port, database: Self.database)
    }

    private struct Layout {
        var cluster: String
        var data: String
        var socket: String
        var user: ServiceUser
    }

    private func prepareDirectory() throws -> (cluster: String, user: ServiceUser) {
        try FileSystem.makeDirectories(directory, mode: 0o711)
        let home = try FileSystem.resolved(directory)
        let cluster = "\(home)/pg"
        let user = try ServiceUser.choose(dataDirectory: "\(cluster)/data")
        try user.checkAccess(home: home)
        try user.own(cluster)
        return (cluster, user)
    }

    private static func lock(_ cluster: String, wait: Bool) -> CInt? {
        let descriptor = open("\(cluster)/start.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        if flock(descriptor, wait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// Under another name first, so that an interrupted initdb leaves nothing that looks complete.
    private func initialise(_ layout: Layout, _ installation: PostgresInstallation) throws {
        logger.info("making a private PostgreSQL cluster", metadata: ["directory": "\(layout.data)", "version": "\(installation.major)"])
        guard !FileSystem.exists(layout.data) else {
            throw EmbeddedClusterError("\(layout.data) exists and is not a PostgreSQL data directory: move it away")
        }
        let fresh = "\(layout.data).new"
        FileSystem.removeTree(fresh)
        let outcome = try ChildProcess.run(
            [
                installation.program("initdb"), "--pgdata=\(fresh)", "--username=\(Self.role)", "--auth=trust",
                "--encoding=UTF8", "--locale=C", "--data-checksums",
            ], as: layout.user)
        guard outcome.succeeded else { throw EmbeddedClusterError("initdb failed: \(Self.tail(outcome.output))") }
        guard rename(fresh, layout.data) == 0 else { throw FileSystem.failure("cannot rename \(fresh)") }
    }

    /// A postmaster that runs already, once it is ready; `nil` when there is none to wait for.
    private func adopt(_ layout: Layout) throws -> PostmasterFile? {
        guard let (postmaster, _) = Postmaster.running(dataDirectory: layout.data) else { return nil }
        logger.info("PostgreSQL runs already", metadata: ["pid": "\(postmaster.pid)"])
        return try waitUntilReady(postmaster, layout)
    }

    private func launch(_ layout: Layout, _ installation: PostgresInstallation) throws -> PostmasterFile {
        Postmaster.removeStaleLock(dataDirectory: layout.data)
        let log = open("\(layout.cluster)/start.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw FileSystem.failure("cannot write \(layout.cluster)/start.log") }
        defer { close(log) }
        let pid = try ChildProcess.spawn(
            [installation.program("postgres"), "-D", layout.data] + options(layout), as: layout.user, output: log)
        let exit = ExitFlag()
        // Also keeps a zombie from staying behind when it ends later.
        _ = DetachedThread.start {
            ChildProcess.waitFor(pid)
            exit.set()
        }
        let postmaster = Postmaster(pid: pid, dataDirectory: layout.data)
        guard let file = try waitUntilReady(postmaster, layout, exit: exit) else {
            throw EmbeddedClusterError(
                "PostgreSQL did not start: \(Self.tail(FileSystem.read("\(layout.cluster)/start.log") ?? "")) (see \(layout.cluster)/log)")
        }
        logger.info("PostgreSQL started", metadata: ["pid": "\(pid)", "version": "\(installation.major)"])
        return file
    }

    private func options(_ layout: Layout) -> [String] {
        let quotedSocket = "\"" + layout.socket.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
        let fixed = [
            ("listen_addresses", ""), ("unix_socket_directories", quotedSocket), ("unix_socket_permissions", "0700"),
            ("port", "\(SocketDirectory.port)"), ("max_connections", "200"), ("fsync", "on"),
            // One file per weekday, overwritten a week later.
            ("logging_collector", "on"), ("log_directory", "../log"), ("log_filename", "postgresql-%a.log"),
            ("log_truncate_on_rotation", "on"), ("log_rotation_age", "1d"), ("log_rotation_size", "0"), ("log_timezone", "UTC"),
        ]
        return (fixed + settings.map { ($0.name, $0.value) }).flatMap { ["-c", "\($0)=\($1)"] }
    }

    /// `nil` when it ended instead. Recovery after a crash may take its time while the process lives.
    private func waitUntilReady(_ postmaster: Postmaster, _ layout: Layout, exit: ExitFlag? = nil) throws -> PostmasterFile? {
        let limit = ContinuousClock.now.advanced(by: .seconds(600))
        while ContinuousClock.now < limit {
            if let (running, file) = Postmaster.running(dataDirectory: layout.data), running.pid == postmaster.pid {
                if file.status == "ready" { return file }
            } else if let exit {
                if exit.isSet { return nil }
            } else if !postmaster.isRunning {
                return nil
            }
            usleep(10_000)
        }
        throw EmbeddedClusterError("PostgreSQL (process \(postmaster.pid)) was not ready after ten minutes; see \(layout.cluster)/log")
    }

    private func createDatabase(socket: String, port: Int) throws {
        func settings(_ database: String) -> ConnectionSettings {
            let string = Self.connectionString(socket: socket, port: port, database: database)
            return ConnectionSettings(PostgresConfiguration(connectionString: string), statementTimeout: nil)
        }
        let abort = AbortFlag()
        if (try? Connector.openBlocking(settings(Self.database), abort: abort)) != nil { return }
        let connection = try Connector.openBlocking(settings("postgres"), abort: abort)
        try Connector.exchange(connection, "CREATE DATABASE \(Self.database)", deadline: .now.advanced(by: .seconds(60)), abort)
    }

    static func connectionString(socket: String, port: Int, database: String) -> String {
        "host=\(Conninfo.quote(socket)) port=\(port) user=\(role) dbname=\(database)"
    }

    private func stopBlocking() {
        guard let data = dataDirectory.withLock({ $0 }), let (postmaster, file) = Postmaster.running(dataDirectory: data) else { return }
        // Fast, immediate, and what nothing survives. Source: PostgreSQL manual, "Shutting Down the Server".
        for (signal, patience) in [(SIGINT, Duration.seconds(15)), (SIGQUIT, .seconds(5)), (SIGKILL, .seconds(5))] {
            postmaster.signal(signal)
            if postmaster.waitForEnd(patience) {
                logger.info("PostgreSQL stopped")
                return Self.removeSocketDirectory(file.socketDirectory, dataDirectory: data)
            }
            logger.warning("PostgreSQL does not stop", metadata: ["pid": "\(postmaster.pid)", "signal": "\(signal)"])
        }
    }

    /// One outside of the home would stay behind when the home is deleted. Not while another server starts.
    private static func removeSocketDirectory(_ path: String, dataDirectory: String) {
        guard let cluster = FileSystem.parent(dataDirectory), !path.hasPrefix(cluster), let lock = lock(cluster, wait: false) else {
            return
        }
        rmdir(path)
        close(lock)
    }

    private static func tail(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).suffix(6).joined(separator: "; ")
    }
}

/// Set once, from the thread that reaps the postmaster.
private final class ExitFlag: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}
