import CLinux
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension SupervisorCore {
    /// SIGTERM, `grace`, SIGKILL; returns when nothing is left. Several at once wait for the same end, the
    /// shortest grace decides.
    func stop(_ id: String?, grace: Duration) async {
        guard let id, let record = records[id], record.state.exit == nil else { return }
        record.stopRequested = true
        // A frozen process can't end, whatever it is sent.
        if record.state == .paused { try? await thaw(record) }
        if record.state == .running || record.state == .paused {
            record.state = .stopping
            if record.isContainer { terminateContainer(record, grace: grace) } else { await terminate(record) }
        } else if record.state == .starting, record.outer != nil {
            kill(record)
        }
        let timer = Task {
            try await Task.sleep(for: grace)
            kill(record)
        }
        await end(record)
        timer.cancel()
    }

    /// Waits until the sandbox has ended and nothing is left of it.
    func end(_ record: SandboxRecord) async {
        guard record.state.exit == nil, records[record.id] === record else { return }
        await withCheckedContinuation { record.awaitingEnd.append($0) }
    }

    /// SIGTERM to every process of the agent. The first process of the namespace is bubblewrap's, which a
    /// SIGTERM neither concerns nor reaches.
    private func terminate(_ record: SandboxRecord) async {
        guard let namespace = record.processNamespace, let first = record.first else { return }
        let members = record.cgroup.flatMap { $0.isEmptyHanded ? nil : $0 }
        await cleaner().run {
            let candidates = members?.processes() ?? System.names(in: "/proc").compactMap { Int32($0) }
            for pid in candidates where pid != first.pid {
                let number = clinux_pidfd_open(pid)
                guard number >= 0 else { continue }
                let handle = Descriptor(number)
                // Asked once the handle is held, so that it can't be another process under that number.
                if System.linkTarget("/proc/\(pid)/ns/pid") == namespace {
                    _ = clinux_pidfd_signal(handle.number, SIGTERM)
                }
            }
        }
    }

    /// SIGKILL to the whole tree at once: the kernel ends a pid namespace with its first process.
    func kill(_ record: SandboxRecord) {
        guard record.state.exit == nil else { return }
        if let first = record.first {
            _ = clinux_pidfd_signal(first.handle.number, SIGKILL)
        } else if let outer = record.outer {
            // What it forked already dies with it (--die-with-parent), or is found when it has ended.
            _ = clinux_pidfd_signal(outer.handle.number, SIGKILL)
        }
    }

    /// The agent has ended. Ends and frees the rest.
    func outerEnded(_ record: SandboxRecord) {
        guard let outer = record.outer else { return }
        record.state = .stopping
        var code: CInt = -1
        var signal: CInt = -1
        _ = clinux_pidfd_reap(outer.handle.number, &code, &signal)
        if let first = record.first { _ = clinux_pidfd_signal(first.handle.number, SIGKILL) }
        record.network?.close()
        record.network = nil
        Task { await finish(record, code: code < 0 ? nil : Int(code), signal: signal < 0 ? nil : Int(signal)) }
    }

    private func finish(_ record: SandboxRecord, code: Int?, signal: Int?) async {
        let cgroup = record.cgroup
        let first = record.first?.handle
        let work = record.work
        let id = record.id
        let userID = record.userID
        let logger = logger
        let marker = Orphans.marker(instance: instance, id: id)
        let wayOut = wayOut
        record.gate = nil
        let lease = await record.lease?.value
        let (kills, isGone) = await cleaner().run {
            // Ends only after every other process of its namespace has.
            if let first {
                for _ in 0..<5000 where clinux_pidfd_ended(first.number) == 0 { usleep(1000) }
                // Ours if bubblewrap went first: the supervisor is the reaper of its orphans.
                var code: CInt = 0
                var signal: CInt = 0
                _ = clinux_pidfd_reap(first.number, &code, &signal)
            }
            if let lease { wayOut?.close(lease) }
            let kills = cgroup?.outOfMemoryKills() ?? 0
            if cgroup?.kill() == false { logger.error("processes of sandbox \(id) survive SIGKILL") }
            cgroup?.remove()
            if first == nil {
                Orphans.end(marker: marker)
                Orphans.reap(userID: userID)
            }
            let isGone = System.removeTree(work)
            if !isGone { logger.error("the work directory of sandbox \(id) could not be removed") }
            return (kills, isGone)
        }
        await logs.finish(record.id)
        let exit = SandboxExit(
            code: code, signal: signal, outOfMemoryKills: kills, stopped: record.stopRequested, limits: record.limits)
        conclude(record, exit, isGone: isGone)
    }

    /// Nothing of it is left: tells everybody.
    ///
    /// - Parameter isGone: that is true of its files, too.
    func conclude(_ record: SandboxRecord, _ exit: SandboxExit, isGone: Bool) {
        record.state = .exited(exit)
        record.outer = nil
        record.first = nil
        record.cgroup = nil
        // Whoever got it next would own what is left.
        if let userID = record.userID, isGone { userIDs?.giveBack(userID) }
        try? record.file.write(record.directory)
        logger.info("sandbox \(record.id): \(exit.sentence)")
        record.awaitingFirst?.resume(returning: false)
        record.awaitingFirst = nil
        for waiter in record.awaitingEnd { waiter.resume() }
        record.awaitingEnd = []
        if !record.isHidden { announce(record.id, exit) }
        pruneExited()
    }

    // MARK: Freezing

    /// Freezes a sandbox that runs.
    func pause(_ id: String?) async throws {
        let record = try record(id)
        guard record.state == .running else {
            if record.state == .paused { return }
            throw SignalboxError.conflict("The sandbox \(record.id) is not running.")
        }
        if let container = record.container {
            try await containers.pause(container)
        } else {
            try freeze(record, true)
        }
        if record.state == .running { record.state = .paused }
    }

    /// Lets a frozen sandbox go on.
    func resume(_ id: String?) async throws {
        let record = try record(id)
        guard record.state == .paused else {
            if record.state == .running { return }
            throw SignalboxError.conflict("The sandbox \(record.id) is not paused.")
        }
        try await thaw(record)
        if record.state == .paused { record.state = .running }
    }

    private func thaw(_ record: SandboxRecord) async throws {
        if let container = record.container {
            try await containers.resume(container)
        } else {
            try freeze(record, false)
        }
    }

    private func freeze(_ record: SandboxRecord, _ frozen: Bool) throws {
        guard try record.cgroup?.freeze(frozen) == true else {
            throw SignalboxError.unavailable("This host can't freeze sandboxes: it has no writable cgroups of version 2.")
        }
    }

    /// Stops everything, then lets `run()` return.
    func shutdown() async {
        isShuttingDown = true
        // Who comes now shall find nobody and start the next supervisor, not talk to a dying one.
        stopListening()
        await withTaskGroup(of: Void.self) { group in
            for id in records.keys { group.addTask { await self.stop(id, grace: self.configuration.shutdownGrace) } }
        }
        isDown = true
        for waiter in whenShutDown { waiter.resume() }
        whenShutDown = []
    }
}
