import CLinux
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension SupervisorCore {
    /// Starts a sandbox, or says how an id that lives is doing.
    func start(_ specification: SandboxSpecification?, isHidden: Bool = false) async throws -> SandboxStatus {
        guard let specification else { throw SignalboxError.validation("sandbox: no specification") }
        try specification.check()
        if let existing = records[specification.id] {
            guard existing.state.exit == nil else {
                throw SignalboxError.conflict("The sandbox \(specification.id) has ended; an id is used once.")
            }
            return existing.status
        }
        guard !isShuttingDown else { throw SignalboxError.unavailable("The supervisor is shutting down.") }
        let record = SandboxRecord(
            specification, directory: configuration.sandboxesPath + "/" + specification.id, isHidden: isHidden)
        record.warning = warning(specification.network)
        records[record.id] = record
        if record.isContainer { return try await startContainer(record, specification) }
        do {
            try await launch(record, specification)
        } catch {
            await discard(record)
            throw error
        }
        guard await firstProcess(of: record) || record.wasInformed else {
            let reason = record.state.exit?.sentence ?? "it ended at once"
            let tail = LogFile.tail(record.directory, bytes: 2000)
            await end(record)
            records[record.id] = nil
            System.removeTree(record.directory)
            throw SignalboxError.agentFailed("the sandbox could not be started: \(tail.isEmpty ? reason : tail)")
        }
        return record.status
    }

    /// Directories, cgroup, processes.
    private func launch(_ record: SandboxRecord, _ specification: SandboxSpecification) async throws {
        record.userID = try userIDs?.take()
        let (pipe, output) = try System.pipe()
        let directory = record.directory
        let work = record.work
        let userID = record.userID
        let file = record.file
        let cgroups = cgroups
        let engine = engine
        let marker = Orphans.marker(instance: instance, id: record.id)
        let resolver = specification.network == .public ? wayOut?.resolverFile : nil
        await logs.add(record.id, pipe: pipe, directory: directory, limit: record.limits.logBytes)
        let (cgroup, launched) = try await spawner.run {
            guard mkdir(directory, 0o700) == 0 else { throw SystemFailure("mkdir \(directory)") }
            try file.write(directory)
            try System.makeDirectory(work)
            if let userID, chown(work, userID, userID) != 0 { throw SystemFailure("chown \(work)") }
            let cgroup = try cgroups.make(specification.id, limits: specification.limits)
            do {
                let request = LaunchRequest(
                    marker: marker, specification: specification, work: work, cgroup: cgroup, userID: userID, output: output,
                    limitsMemory: !cgroups.limitsMemory, limitsProcesses: !cgroups.limitsPids, resolver: resolver)
                return (cgroup, try engine.launch(request))
            } catch {
                cgroup.kill()
                cgroup.remove()
                throw error
            }
        }
        output.close()
        record.cgroup = cgroup
        record.outer = (launched.processID, launched.handle)
        record.gate = launched.gate
        try? record.file.write(directory)
        watch(record, launched)
        if record.stopRequested { kill(record) }
    }

    /// Waits for the sandbox's first process. False: it ended before.
    private func firstProcess(of record: SandboxRecord) async -> Bool {
        if record.state.exit != nil { return false }
        if record.first != nil { return true }
        return await withCheckedContinuation { record.awaitingFirst = $0 }
    }

    private func watch(_ record: SandboxRecord, _ launched: LaunchedSandbox) {
        let id = record.id
        let handle = launched.handle
        loop.watch(handle.number) { [unowned self] _, _ in
            self.assumeIsolated { core in
                core.loop.unwatch(handle.number)
                if let record = core.records[id] { core.outerEnded(record) }
            }
        }
        var text: [UInt8] = []
        let information = launched.information
        loop.watch(information.number) { [unowned self] _, _ in
            // It arrives in pieces.
            var chunk = [UInt8](repeating: 0, count: 1024)
            let count = read(information.number, &chunk, chunk.count)
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            text.append(contentsOf: chunk[..<max(0, count)])
            guard count <= 0 || text.contains(UInt8(ascii: "}")) else { return }
            let answer = text
            self.assumeIsolated { core in
                core.loop.unwatch(information.number)
                information.close()
                if let record = core.records[id] { core.informed(record, answer) }
            }
        }
    }

    private func informed(_ record: SandboxRecord, _ answer: [UInt8]) {
        guard record.state.exit == nil else { return }
        do {
            guard let pid = Self.childProcess(in: answer) else { throw SystemFailure("reading bubblewrap's answer", code: EPROTO) }
            record.wasInformed = true
            let number = clinux_pidfd_open(pid)
            guard number >= 0 else { throw SystemFailure("pidfd_open") }
            let handle = Descriptor(number)
            let network = try NetworkDoor(of: pid, isPrivileged: isPrivileged)
            let namespace = System.linkTarget("/proc/\(pid)/ns/pid")
            // All of this was the sandbox's own if its first process lived to the end of it, and it is that process
            // if bubblewrap outside, whose number is taken until we reap it, is its parent.
            guard clinux_pidfd_ended(handle.number) == 0, ProcessIdentity.parent(of: pid) == record.outer?.pid else {
                network.close()
                throw SystemFailure("the sandbox's first process", code: ESRCH)
            }
            record.first = (pid, handle)
            record.network = network
            record.processNamespace = namespace
            record.state = record.stopRequested ? .stopping : .running
            try? record.file.write(record.directory)
            try openWayOut(record, network)
        } catch {
            // Its end tells the rest: the outer process is watched.
            logger.debug("sandbox \(record.id): \(error)")
            kill(record)
        }
    }

    static func childProcess(in answer: [UInt8]) -> Int32? {
        let text = String(decoding: answer, as: UTF8.self)
        guard let key = text.range(of: "\"child-pid\":") else { return nil }
        let digits = text[key.upperBound...].drop { $0 == " " }.prefix { $0.isNumber }
        return Int32(digits).flatMap { $0 > 1 ? $0 : nil }
    }

    /// Undoes a start that failed before there was a process.
    func discard(_ record: SandboxRecord) async {
        await logs.finish(record.id)
        let directory = record.directory
        let isGone = await cleaner().run { System.removeTree(directory) }
        if let userID = record.userID, isGone { userIDs?.giveBack(userID) }
        records[record.id] = nil
        for waiter in record.awaitingEnd { waiter.resume() }
        record.awaitingEnd = []
    }
}
