import Synchronization

/// What a client is doing, as it was when it was asked.
public struct PostgresStatistics: Sendable, Equatable {
    /// False while calls fail at once.
    public var isReachable = false
    /// Pinned connections by what they do.
    public var connecting = 0
    public var idle = 0
    public var leased = 0
    /// Calls that wait for one of them.
    public var waiting = 0
    /// Statements of the pipelined lane that were sent or are about to be.
    public var pipelined = 0
    /// Connections that should hear notifications, and those that do.
    public var listeners = 0
    public var listening = 0
}

/// How many listeners there are, kept by themselves.
final class ListenerCount: Sendable {
    let all = Atomic<Int>(0)
    let listening = Atomic<Int>(0)
}
