import Lifecycle
import Platform
import Store

/// Carries out what the sessions' machines ask for.
extension SessionDirectory {
    func send(_ event: SessionMachine.Event, to session: Session) {
        perform(session.handle(event, now: clock.now()), session)
    }

    private func perform(_ actions: [SessionMachine.Action], _ session: Session) {
        for action in actions {
            switch action {
            case .wakeWaiters: session.wakeWaiters()
            case .failWaiters(let end): session.failWaiters(end)
            case .setTimer(let instant):
                session.replaceTimer(
                    Task {
                        guard (try? await clock.sleep(until: instant)) != nil else { return }
                        await timerFired(session)
                    })
            case .stopSandbox: Task { await stopSandbox(session) }
            case .reportRestamping:
                logger.warning(
                    "the agent advances time_of_last_update on every ping and will never be idle",
                    metadata: ["sandbox": "\(session.sandboxID)"])
            case .ended(let end): Task { await finish(session, end) }
            }
        }
    }

    /// Idleness is judged only after the agent was asked whether it works in the background.
    private func timerFired(_ session: Session) async {
        if let path = session.agent.pingPath, session.shouldPing(clock.now()),
            let answer = await host.ping(session.sandboxID, port: session.agent.port, path: path)
        {
            send(.pingAnswered(answer), to: session)
        }
        send(.timerFired, to: session)
    }

    private func stopSandbox(_ session: Session) async {
        var pause = Duration.milliseconds(100)
        while true {
            do {
                try await host.stop(session.sandboxID)
                return send(.sandboxGone, to: session)
            } catch {
                // The supervisor is away. Its successor reaps what it left, and tells us so.
                logger.warning(
                    "a sandbox could not be stopped yet",
                    metadata: [
                        "sandbox": "\(session.sandboxID)", "error": "\(error)",
                    ])
            }
            guard (try? await clock.sleep(for: pause)) != nil else { return }
            pause = min(pause * 2, .seconds(5))
        }
    }

    /// The compute is gone: clean up behind it, write the end, and let go of those who wait for it.
    private func finish(_ session: Session, _ end: SessionEnd) async {
        onSandboxGone(session.sandboxID)
        // What exited by itself may have left files and a cgroup.
        try? await host.stop(session.sandboxID)
        metrics.sessionEnded(end)
        logger.info("session ended", metadata: ["sandbox": "\(session.sandboxID)", "reason": "\(end.code)"])
        let context = OperationContext.background("session", logger: logger, clock: clock)
        do {
            try await Failpoint.hit(.sessionEnding)
            try await store.sessionEnd(context, session: session.row, reason: end.code)
        } catch {
            // The database is away. A later call with the same id finds the row and ends it first.
            state.withLock { $0.unwrittenEnds.append((session.row, end.code)) }
        }
        state.withLock { state in
            if case .live(let present) = state.places[session.key], present === session { state.places[session.key] = nil }
            state.sandboxes[session.sandboxID] = nil
        }
        session.markGone()
    }

    // MARK: From outside

    /// Ends a session. Returns when its compute is gone; throws `.notFound` when there is none.
    public func stop(_ context: OperationContext, endpoint: Int64, sessionID: String) async throws {
        let key = Session.Key(endpoint: endpoint, sessionID: sessionID)
        if let session = inMemory(key) {
            send(.stopRequested(.stopped), to: session)
            return await session.waitForEnd()
        }
        guard let record = try await store.sessionFetch(context, endpoint: endpoint, sessionID: sessionID) else {
            // It may have been opened since.
            if let session = inMemory(key) {
                send(.stopRequested(.stopped), to: session)
                return await session.waitForEnd()
            }
            throw SignalboxError.notFound("No active session found with id '\(sessionID)'")
        }
        // Asked first: it may be opened between the two questions, and then the session's own way is the right one.
        let isOpening = isOpening(key)
        if let session = inMemory(key), session.row == record.id {
            send(.stopRequested(.stopped), to: session)
            return await session.waitForEnd()
        }
        if record.owner.id == identity.id, !isOpening {
            try await host.stop(record.sandboxID)
            return try await store.sessionEnd(context, session: record.id, reason: SessionEnd.stopped.code)
        }
        _ = try await store.sessionRequestStop(context, endpoint: endpoint, sessionID: sessionID)
        let deadline = clock.now().advanced(by: .seconds(60))
        while let present = try await store.sessionFetch(context, endpoint: endpoint, sessionID: sessionID), present.id == record.id {
            guard clock.now() < deadline else {
                throw SignalboxError(.retryableConflict, "Session operation in progress, please retry")
            }
            if let session = inMemory(key) { send(.stopRequested(.stopped), to: session) }
            try await clock.sleep(for: .milliseconds(50))
        }
    }

    private func inMemory(_ key: Session.Key) -> Session? {
        state.withLock { state in
            if case .live(let session) = state.places[key] { session } else { nil }
        }
    }

    private func isOpening(_ key: Session.Key) -> Bool {
        state.withLock { state in
            if case .opening = state.places[key] { true } else { false }
        }
    }

    /// Ends what the database says should end. Woken by a notification and by a timer.
    public func stopRequested(_ context: OperationContext) async throws {
        for record in try await store.sessionListStopRequested(context, owner: identity) {
            let key = Session.Key(endpoint: record.endpoint, sessionID: record.sessionID)
            let reason = record.stopReason == SessionEnd.deleted.code ? SessionEnd.deleted : .stopped
            let isOpening = isOpening(key)
            if let session = inMemory(key), session.row == record.id {
                send(.stopRequested(reason), to: session)
            } else if !isOpening {
                try await host.stop(record.sandboxID)
                try await store.sessionEnd(context, session: record.id, reason: reason.code)
            }
        }
    }

    public func handle(_ event: SandboxHostEvent) async {
        switch event {
        case .exited(let id, let how):
            if let session = state.withLock({ $0.sandboxes[id] }) { send(.sandboxExited(how), to: session) }
        case .resynchronise:
            guard let list = try? await host.list() else { return }
            // Of one that is ending, the end is told yet.
            let running = Set(list.filter { $0.exit == nil }.map(\.id))
            let sessions = state.withLock { Array($0.sandboxes.values) }
            for session in sessions where session.state == .ready && !running.contains(session.sandboxID) {
                send(.sandboxExited("the sandbox was gone after its supervisor came back"), to: session)
            }
        }
    }

    /// Writes activity and the ends that the database has not taken yet, each in one statement.
    public func writeActivity(_ context: OperationContext) async throws {
        let now = clock.now()
        let (sessions, ends) = state.withLock { (Array($0.sandboxes.values), $0.unwrittenEnds) }
        for end in ends {
            try await store.sessionEnd(context, session: end.row, reason: end.reason)
            state.withLock { $0.unwrittenEnds.removeAll { $0.row == end.row } }
        }
        let activity = sessions.compactMap { session in
            session.unwrittenIdleSeconds(now).map { (session: session.row, idleSeconds: $0) }
        }
        if !activity.isEmpty { try await store.sessionTouch(context, activity) }
    }

    // MARK: Start and end of the server

    /// Takes over what an earlier run of this replica left: sessions whose sandbox still answers go on,
    /// the rest is ended; a sandbox of ours without a session is stopped. Call before anything else
    /// starts sandboxes.
    public func adopt(_ context: OperationContext) async throws {
        // The registration, a moment ago, was the first.
        state.withLock { $0.heartbeatAt = clock.now() }
        let rows = try await store.sessionListOwned(context, replica: identity.id)
        let sandboxes = try await host.list()
        let running = Set(sandboxes.filter(\.isRunning).map(\.id))
        var kept: Set<String> = []
        for opening in rows {
            let record = opening.session
            let agent = host.agent(of: opening.version)
            var answers = running.contains(record.sandboxID) && !record.stopRequested
            if answers, let path = agent.pingPath {
                answers = await host.ping(record.sandboxID, port: agent.port, path: path) != nil
            }
            guard answers else {
                try await host.stop(record.sandboxID)
                try await store.sessionEnd(context, session: record.id, reason: SessionEnd.lost.code)
                metrics.sessionEnded(.lost)
                continue
            }
            try await store.sessionAdopt(context, session: record.id, owner: identity)
            kept.insert(record.sandboxID)
            let now = clock.now()
            let machine = SessionMachine(
                adopting: agent.limits, startedAt: now.advanced(by: .seconds(-max(0, record.ageSeconds))),
                lastActivity: now.advanced(by: .seconds(-max(0, record.idleSeconds))))
            let session = Session(record: record, agent: agent, isOwned: true, machine: machine)
            state.withLock { state in
                state.places[session.key] = .live(session)
                state.sandboxes[session.sandboxID] = session
            }
            logger.info("session adopted", metadata: ["sandbox": "\(record.sandboxID)"])
            // Also sets its timer.
            send(.timerFired, to: session)
        }
        for sandbox in sandboxes where sandbox.labels["replica"] == identity.id && !kept.contains(sandbox.id) {
            try await host.stop(sandbox.id)
        }
    }

    /// Refuses new sessions, and with `keepSandboxes` false ends all that live.
    public func shutdown(keepSandboxes: Bool) async {
        let sessions = state.withLock { state in
            state.isClosing = true
            return Array(state.sandboxes.values)
        }
        guard !keepSandboxes else { return }
        for session in sessions { send(.stopRequested(.shutdown), to: session) }
        for session in sessions { await session.waitForEnd() }
    }
}
