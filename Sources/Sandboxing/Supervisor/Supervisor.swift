import CLinux
public import Logging
import Platform
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Owner of the host's sandboxes: spawns, watches, limits and ends them. `signalbox supervise` runs it.
public final class Supervisor: Sendable {
    private enum Stage: Sendable {
        case idle
        case running(SupervisorCore)
        case stopping
    }

    private let configuration: SupervisorConfiguration
    private let logger: Logger
    private let stage = Mutex<Stage>(.idle)

    public init(configuration: SupervisorConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Serves until ``shutdown()``, a client's `shutdown` request, or cancellation of the task; then stops
    /// every sandbox and returns. Throws when another supervisor serves the same home.
    ///
    /// - Parameter onListening: called once clients may connect.
    public func run(onListening: @Sendable () -> Void = {}) async throws {
        let home = configuration.home
        try System.makeDirectory(home)
        try configuration.checkDirectories()
        try System.makeDirectory(configuration.sandboxesPath)
        // Held, through the open file, as long as the process lives.
        let lock = try System.open(configuration.lockPath, O_RDWR | O_CREAT)
        try await acquire(lock)
        defer { lock.close() }
        // Not every host's init reaps.
        Orphans.adopt(true)
        defer { Orphans.adopt(false) }

        let (core, left, leases) = try await prepare()
        await core.adopt(left, leases)
        let sweeper = Task { await core.keepSwept() }
        defer { sweeper.cancel() }
        try await core.listen(on: bind())
        let mayRun = stage.withLock { stage in
            if case .stopping = stage { return false }
            stage = .running(core)
            return true
        }
        onListening()
        logger.notice("supervisor ready", metadata: ["socket": "\(configuration.socketPath)"])
        if mayRun {
            await withTaskCancellationHandler {
                await core.untilShutDown()
            } onCancel: {
                shutdown()
            }
        }
        sweeper.cancel()
        await core.close()
        await core.containers.shutdown()
        core.wayOut?.shutDown()
        core.cgroups.close()
        core.loop.end()
        logger.notice("supervisor stopped")
    }

    /// Makes ``run()`` stop all sandboxes and return. For SIGTERM.
    public func shutdown() {
        let core = stage.withLock { stage -> SupervisorCore? in
            defer { stage = .stopping }
            if case .running(let core) = stage { return core } else { return nil }
        }
        if let core { Task { await core.shutdown() } }
    }

    /// One that is stopping has left its socket already and is waited for; one that serves is not. Connecting alone
    /// proves nothing: of one that was killed, a child on its way to its program may hold lock and socket yet.
    private func acquire(_ lock: Descriptor) async throws {
        let deadline = ContinuousClock.now + configuration.shutdownGrace + .seconds(5)
        lazy var other = SupervisorClient(socketPath: configuration.socketPath, logger: logger)
        while flock(lock.number, LOCK_EX | LOCK_NB) != 0 {
            guard await !other.answers(), ContinuousClock.now < deadline else {
                throw SignalboxError.conflict("Another supervisor serves \(configuration.home).")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Ends what an earlier supervisor left, off the cooperative pool.
    private func prepare() async throws -> (SupervisorCore, SandboxesLeft, [WayOutLease]) {
        let instance = try Self.instance(configuration)
        let configuration = configuration
        let logger = logger
        return try await BlockingThread(name: "reaper").run {
            let cgroups = Cgroups(instance: instance)
            if let warning = cgroups.warning { logger.warning("\(warning)") }
            let left = Reaper(sandboxes: configuration.sandboxesPath, instance: instance, cgroups: cgroups, logger: logger).reap()
            let core = try SupervisorCore(configuration: configuration, instance: instance, cgroups: cgroups, logger: logger)
            // Containers that live on keep their networks.
            var living: [String: Descriptor] = [:]
            for case (let file, nil, _) in left {
                if let process = file.first { living[file.id] = try? System.open("/proc/\(process.pid)/ns/net", O_RDONLY) }
            }
            let leases = core.wayOut?.reap(keeping: Set(living.keys), networks: living) ?? []
            return (core, left, leases)
        }
    }

    private func bind() throws -> Descriptor {
        let path = configuration.socketPath
        // Whoever listened there held the lock that is ours now.
        unlink(path)
        let mask = umask(0o177)
        let number = clinux_unix_listen(path)
        let failure = SystemFailure("listening on \(path)")
        umask(mask)
        guard number >= 0 else { throw failure }
        let listener = Descriptor(number)
        if let owner = configuration.clientUserID, chown(path, owner, gid_t.max) != 0 {
            throw SystemFailure("chown \(path)")
        }
        return listener
    }

    /// Name of the home in the cgroup tree. A file, not the path, because containers share a tree and may have
    /// equal paths.
    private static func instance(_ configuration: SupervisorConfiguration) throws -> String {
        let path = configuration.sandboxesPath + "/.instance"
        if let text = System.readText(path), text.count == 16, text.allSatisfy({ $0.isLetter || $0.isNumber }) { return text }
        let fresh = Identifier.alphanumeric(16)
        try System.write(Array(fresh.utf8), to: path)
        return fresh
    }
}

extension SupervisorCore {
    func adopt(_ left: SandboxesLeft, _ leases: [WayOutLease]) {
        for (file, exit, directory) in left {
            guard let exit else {
                adoptContainer(file, directory, leases.first { $0.id == file.id })
                continue
            }
            records[file.id] = SandboxRecord(file, exit: exit, directory: directory)
            if let userID = file.userID, System.exists(StateFile.work(directory)) { userIDs?.hold(userID) }
        }
        pruneExited()
    }

    func untilShutDown() async {
        guard !isDown else { return }
        await withCheckedContinuation { whenShutDown.append($0) }
    }
}
