public import Access
import AgentCoreModel
public import Logging
public import NIOCore
public import NIOPosix
public import Platform
public import Store
import Synchronization

/// The path of invocations: routes, sessions, and a lane for every event loop.
///
/// `start` first, then hand requests to `lane(on:)`, with `run` going on beside; `shutdown` last.
public final class DataPlane: Sendable {
    /// Status, headers and body of an error's reply, for a request id.
    public typealias ErrorRenderer =
        @Sendable (SignalboxError, String) -> (status: Int, headers: [(name: String, value: String)], body: [UInt8])

    public let configuration: DataPlaneConfiguration
    public let routes: RouteCache
    public let sessions: SessionDirectory
    let host: any SandboxHost
    let authenticator: any CallerAuthenticator
    /// nil: invocations are not counted.
    let throttle: Throttle?
    let renderError: ErrorRenderer
    let threads: NIOThreadPool
    public let spools: SpoolDirectory
    let clock: any TimeSource
    let logger: Logger
    let metrics: DataPlaneMetrics
    private let lanes: LaneTable
    private let refresher = RouteRefresher()

    public init(
        configuration: DataPlaneConfiguration = DataPlaneConfiguration(), routes: any RouteSource, sessions: any SessionStore,
        host: any SandboxHost, authenticator: any CallerAuthenticator, throttle: Throttle? = nil,
        identity: ReplicaIdentity,
        renderError: @escaping ErrorRenderer, threads: NIOThreadPool = .singleton, clock: any TimeSource = SystemTime(),
        logger: Logger, metrics: DataPlaneMetrics = DataPlaneMetrics()
    ) {
        self.configuration = configuration
        self.metrics = metrics
        self.routes = RouteCache(source: routes, metrics: metrics)
        let lanes = LaneTable()
        self.lanes = lanes
        self.sessions = SessionDirectory(
            store: sessions, host: host, identity: identity, sessionLimit: configuration.sessionLimit, clock: clock,
            logger: logger, metrics: metrics, onSandboxGone: { lanes.forget($0) })
        self.host = host
        self.authenticator = authenticator
        self.throttle = throttle
        self.renderError = renderError
        self.threads = threads
        spools = SpoolDirectory(configuration.spoolDirectory, limit: configuration.maximumSpool, threads: threads)
        self.clock = clock
        self.logger = logger
    }

    public var statistics: DataPlaneStatistics {
        DataPlaneStatistics(sessions: sessions.count, invocationsInFlight: sessions.callsInFlight, routes: routes.count)
    }

    /// The lane of an event loop. Call on that loop, once a connection.
    public func lane(on eventLoop: any EventLoop) -> Lane { lanes.lane(on: eventLoop, plane: self) }

    /// Adopts what an earlier run left and fills the route cache. Call before anything else starts
    /// sandboxes.
    public func start() async throws {
        let context = OperationContext.background("start", logger: logger, clock: clock)
        try await sessions.adopt(context)
        try await routes.refresh(context)
    }

    /// Everything that goes on by itself, until cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in
                for await event in host.events() { await sessions.handle(event) }
            }
            group.addTask { [self] in
                for await notice in sessions.store.notices(for: sessions.identity) { await handle(notice) }
            }
            group.addTask { [self] in
                await refresher.run(clock: clock) { endpoints in
                    await attempt("endpoints changed") { [self] in
                        try await Failpoint.hit(.noticeEndpoint)
                        try await routes.refresh($0, endpoints: endpoints)
                    }
                }
            }
            group.addTask { [self] in
                await every(configuration.routeRefresh, "routes") { [self] in try await routes.refresh($0) }
            }
            group.addTask { [self] in
                await every(configuration.sessionSweep, "sessions") { [self] in
                    try await sessions.heartbeat($0)
                    try await sessions.writeActivity($0)
                    try await sessions.stopRequested($0)
                    try await sessions.endStrays($0)
                }
            }
        }
    }

    private func handle(_ notice: DataPlaneNotice) async {
        switch notice {
        case .endpoint(let endpoint): refresher.changed(endpoint)
        case .sessionsAskedToStop:
            await attempt("sessions asked to stop") { [self] in
                try await Failpoint.hit(.noticeSession)
                try await sessions.stopRequested($0)
            }
        case .resynchronise:
            await attempt("resynchronise") { [self] in
                try await routes.refresh($0)
                try await sessions.stopRequested($0)
            }
        }
    }

    /// StopRuntimeSession. `target` is the agent as `InvocationTarget` reads it. Returns when the compute is gone, with what
    /// the session was on.
    @discardableResult
    public func stop(_ context: OperationContext, target: InvocationTarget, sessionID: String) async throws -> RouteKey {
        try ForwardedHeaders.check(sessionID, member: "runtimeSessionId", length: 33...256)
        let key = try target.routeKey(for: context.account, region: context.region)
        var route = routes.cached(key)
        if route == nil { route = try await routes.fetch(context, key) }
        let missing = Self.missing(
            context, .stopRuntimeSession, target.notFound(account: context.account, region: context.region))
        guard let route else { throw missing }
        try context.require(.stopRuntimeSession, on: GuardedResource(route), hidden: missing)
        try await sessions.stop(context, endpoint: route.endpoint, sessionID: sessionID)
        return route.key
    }

    /// No new sessions; with `keepSandboxes` false, those that live are ended.
    public func shutdown(keepSandboxes: Bool) async {
        await sessions.shutdown(keepSandboxes: keepSandboxes)
        let context = OperationContext.background("shutdown", logger: logger, clock: clock)
        try? await sessions.writeActivity(context)
        lanes.close()
    }

    func context(_ caller: Caller, sourceAddress: String?, requestID: String) -> OperationContext {
        OperationContext(
            principal: caller.principal, region: caller.region, sourceAddress: sourceAddress, requestID: requestID, logger: logger,
            clock: clock)
    }

    /// What a caller is told of an agent that does not exist, or not for it: one whose role would not do
    /// learns that alone.
    static func missing(_ c: OperationContext, _ action: PolicyAction, _ notFound: SignalboxError) -> SignalboxError {
        c.principal.role.allows(action.permission) ? notFound : c.principal.denial(of: action.qualifiedName)
    }

    /// The cold path: confirms the route in the database if need be, and opens the session.
    ///
    /// - Parameters:
    ///   - route: one that was authorised.
    ///   - authorize: asked about a route from the database.
    func open(
        _ context: OperationContext, key: RouteKey, route: Route?, sessionID: String, missing: SignalboxError,
        authorize: @Sendable (Route) throws(SignalboxError) -> Void
    ) async throws(SignalboxError) -> Session {
        var known = route
        do {
            for _ in 0..<3 {
                let route: Route
                if let known {
                    route = known
                } else {
                    guard let fetched = try await routes.fetch(context, key) else { throw missing }
                    try authorize(fetched)
                    route = fetched
                }
                if let session = try await sessions.acquire(context, route: route, sessionID: sessionID) { return session }
                // The endpoint went, or went and came again under the same name.
                routes.forget(endpoint: route.endpoint)
                guard known != nil else { break }
                known = nil
            }
        } catch let error as SignalboxError {
            throw error
        } catch {
            throw .internal("opening a session: \(error)")
        }
        throw missing
    }

    private func every(_ period: Duration, _ name: String, _ work: @escaping @Sendable (OperationContext) async throws -> Void) async {
        while (try? await clock.sleep(for: period)) != nil { await attempt(name, work) }
    }

    private func attempt(_ name: String, _ work: (OperationContext) async throws -> Void) async {
        do {
            try await work(.background(name, logger: logger, clock: clock))
        } catch {
            // The next turn of the timer makes good for it.
            logger.warning("\(name): \(error)")
        }
    }
}

/// The lanes, found by their event loop.
private final class LaneTable: Sendable {
    private let lanes = Mutex<[ObjectIdentifier: (loop: any EventLoop, lane: NIOLoopBound<Lane>)]>([:])

    func lane(on eventLoop: any EventLoop, plane: DataPlane) -> Lane {
        eventLoop.preconditionInEventLoop()
        let id = ObjectIdentifier(eventLoop)
        if let present = lanes.withLock({ $0[id] }) { return present.lane.value }
        let lane = Lane(plane: plane, eventLoop: eventLoop)
        let bound = NIOLoopBound(lane, eventLoop: eventLoop)
        lanes.withLock { $0[id] = (eventLoop, bound) }
        return lane
    }

    func forget(_ sandboxID: String) {
        for (loop, lane) in lanes.withLock({ Array($0.values) }) { loop.execute { lane.value.pool.forget(sandboxID) } }
    }

    func close() {
        for (loop, lane) in lanes.withLock({ Array($0.values) }) { loop.execute { lane.value.close() } }
    }
}

extension GuardedResource {
    /// The endpoint that an invocation names.
    init(_ route: Route) {
        let runtime = RuntimeARN(region: route.key.region, account: route.key.account, runtimeID: route.key.runtimeID)
        self.init(
            owner: route.key.account, arn: EndpointARN(runtime: runtime, endpointName: route.key.endpointName).description,
            policies: route.policies)
    }
}
