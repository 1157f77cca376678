/// How to reach PostgreSQL and how much of it to use.
public struct PostgresConfiguration: Sendable {
    /// libpq connection string or URI, TLS options included.
    public var connectionString: String
    public var pipelinedConnections = 2
    /// At most. More than there are cores, since transactions wait for disks and for one another: those that notify commit in turn.
    public var pinnedConnections = 16
    /// For statements without a deadline of their own. The server ends any statement of the
    /// pipelined lane after this time, whatever deadline its caller gave.
    public var statementTimeout: Duration = .seconds(10)
    public var connectTimeout: Duration = .seconds(5)
    /// The server ends a transaction that waits this long for its next statement, so that a process
    /// which was stopped in the middle of one doesn't hold its locks for ever.
    public var idleTransactionTimeout: Duration = .seconds(10)
    public var applicationName = "signalbox"
    /// Channels that one connection listens to for all who read notifications of them.
    public var sharedChannels: [String] = []

    public init(connectionString: String) { self.connectionString = connectionString }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
