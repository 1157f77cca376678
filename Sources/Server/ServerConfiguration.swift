public import Access
public import ControlPlane

/// Everything a server is told from outside. Filled by the command line (docs/configuration.md);
/// everything on disk lies under `home`.
public struct ServerConfiguration: Sendable {
    /// Address to listen on, a name or a number: `127.0.0.1`, `::1`, `0.0.0.0`.
    public var listenHost: String
    /// TCP port; 0 lets the system choose one.
    public var listenPort: Int
    /// libpq connection string or `postgresql://` URI. May hold a password: never log it.
    public var databaseURL: String
    /// Absolute path of the home (docs/architecture.md, decision 10).
    public var home: String
    /// Where the supervisor listens; `nil`: in the home.
    public var supervisorSocket: String?
    /// Whether `SIGNALBOX_FAILPOINTS` may be set. Never outside tests.
    public var allowFailpoints: Bool
    /// Sessions that may live on this host at once; the next one gets a 402.
    public var maximumSessions: Int
    /// How long an agent may take until its first healthy answer to `GET /ping`.
    public var agentStartTimeout: Duration
    /// Image in which archives run; nil: with the host's own programs.
    public var codeImage: String?
    /// Whether only images of ECR are taken, as AWS does.
    public var strictImageURI: Bool
    /// Whether sandboxes outlive the server, for its successor to adopt (`serve`), or end with it (`dev`).
    public var keepsSandboxes: Bool
    /// How long invocations in flight may go on after a stop was asked for.
    public var shutdownGrace: Duration
    /// How long requests are still taken after a stop was asked for, while `/readyz` says no already.
    public var drainDelay: Duration
    /// Where metrics are to be had without a signature; nil: nowhere.
    public var metricsListener: (host: String, port: Int)?
    /// Whether each request is written to the log.
    public var accessLog: Bool
    /// How long the audit trail is kept; nil: for ever.
    public var auditRetention: Duration?
    /// PEM files of the listener's certificate, with those between it and its authority, and of its key. nil: plain HTTP.
    public var tlsCertificate: String?
    public var tlsKey: String?
    /// How often accounts may call; empty: as often as they like.
    public var throttle: [ThrottleRule] = []
    /// How much accounts may have.
    public var quotas = ControlPlaneQuotas()
    /// Live sessions of an account in a region, on all replicas together; nil: only `maximumSessions` bounds them.
    public var maximumAccountSessions: Int?
    /// Bytes of request bodies that may wait on disk until they are verified, all together.
    public var maximumSpool: Int?
    /// How long the work of a replica that fell silent stays its own.
    public var workLease: Duration

    public init(
        listenHost: String = "127.0.0.1", listenPort: Int = 4747, databaseURL: String, home: String,
        supervisorSocket: String? = nil, allowFailpoints: Bool = false, maximumSessions: Int = 100,
        agentStartTimeout: Duration = .seconds(120), codeImage: String? = nil, strictImageURI: Bool = false,
        keepsSandboxes: Bool = true, shutdownGrace: Duration = .seconds(30), workLease: Duration = .seconds(30),
        drainDelay: Duration = .zero,
        metricsListener: (host: String, port: Int)? = nil, accessLog: Bool = false, auditRetention: Duration? = .seconds(365 * 86_400)
    ) {
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.databaseURL = databaseURL
        self.home = home
        self.supervisorSocket = supervisorSocket
        self.allowFailpoints = allowFailpoints
        self.maximumSessions = maximumSessions
        self.agentStartTimeout = agentStartTimeout
        self.codeImage = codeImage
        self.strictImageURI = strictImageURI
        self.keepsSandboxes = keepsSandboxes
        self.shutdownGrace = shutdownGrace
        self.drainDelay = drainDelay
        self.metricsListener = metricsListener
        self.accessLog = accessLog
        self.auditRetention = auditRetention
        self.workLease = workLease
    }
}
