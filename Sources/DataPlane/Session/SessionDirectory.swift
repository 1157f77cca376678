import Lifecycle
public import Logging
public import Platform
public import Store
import Synchronization

/// Which session a call belongs to: one incarnation of (endpoint, session id) at a time, opened by
/// whoever comes first while the others wait.
///
/// The database decides which version a session starts on and which replica owns it; this memory
/// decides nothing that another replica could decide differently.
public final class SessionDirectory: Sendable {
    enum Place {
        /// The row is being made. Callers wait here.
        case opening([CheckedContinuation<Result<Session, SignalboxError>, Never>])
        case live(Session)
        /// Another replica's; looked up again after `until`.
        case remote(Session, until: ContinuousClock.Instant)
    }

    struct State {
        var places: [Session.Key: Place] = [:]
        var sandboxes: [String: Session] = [:]
        /// Ends that the database has not taken yet.
        var unwrittenEnds: [(row: Int64, reason: String)] = []
        /// Until then the database may have rows in our name that nobody here knows of (`endStrays`).
        var straysUntil: ContinuousClock.Instant?
        /// Of the last heartbeat that the database took.
        var heartbeatAt: ContinuousClock.Instant?
        var isClosing = false
    }

    /// Seconds without a heartbeat after which a replica counts as gone.
    static let heartbeatPatience = 30.0
    /// Between two heartbeats, from which on others may count this replica as gone.
    static let silence: Duration = .seconds(15)
    /// Longer than the database goes on with a statement that nobody waits for any more.
    static let strayPatience: Duration = .seconds(30)
    /// For what is left of a sandbox whose process ended: some container engines notice late.
    static let endingPatience: Duration = .seconds(10)

    let state = Mutex(State())
    let store: any SessionStore
    let host: any SandboxHost
    let identity: ReplicaIdentity
    let clock: any TimeSource
    let logger: Logger
    let limit: Int
    let metrics: DataPlaneMetrics
    /// Called with a sandbox's id when connections to it are of no use any more.
    let onSandboxGone: @Sendable (String) -> Void

    public init(
        store: any SessionStore, host: any SandboxHost, identity: ReplicaIdentity, sessionLimit: Int,
        clock: any TimeSource = SystemTime(), logger: Logger, metrics: DataPlaneMetrics = DataPlaneMetrics(),
        onSandboxGone: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.store = store
        self.host = host
        self.identity = identity
        limit = sessionLimit
        self.clock = clock
        self.logger = logger
        self.metrics = metrics
        self.onSandboxGone = onSandboxGone
    }

    /// Sessions in memory, starting and stopping ones included.
    public var count: Int { state.withLock { $0.places.count } }

    /// Calls that are counted in, over all sessions.
    var callsInFlight: Int {
        let sessions = state.withLock { state in
            state.places.values.compactMap { place in
                switch place {
                case .live(let session), .remote(let session, _): session
                case .opening: nil
                }
            }
        }
        return sessions.reduce(0) { $0 + $1.inFlight }
    }

    // MARK: Calls

    /// The session if it is ready in memory; the call is counted in and must `release` it.
    public func acquireReady(endpoint: Int64, sessionID: String) -> Session? {
        let key = Session.Key(endpoint: endpoint, sessionID: sessionID)
        let now = clock.now()
        let session: Session? = state.withLock { state in
            switch state.places[key] {
            case .live(let session): session
            case .remote(let session, let until) where now < until: session
            default: nil
            }
        }
        guard let session, session.tryForward(now) else { return nil }
        return session
    }

    /// The session, opened if there is none; the call is counted in and must `release` it. nil: the
    /// endpoint does not exist, or has nothing live.
    public func acquire(_ context: OperationContext, route: Route, sessionID: String) async throws(SignalboxError) -> Session? {
        let key = Session.Key(endpoint: route.endpoint, sessionID: sessionID)
        while true {
            let session: Session
            switch await place(context, route, key) {
            case .success(let found): session = found
            case .failure(let error) where error.kind == .notFound: return nil
            case .failure(let error): throw error
            }
            switch await session.enter(clock.now()) {
            case .forward: return session
            case .failed(let error): throw error
            case .over: await session.waitForEnd()
            }
        }
    }

    public func release(_ session: Session) { session.leave(clock.now()) }

    /// Something went wrong on the way to the sandbox: is it still there?
    ///
    /// Returns when the session is over, with a sentence that says how its sandbox ended; nil when the
    /// sandbox is not over after `patience`, or another replica's session must be looked up again.
    /// A process's connections end a little before it does, hence the patience; how it ended is known once nothing of it
    /// is left, which is waited for longer.
    public func fate(of session: Session, patience: Duration = .milliseconds(500)) async -> String? {
        guard session.isOwned else {
            state.withLock { state in
                if case .remote(let present, _) = state.places[session.key], present === session { state.places[session.key] = nil }
            }
            return nil
        }
        let began = clock.now()
        var deadline = began.advanced(by: patience)
        while true {
            do {
                let status = try await host.status(session.sandboxID)
                let isEnding = status.map { !$0.isRunning && $0.exit == nil } ?? false
                if isEnding { deadline = began.advanced(by: Self.endingPatience) }
                if status?.isRunning != true, !isEnding {
                    let how = status?.exit ?? "the agent's process ended"
                    send(.sandboxExited(how), to: session)
                    await session.waitForEnd()
                    return how
                }
            } catch {
                logger.debug("the host does not say whether a sandbox runs", metadata: ["error": "\(error)"])
                return nil
            }
            guard clock.now() < deadline, (try? await clock.sleep(for: .milliseconds(20))) != nil else { return nil }
        }
    }

    private func place(_ context: OperationContext, _ route: Route, _ key: Session.Key) async -> Result<Session, SignalboxError> {
        await withCheckedContinuation { continuation in
            let now = clock.now()
            let (result, mustOpen): (Result<Session, SignalboxError>?, Bool) = state.withLock { state in
                if state.isClosing { return (.failure(.unavailable("The server is shutting down.")), false) }
                switch state.places[key] {
                case .live(let session): return (.success(session), false)
                case .remote(let session, let until) where now < until: return (.success(session), false)
                case .opening(let waiters):
                    state.places[key] = .opening(waiters + [continuation])
                    return (nil, false)
                case .remote, nil:
                    state.places[key] = .opening([continuation])
                    return (nil, true)
                }
            }
            if let result { continuation.resume(returning: result) }
            // Not the caller's own task: a caller that leaves must not undo what others wait for.
            if mustOpen { Task { await open(context, route, key) } }
        }
    }

    // MARK: Opening

    private func open(_ context: OperationContext, _ route: Route, _ key: Session.Key) async {
        let place: Result<Place, SignalboxError>
        do {
            place = .success(try await openPlace(context, route, key))
        } catch let error as SignalboxError {
            place = .failure(error)
        } catch {
            place = .failure(.internal("opening a session: \(error)"))
        }
        let (waiters, outcome): ([CheckedContinuation<Result<Session, SignalboxError>, Never>], Result<Session, SignalboxError>) =
            state.withLock { state in
                var waiters: [CheckedContinuation<Result<Session, SignalboxError>, Never>] = []
                if case .opening(let waiting) = state.places[key] { waiters = waiting }
                switch place {
                case .success(.live(let session)):
                    state.places[key] = .live(session)
                    state.sandboxes[session.sandboxID] = session
                    return (waiters, .success(session))
                case .success(.remote(let session, let until)):
                    state.places[key] = .remote(session, until: until)
                    return (waiters, .success(session))
                case .success(.opening):
                    state.places[key] = nil
                    return (waiters, .failure(.internal("a session was opened to be opening")))
                case .failure(let error):
                    state.places[key] = nil
                    return (waiters, .failure(error))
                }
            }
        for waiter in waiters { waiter.resume(returning: outcome) }
    }

    private func openPlace(_ context: OperationContext, _ route: Route, _ key: Session.Key) async throws -> Place {
        // How long another's session may take to come up or to go before its row counts as left behind.
        let patience = clock.now().advanced(by: .seconds(30))
        while true {
            let opening = try await sessionOpen(context, key)
            guard let opening else { throw SignalboxError.notFound("no such endpoint") }
            if opening.isNew { return .live(start(context, route, opening)) }

            let record = opening.session
            let status = try await host.status(record.sandboxID)
            if record.owner.id == identity.id {
                // Ours, but not in memory: its end was not written, or its start was cut short.
                try await host.stop(record.sandboxID)
                try await store.sessionEnd(context, session: record.id, reason: SessionEnd.lost.code)
                metrics.sessionEnded(.lost)
                continue
            }
            if status?.isRunning == true, !record.stopRequested {
                return try await remote(opening, patience: patience)
            }
            // Being started or stopped by its owner, unless that is gone and left it behind.
            let silence = try await store.ownerSilence(context, record.owner)
            if status?.isRunning != true, silence.map({ $0 > Self.heartbeatPatience }) ?? true {
                try await host.stop(record.sandboxID)
                try await store.sessionEnd(context, session: record.id, reason: SessionEnd.lost.code)
                metrics.sessionEnded(.lost)
                continue
            }
            let now = clock.now()
            guard now < patience else {
                throw SignalboxError(.retryableConflict, "Session operation in progress, please retry")
            }
            try await clock.sleep(for: .milliseconds(100))
        }
    }

    private func sessionOpen(_ context: OperationContext, _ key: Session.Key) async throws -> SessionOpening? {
        do {
            return try await store.sessionOpen(
                context, endpoint: key.endpoint, sessionID: key.sessionID, sandboxID: Identifier.uuid(), owner: identity, limit: limit)
        } catch {
            // The row may have been committed while the answer was lost, or be yet.
            if case .unavailable = (error as? SignalboxError)?.kind {
                let until = clock.now().advanced(by: Self.strayPatience)
                state.withLock { $0.straysUntil = until }
            }
            throw error
        }
    }

    /// A session of another replica whose sandbox this host has: used, not owned.
    private func remote(_ opening: SessionOpening, patience: ContinuousClock.Instant) async throws -> Place {
        let agent = host.agent(of: opening.version)
        if let path = agent.pingPath {
            while await host.ping(opening.session.sandboxID, port: agent.port, path: path) == nil {
                guard clock.now() < patience else {
                    throw SignalboxError(.retryableConflict, "Session operation in progress, please retry")
                }
                try await clock.sleep(for: .milliseconds(100))
            }
        }
        let now = clock.now()
        let machine = SessionMachine(adopting: agent.limits, startedAt: now, lastActivity: now)
        let session = Session(record: opening.session, agent: agent, isOwned: false, machine: machine)
        return .remote(session, until: now.advanced(by: .seconds(1)))
    }

    private func start(_ context: OperationContext, _ route: Route, _ opening: SessionOpening) -> Session {
        let agent = host.agent(of: opening.version)
        let session = Session(
            record: opening.session, agent: agent, isOwned: true, machine: SessionMachine(limits: agent.limits, now: clock.now()))
        let labels = [
            "kind": "session", "replica": identity.id, "account": opening.version.account, "runtime": opening.version.runtimeID,
            "version": String(opening.version.version), "endpoint": route.key.endpointName, "session": String(opening.session.id),
        ]
        let begun = clock.now()
        Task {
            do {
                try await Failpoint.hit(.sessionOpened)
                try await host.start(context, opening, labels: labels)
                metrics.sessionStarted(after: clock.now() - begun)
                try await Failpoint.hit(.sessionStarted)
                send(.started, to: session)
            } catch {
                metrics.sessionDidNotStart(after: clock.now() - begun)
                let failure = error as? SignalboxError ?? .internal("starting a sandbox: \(error)")
                logger.warning(
                    "session did not start",
                    metadata: [
                        "sandbox": "\(session.sandboxID)", "reason": "\(failure)",
                    ])
                session.fail(start: failure)
                send(.startFailed(failure.message), to: session)
            }
        }
        return session
    }
}
