/// What a supervisor needs to know. One runs per home.
public struct SupervisorConfiguration: Sendable {
    /// `$SIGNALBOX_HOME`, absolute.
    public var home: String
    /// Host uids for sandboxes, one each, when the supervisor is root. `nil`: chosen by ``UserIDs``.
    public var userIDs: Range<UInt32>?
    /// Where to listen; `nil`: in the home.
    public var socket: String?
    /// One more uid that may connect, for a server that runs without privilege. The socket is given to it, and
    /// bundles must belong to it: a server that was taken over shall not look at other users' directories with the
    /// supervisor's eyes.
    public var clientUserID: UInt32?
    /// The bubblewrap program: a path, or a name looked for in `PATH`.
    public var bubblewrap: String
    /// SIGTERM to SIGKILL when the supervisor itself is stopped.
    public var shutdownGrace: Duration
    /// What sandboxes whose network is `public` get.
    public var wayOut: WayOutConfiguration
    /// Ended sandboxes kept for their logs. The oldest are forgotten first.
    public var exitedKept: Int
    public var containers: ContainerSettings

    public init(
        home: String, userIDs: Range<UInt32>? = nil, socket: String? = nil, clientUserID: UInt32? = nil, bubblewrap: String = "bwrap",
        shutdownGrace: Duration = .seconds(5), exitedKept: Int = 100, wayOut: WayOutConfiguration = .init(),
        containers: ContainerSettings = ContainerSettings()
    ) {
        self.home = home
        self.userIDs = userIDs
        self.socket = socket
        self.clientUserID = clientUserID
        self.bubblewrap = bubblewrap
        self.shutdownGrace = shutdownGrace
        self.exitedKept = exitedKept
        self.containers = containers
        self.wayOut = wayOut
    }

    public var socketPath: String { socket ?? Self.socketPath(home: home) }

    /// Where the supervisor of a home listens.
    public static func socketPath(home: String) -> String { home + "/supervisor.sock" }

    var lockPath: String { home + "/supervisor.lock" }
    var sandboxesPath: String { home + "/sandboxes" }
}
