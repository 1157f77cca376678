/// When a session ends by itself. Always complete in answers and in stored versions.
public struct LifecycleConfiguration: Shape {
    /// Seconds without work, 60–28,800.
    public var idleRuntimeSessionTimeout: Int?
    /// Seconds since the sandbox started, 60–28,800.
    public var maxLifetime: Int?

    public init(idleRuntimeSessionTimeout: Int? = nil, maxLifetime: Int? = nil) {
        self.idleRuntimeSessionTimeout = idleRuntimeSessionTimeout
        self.maxLifetime = maxLifetime
    }

    public static let schema = Schema.structure(
        "LifecycleConfiguration",
        [
            .optional("idleRuntimeSessionTimeout", .integer("LifecycleConfigurationIdleRuntimeSessionTimeoutInteger", 60...28800)),
            .optional("maxLifetime", .integer("LifecycleConfigurationMaxLifetimeInteger", 60...28800)),
        ])

    /// Seconds when nothing is given (contract §3).
    public static let defaultIdleTimeout = 900
    public static let defaultMaxLifetime = 28_800

    /// Both members filled: a maximum lifetime alone that is shorter than the idle default also
    /// becomes the idle timeout.
    public var completed: LifecycleConfiguration {
        let lifetime = maxLifetime ?? Self.defaultMaxLifetime
        return LifecycleConfiguration(
            idleRuntimeSessionTimeout: idleRuntimeSessionTimeout ?? min(Self.defaultIdleTimeout, lifetime),
            maxLifetime: lifetime)
    }
}
