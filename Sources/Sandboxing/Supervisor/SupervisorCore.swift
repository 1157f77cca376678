import CLinux
import Logging
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The supervisor's state and what may be done with it, on its event loop. What blocks goes to threads.
actor SupervisorCore {
    let configuration: SupervisorConfiguration
    /// Names the home on the host.
    let instance: String
    let logger: Logger
    let loop: EventLoop
    let isPrivileged = geteuid() == 0
    /// Starts every process and never ends before the supervisor: sandboxes die with the *thread* that started them.
    let spawner = BlockingThread(name: "spawner")
    let cleaners = (0..<4).map { BlockingThread(name: "cleaner-\($0)") }
    let logs: LogCollector
    let cgroups: Cgroups
    let userIDs: UserIDs?
    let engine: any SandboxEngine
    let containers: ContainerEngine
    let ownNetwork: Descriptor
    /// For sandboxes with a way out; `nil` where this host can't, and `noWayOut` says why.
    let wayOut: WayOut?
    let noWayOut: String?
    let networks = BlockingThread(name: "networks")

    var records: [String: SandboxRecord] = [:]
    var clients: [Int: FrameChannel] = [:]
    var nextClient = 0
    var nextCleaner = 0
    var listener: Descriptor?
    var isShuttingDown = false
    var isDown = false
    var whenShutDown: [CheckedContinuation<Void, Never>] = []
    /// Containers of ours may be left over.
    var needsSweep = true
    /// By image; `""` is the host.
    var interpreterSearches: [String: Task<[String: String], any Error>] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(configuration: SupervisorConfiguration, instance: String, cgroups: Cgroups, logger: Logger) throws {
        self.configuration = configuration
        self.instance = instance
        self.logger = logger
        self.cgroups = cgroups
        containers = ContainerEngine(settings: configuration.containers, instance: instance, logger: logger)
        loop = try EventLoop(name: "supervisor")
        logs = try LogCollector()
        let network = clinux_open_own_network()
        guard network >= 0 else { throw SystemFailure("opening the host's network namespace") }
        ownNetwork = Descriptor(network)
        var stage: String?
        if isPrivileged {
            try RuntimeDirectory.make()
            stage = RuntimeDirectory.stage
            userIDs = try UserIDs(range: configuration.userIDs, runtimeDirectory: RuntimeDirectory.path)
        } else {
            userIDs = nil
        }
        (wayOut, noWayOut) = Self.makeWayOut(configuration, instance: instance, logger: logger)
        engine = try BubblewrapEngine(
            program: configuration.bubblewrap, base: configuration.sandboxesPath + "/.etc", stage: stage,
            bundleOwner: configuration.clientUserID)
    }

    /// A thread for work that blocks, each in turn.
    func cleaner() -> BlockingThread {
        nextCleaner = (nextCleaner + 1) % cleaners.count
        return cleaners[nextCleaner]
    }

    // MARK: Questions

    func record(_ id: String?) throws(SignalboxError) -> SandboxRecord {
        guard let id, let record = records[id], !record.isHidden else {
            throw .notFound("There is no sandbox \(id ?? "without an id") on this host.")
        }
        return record
    }

    func list() -> [SandboxStatus] {
        records.values.filter { !$0.isHidden }.map(\.status).sorted { ($0.startedAt, $0.id) < ($1.startedAt, $1.id) }
    }

    func openSocket(_ id: String?, port: Int?) throws -> Descriptor {
        let record = try record(id)
        guard let port, let port = UInt16(exactly: port), port > 0 else {
            throw SignalboxError.validation("sandbox: a port is 1 to 65535")
        }
        guard let network = record.network else {
            let reason = record.state.exit.map { ": \($0.sentence)" } ?? ""
            throw SignalboxError.notFound("The sandbox \(record.id) is not running\(reason).")
        }
        return try network.socket(port: port, own: ownNetwork)
    }

    func logTail(_ id: String?, bytes: Int?) async throws -> String {
        let directory = try record(id).directory
        let bytes = min(max(0, bytes ?? 4096), 1 << 20)
        if let id { await logs.flush(id) }
        return await cleaner().run { LogFile.tail(directory, bytes: bytes) }
    }

    func forget(_ id: String?) async throws {
        guard let id, let record = records[id] else { return }
        guard record.state.exit != nil else {
            throw SignalboxError.conflict("The sandbox \(id) still runs: stop it first.")
        }
        records[id] = nil
        let directory = record.directory
        _ = await cleaner().run { System.removeTree(directory) }
    }

    /// Drops the oldest ended sandboxes beyond the number kept, should no server forget them.
    func pruneExited() {
        let ended = records.values.filter { $0.state.exit != nil }
        guard ended.count > configuration.exitedKept else { return }
        let oldest = ended.sorted { $0.startedAt < $1.startedAt }.prefix(ended.count - configuration.exitedKept)
        for record in oldest {
            records[record.id] = nil
            let directory = record.directory
            let thread = cleaner()
            Task { _ = await thread.run { System.removeTree(directory) } }
        }
    }
}

/// Where supervisors of all homes meet on a host, root's only.
enum RuntimeDirectory {
    static let path = "/run/signalbox"
    static let stage = path + "/stage"

    static func make() throws(SystemFailure) {
        for directory in [path, stage] {
            try System.makeDirectory(directory, mode: 0o755)
            guard chmod(directory, 0o755) == 0 else { throw SystemFailure("chmod \(directory)") }
        }
    }
}
