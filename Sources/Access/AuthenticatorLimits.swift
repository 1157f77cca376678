/// How much an `Authenticator` remembers, and for how long.
public struct AuthenticatorLimits: Sendable, Equatable {
    /// Keys in memory.
    public var keys = 10_000
    /// After that a key is read again, in the background.
    public var keyLifetime = Duration.seconds(60)
    /// Ids known to be no key's. Callers choose them: past this number all are forgotten.
    public var unknown = 1024
    /// How long an id stays unknown; a key made meanwhile is refused for so long.
    public var unknownLifetime = Duration.seconds(2)
    /// Ids not in memory that are asked for at once; whoever comes then is told to try again.
    public var lookups = 64
    /// Pause after a refresh that failed.
    public var retryPause = Duration.seconds(2)

    public init() {}
}
