public import NIOCore

/// What a client may take up: bytes, fields and time.
public struct WireLimits: Sendable {
    /// Request target. Longer: 414.
    public var targetBytes = 16 * 1024
    /// Names and values of all header fields together. Longer: 431.
    public var headBytes = 32 * 1024
    /// Header fields. More: 431.
    public var headerCount = 100
    /// From the first byte of a head to its last. Total, so that dripping does not prolong it.
    public var headTimeout: TimeAmount = .seconds(10)
    /// Between two requests of one connection.
    public var idleTimeout: TimeAmount = .seconds(75)
    /// While we wait for a body, `bodyWindowBytes` must arrive in every window of this length.
    public var bodyWindow: TimeAmount = .seconds(20)
    public var bodyWindowBytes = 1024
    /// A reader that takes nothing for so long is cut off.
    public var writeStallTimeout: TimeAmount = .minutes(5)
    /// A client that closed its sending side may still wait for its answer, or may be gone: TCP does
    /// not tell. When nothing was sent to it for so long, it counts as gone.
    public var halfCloseGrace: TimeAmount = .seconds(2)
    /// How long an unread body is discarded after the answer was sent, so that the answer is not lost
    /// to a reset.
    public var lingerTimeout: TimeAmount = .seconds(3)
    /// An unread rest of at most so many bytes is discarded and the connection kept.
    public var discardableBytes = 64 * 1024

    public init() {}

    /// How often a connection looks at its deadlines.
    var tick: TimeAmount {
        let shortest = [headTimeout, idleTimeout, bodyWindow, halfCloseGrace, lingerTimeout, writeStallTimeout].min()
        let quarter = TimeAmount.nanoseconds((shortest ?? .seconds(4)).nanoseconds / 4)
        return min(.seconds(1), max(.milliseconds(5), quarter))
    }
}
