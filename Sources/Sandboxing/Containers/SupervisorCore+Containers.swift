import CLinux
import DockerClient
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The life of a container, as the supervisor sees it. Its engine makes and removes it; that it has ended is seen by its
/// first process, so that an engine that is away hides nothing.
extension SupervisorCore {
    func startContainer(_ record: SandboxRecord, _ specification: SandboxSpecification) async throws -> SandboxStatus {
        do {
            let (id, image) = try await createContainer(record, specification)
            record.container = id
            record.endsBySIGTERM = ["", "SIGTERM", "TERM", "15"].contains(image.configuration?.stopSignal ?? "")
            try record.file.write(record.directory)
            try refuseIfStopped(record)
            let running = try await containers.start(id)
            record.wasInformed = true
            try await follow(record, since: nil)
            if let running, try enter(record, running) {
                await openWayOut(record, specification)
                try? record.file.write(record.directory)
                if record.stopRequested { kill(record) }
            } else {
                containerEnded(record)
            }
        } catch {
            await discardContainer(record)
            throw error
        }
        // Already ended: the reason is known in a moment.
        if record.first == nil { await end(record) }
        return record.status
    }

    private func createContainer(
        _ record: SandboxRecord, _ specification: SandboxSpecification
    ) async throws -> (id: String, image: Image) {
        guard let image = specification.image else { throw SignalboxError.validation("sandbox: no image") }
        // The engine mounts by path and as root: a server of another user could have it mount what is not its own.
        guard specification.bundle == nil || configuration.clientUserID == nil else {
            throw SignalboxError.agentFailed(
                "Archives can't run in an image (--code-image) where the server is another user than the supervisor.")
        }
        let (isRootless, warning) = try await containers.calling("ask the engine") { ($0.isRootless, $0.warning) }
        // The host's own cgroups are no matter of a container's.
        record.warning = [specification.network == .public ? noWayOut ?? wayOut?.warning : nil, warning].compactMap { $0 }
            .reduce(nil) { all, one in all.map { "\($0); \(one)" } ?? one }
        if !isRootless { record.userID = try userIDs?.take() }
        let (directory, work, userID, file) = (record.directory, record.work, record.userID, record.file)
        let resolverFile = specification.network == .public ? wayOut?.resolverFile : nil
        let resolver = resolverFile == nil ? configuration.sandboxesPath + "/.etc/resolv.conf" : directory + "/resolv.conf"
        try await cleaner().run {
            guard mkdir(directory, 0o700) == 0 else { throw SystemFailure("mkdir \(directory)") }
            try file.write(directory)
            try System.makeDirectory(work)
            // The image may have a user of its own. What is above it is closed to all.
            guard chmod(work, 0o1777) == 0 else { throw SystemFailure("chmod \(work)") }
            if let userID, chown(work, userID, userID) != 0 { throw SystemFailure("chown \(work)") }
            if let resolverFile { try System.write(Array(resolverFile.utf8), to: resolver, mode: 0o644) }
        }
        let (instance, runtime) = (instance, configuration.containers.runtime)
        return try await containers.create(
            { image, daemon in
                HardenedContainer(
                    specification: specification, instance: instance, image: image, isRootless: daemon.isRootless, runtime: runtime,
                    work: work, resolverConfiguration: resolver, userID: userID)
            }, image: image)
    }

    private func refuseIfStopped(_ record: SandboxRecord) throws {
        guard !record.stopRequested else { throw SignalboxError.unavailable("The sandbox was stopped while it started.") }
    }

    /// From here on it counts as running. False: it has ended already.
    private func enter(_ record: SandboxRecord, _ running: RunningContainer) throws -> Bool {
        let network: NetworkDoor
        do {
            network = try NetworkDoor(of: running.processID, isPrivileged: isPrivileged)
        } catch {
            if ProcessIdentity.isEnding(running.processID, running.handle) { return false }
            throw SignalboxError.agentFailed(
                "The container's network can't be entered (\(error)): run Signalbox as root, or use an engine of the user's own "
                    + "(rootless Podman).")
        }
        record.first = (running.processID, running.handle)
        record.network = network
        record.outOfMemory = OutOfMemoryCount(of: running.processID)
        record.state = record.stopRequested ? .stopping : .running
        let id = record.id
        let handle = running.handle
        loop.watch(handle.number) { [unowned self] _, _ in
            self.assumeIsolated { core in
                core.loop.unwatch(handle.number)
                if let record = core.records[id] { core.containerEnded(record) }
            }
        }
        return true
    }

    /// Its agent runs already, for some milliseconds: no engine of all offers to make a network first.
    private func openWayOut(_ record: SandboxRecord, _ specification: SandboxSpecification) async {
        guard specification.network == .public, let wayOut, let network = try? record.network?.namespace() else { return }
        let id = record.id
        let thread = networks
        let opening = Task { () -> WayOutLease? in
            do {
                return try await thread.run {
                    defer { network.close() }
                    return try wayOut.open(id, network: network)
                }
            } catch {
                if record.state == .running {
                    logger.error("sandbox \(id) has no way out: \(error)")
                    record.warning = "there is no way out to a network: \(error)"
                }
                return nil
            }
        }
        record.lease = opening
        _ = await opening.value
    }

    private func follow(_ record: SandboxRecord, since: Double?) async throws {
        guard let container = record.container else { return }
        let (pipe, output) = try System.pipe()
        _ = fcntl(output.number, F_SETFL, O_WRONLY | O_NONBLOCK)
        await logs.add(record.id, pipe: pipe, directory: record.directory, limit: record.limits.logBytes)
        record.follower = Task { [containers] in
            await containers.follow(container, into: output, since: since)
            output.close()
        }
    }

    // MARK: The end

    /// The image's stop signal, unless the container's first process would not even notice.
    func terminateContainer(_ record: SandboxRecord, grace: Duration) {
        guard let container = record.container, let first = record.first else { return }
        if record.endsBySIGTERM, Self.ignores(SIGTERM, first.pid) {
            // The kernel drops signals without a handler that are sent to the first process of a pid namespace.
            kill(record)
        } else {
            Task { await containers.terminate(container, grace: grace) }
        }
    }

    /// Whether a process has no handler for a signal.
    private static func ignores(_ signal: Int32, _ pid: Int32) -> Bool {
        guard let status = System.readText("/proc/\(pid)/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("SigCgt:") }),
            let mask = UInt64(line.dropFirst("SigCgt:".count).drop { $0 == "\t" || $0 == " " }, radix: 16)
        else { return false }
        return mask & 1 << UInt64(signal - 1) == 0
    }

    func containerEnded(_ record: SandboxRecord) {
        record.state = .stopping
        // At once, while its cgroup still stands.
        let kills = record.outOfMemory?.read() ?? 0
        record.network?.close()
        record.network = nil
        Task { await finishContainer(record, kills) }
    }

    private func finishContainer(_ record: SandboxRecord, _ kills: Int) async {
        guard let container = record.container else { return }
        let state = await containers.exit(container)
        // An engine that answers gives its last lines, too, however busy the host is.
        await endLog(record, patience: .seconds(state == nil ? 2 : 10))
        if await !containers.remove(container) { needsSweep = true }
        let work = record.work
        let lease = await record.lease?.value
        let wayOut = wayOut
        let isGone = await cleaner().run {
            if let lease { wayOut?.close(lease) }
            return System.removeTree(work)
        }
        if !isGone { logger.error("the work directory of sandbox \(record.id) could not be removed") }
        var exit = SandboxExit(
            code: state?.exitCode, signal: nil, outOfMemoryKills: max(kills, state?.outOfMemory == true ? 1 : 0),
            stopped: record.stopRequested, limits: record.limits)
        if state == nil, !exit.outOfMemory {
            exit.sentence = record.stopRequested ? "stopped" : "the container ended; its engine does not say how"
        }
        conclude(record, exit, isGone: isGone)
    }

    /// Its last lines may still be on their way.
    private func endLog(_ record: SandboxRecord, patience: Duration) async {
        if let follower = record.follower {
            let timer = Task {
                try await Task.sleep(for: patience)
                follower.cancel()
            }
            await follower.value
            timer.cancel()
            record.follower = nil
        }
        await logs.finish(record.id)
    }

    /// Undoes a start that failed.
    private func discardContainer(_ record: SandboxRecord) async {
        record.network?.close()
        record.network = nil
        if let first = record.first { loop.unwatch(first.handle.number) }
        record.first = nil
        // By its name when the engine's answer was lost.
        if await !containers.remove(record.container ?? "signalbox-" + record.id) { needsSweep = true }
        await endLog(record, patience: .seconds(2))
        if let lease = await record.lease?.value, let wayOut { await cleaner().run { wayOut.close(lease) } }
        await discard(record)
    }

    // MARK: What was left

    /// Takes over a container that outlived its supervisor.
    func adoptContainer(_ file: StateFile, _ directory: String, _ lease: WayOutLease?) {
        let record = SandboxRecord(living: file, directory: directory)
        record.lease = lease.map { lease in Task { lease } }
        if let userID = file.userID { userIDs?.hold(userID) }
        records[record.id] = record
        guard let identity = file.first, let container = file.container, let handle = identity.open() else {
            return containerEnded(record)
        }
        do {
            guard try enter(record, RunningContainer(id: container, processID: identity.pid, handle: handle)) else {
                return containerEnded(record)
            }
            logger.notice("adopted the container of sandbox \(record.id)")
        } catch {
            logger.warning("the container of sandbox \(record.id) can't be adopted: \(error)")
            _ = clinux_pidfd_signal(handle.number, SIGKILL)
            return containerEnded(record)
        }
        let since = Self.lastWrite(directory) ?? file.startedAt.timeIntervalSince1970
        Task {
            do { try await follow(record, since: since) } catch {
                logger.warning("the log of sandbox \(record.id) is not followed: \(error)")
            }
        }
    }

    private static func lastWrite(_ directory: String) -> Double? {
        var info = stat()
        guard stat(directory + "/log", &info) == 0 else { return nil }
        return Double(info.st_mtim.tv_sec) + Double(info.st_mtim.tv_nsec) / 1e9
    }

    /// Removes containers of this home that belong to no living sandbox: what a killed supervisor or an engine that was
    /// away left behind. Runs until the task is cancelled.
    func keepSwept() async {
        while !Task.isCancelled {
            if needsSweep, containers.isPossible {
                needsSweep = false
                do {
                    for container in try await containers.ours() where !isLiving(container.sandbox) {
                        logger.notice("removing a container that was left over", metadata: ["container": "\(container.id)"])
                        if await !containers.remove(container.id) { needsSweep = true }
                    }
                } catch {
                    logger.debug("left-over containers can't be looked for yet: \(error)")
                    needsSweep = true
                }
            }
            try? await Task.sleep(for: .seconds(2))
        }
    }

    private func isLiving(_ sandbox: String) -> Bool { records[sandbox].map { $0.state.exit == nil } ?? false }
}
