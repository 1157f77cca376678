public import Lifecycle
public import Platform
public import SigV4
public import Store

/// Where routes come from: the database.
public protocol RouteSource: Sendable {
    func routeList(_ context: OperationContext) async throws -> [Route]
    /// What `routeList` would read, without what is in it.
    func routeStates(_ context: OperationContext) async throws -> [RouteState]
    func routeFetch(_ context: OperationContext, key: RouteKey) async throws -> Route?
    /// Those of the endpoints that exist and are not being deleted, in any order.
    func routeFetch(_ context: OperationContext, endpoints: [Int64]) async throws -> [Route]
}

/// The rows of live sessions.
public protocol SessionStore: Sendable {
    /// Reads the live version in the statement that inserts the row (docs/architecture.md, way 2).
    func sessionOpen(
        _ context: OperationContext, endpoint: Int64, sessionID: String, sandboxID: String, owner: ReplicaIdentity, limit: Int
    ) async throws -> SessionOpening?
    func sessionFetch(_ context: OperationContext, endpoint: Int64, sessionID: String) async throws -> SessionRecord?
    func sessionTouch(_ context: OperationContext, _ activity: [(session: Int64, idleSeconds: Double)]) async throws
    func sessionEnd(_ context: OperationContext, session: Int64, reason: String) async throws
    func sessionListOwned(_ context: OperationContext, replica: String) async throws -> [SessionOpening]
    func sessionAdopt(_ context: OperationContext, session: Int64, owner: ReplicaIdentity) async throws
    func sessionListStopRequested(_ context: OperationContext, owner: ReplicaIdentity) async throws -> [SessionRecord]
    func sessionRequestStop(_ context: OperationContext, endpoint: Int64, sessionID: String) async throws -> Bool
    func replicaHeartbeat(_ context: OperationContext, _ replica: ReplicaIdentity) async throws
    /// Seconds since the owner's last heartbeat; nil when that run of it is over.
    func ownerSilence(_ context: OperationContext, _ owner: ReplicaIdentity) async throws -> Double?
    /// What others changed, from now on.
    func notices(for replica: ReplicaIdentity) -> AsyncStream<DataPlaneNotice>
}

/// Something changed in the database.
public enum DataPlaneNotice: Sendable, Equatable {
    /// An endpoint's row.
    case endpoint(Int64)
    /// Sessions of ours are to end.
    case sessionsAskedToStop
    /// Notices may have been missed: read everything.
    case resynchronise
}

/// A sandbox that the host has.
public struct HostedSandbox: Sendable, Equatable {
    public var id: String
    public var labels: [String: String]
    /// Neither this nor an ``exit``: it starts, or it ends and how is known in a moment.
    public var isRunning: Bool
    /// A sentence that says how it ended; nil while it has not.
    public var exit: String?

    public init(id: String, labels: [String: String], isRunning: Bool, exit: String? = nil) {
        self.id = id
        self.labels = labels
        self.isRunning = isRunning
        self.exit = exit
    }
}

/// What befalls sandboxes without our doing.
public enum SandboxHostEvent: Sendable, Equatable {
    /// With a sentence that says how.
    case exited(id: String, how: String)
    /// Events may have been missed: look at the list again.
    case resynchronise
}

/// Starts, stops and reaches the sandboxes of this host.
public protocol SandboxHost: Sendable {
    /// Returns when the agent is healthy; throws, with nothing left behind, when it does not become so.
    func start(_ context: OperationContext, _ opening: SessionOpening, labels: [String: String]) async throws
    /// Returns when nothing of it is left. Idempotent.
    func stop(_ sandboxID: String) async throws
    func list() async throws -> [HostedSandbox]
    func status(_ sandboxID: String) async throws -> HostedSandbox?
    /// A non-blocking socket whose connect has begun; the caller owns it.
    func openSocket(_ sandboxID: String, port: Int) async throws -> CInt
    /// One GET of the ping path; nil when the agent gave no 200 in time.
    func ping(_ sandboxID: String, port: Int, path: String) async -> PingAnswer?
    func events() -> AsyncStream<SandboxHostEvent>
    func agent(of version: VersionRecord) -> AgentProfile
}

/// How an agent of a version is spoken to, and for how long it lives.
public struct AgentProfile: Sendable, Equatable {
    public var port: Int
    /// Path of an invocation.
    public var path: String
    /// nil: the protocol knows no ping (contract §8).
    public var pingPath: String?
    /// Names of further headers that the agent receives, in lower case.
    public var headerAllowlist: [String]
    public var limits: SessionLimits

    public init(
        port: Int = 8080, path: String = "/invocations", pingPath: String? = "/ping", headerAllowlist: [String] = [],
        limits: SessionLimits = SessionLimits()
    ) {
        self.port = port
        self.path = path
        self.pingPath = pingPath
        self.headerAllowlist = headerAllowlist
        self.limits = limits
    }
}

/// A request as its caller signed it.
public typealias CallerRequest = SigV4Request

/// Lower-case hex of the body's SHA-256, and who vouches for it.
public enum CallerPayload: Sendable, Equatable {
    /// We read the body.
    case computed(String)
    /// The caller's header says so; the body is still to be compared.
    case declared(String)
}

/// Who calls, and in which region: from the verified credential.
public struct Caller: Sendable, Equatable {
    public var principal: Principal
    public var region: String

    public init(principal: Principal, region: String) {
        self.principal = principal
        self.region = region
    }
}

/// Verifies signatures for service `bedrock-agentcore`.
public protocol CallerAuthenticator: Sendable {
    /// nil: the key is not in memory, use `authenticate`.
    func authenticateCached(_ request: CallerRequest, _ payload: CallerPayload) throws(SignalboxError) -> Caller?
    func authenticate(_ request: CallerRequest, _ payload: CallerPayload) async throws(SignalboxError) -> Caller
}
