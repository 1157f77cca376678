public import NIOCore

/// Limits and times of invocations. Defaults are the service's (contract §5, §13).
public struct DataPlaneConfiguration: Sendable {
    /// Bytes of a payload; one more is refused.
    public var maximumBody = 100_000_000
    /// A body up to this size waits in memory until it is verified, a larger one in a file.
    public var maximumBodyInMemory = 64 * 1024
    /// A body whose hash was declared is passed on while it arrives if it is larger than this.
    public var streamingThreshold = 64 * 1024
    /// Where files for large bodies are made; they have no name for longer than an instant.
    public var spoolDirectory = "/tmp"
    /// Bytes of all those files together.
    public var maximumSpool = 8 << 30
    /// From the end of the request to the head of the agent's response.
    public var answerTimeout: TimeAmount = .minutes(15)
    /// A whole call.
    public var streamTimeout: TimeAmount = .minutes(60)
    /// A connection into a sandbox that was idle for longer is not used again.
    public var maximumUpstreamIdle: TimeAmount = .seconds(2)
    /// Sessions on this host at once.
    public var sessionLimit = 100
    /// Everything is read again so often, in case a notification was lost.
    public var routeRefresh: Duration = .seconds(10)
    /// How often activity is written and requests to stop are looked for.
    public var sessionSweep: Duration = .seconds(5)

    public init() {}
}
