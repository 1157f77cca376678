import Logging
import PostgresClient
import Sandboxing
import Server
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What `dev` and `serve` have in common: one lock per home, signals, and the steps around a server.
///
/// The steps nest, so that whatever was started is stopped, in reverse order, however far it came.
struct ServerStack: Service {
    let settings: SettingsReader
    /// nil: a private PostgreSQL that starts and stops with the server.
    let databaseURL: String?
    /// Whether the sandboxes end with the server, and an access key is made for it.
    let isDevelopment: Bool
    /// File that says that the server answers.
    let readyFile: String?
    let progress: Progress
    let logger: Logger

    private var home: HomeDirectory { HomeDirectory(path: settings.home) }

    /// Runs until SIGTERM, SIGINT or a failure.
    func runUntilStopped() async throws {
        let configuration = try settings.serverConfiguration(databaseURL: databaseURL ?? "")
        try home.prepare()
        try await ServerLock.with(home) {
            var group = ServiceGroupConfiguration(
                services: [
                    .init(
                        service: self, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup)
                ],
                // At a terminal SIGHUP says that it was closed; to a service it says that files are to be read again.
                gracefulShutdownSignals: isDevelopment ? [.sigterm, .sigint, .sighup] : [.sigterm, .sigint],
                cancellationSignals: [.sigquit],
                logger: logger.quieter)
            // Invocations get their grace; then sandboxes and PostgreSQL have half a minute to end.
            group.maximumGracefulShutdownDuration = configuration.drainDelay + configuration.shutdownGrace + .seconds(30)
            group.maximumCancellationDuration = .seconds(30)
            try await ServiceGroup(configuration: group).run()
        }
    }

    func run() async throws {
        do {
            try await withGracefulShutdownHandler {
                try await withDatabase { url in
                    try await prepare(url)
                    try await withSupervisor(url) { try await serve(url) }
                }
            } onGracefulShutdown: {
                ServiceManager(logger: logger).stopping()
            }
        } catch is CancellationError where Task.isShuttingDownGracefully {
            // Stopped while it was starting: what was asked for.
        }
    }

    // MARK: Steps

    private func withDatabase(_ body: @Sendable @escaping (String) async throws -> Void) async throws {
        if let databaseURL { return try await body(databaseURL) }
        let cluster = EmbeddedCluster(directory: home.path, logger: logger)
        do {
            let url = try await progress.step("PostgreSQL (private)") { _ in try await cluster.start() }
            try await body(url)
        } catch {
            await cluster.stop()
            throw error
        }
        await progress.step("PostgreSQL stopped") { _ in await cluster.stop() }
    }

    private func prepare(_ url: String) async throws {
        try await cancelWhenGracefulShutdown {
            try await progress.step("schema") { step in
                let applied = try await Database.migrate(url, logger: logger)
                if !applied.isEmpty { step.conclude("schema (\(applied.count) new)") }
            }
            if isDevelopment { _ = try await DevelopmentKey.ensure(home, url: url, logger: logger) }
        }
    }

    private func withSupervisor(_ url: String, _ body: @Sendable @escaping () async throws -> Void) async throws {
        if let socket = try foreignSupervisor() {
            try await cancelWhenGracefulShutdown {
                try await progress.step("supervisor") { _ in
                    try await SupervisorLauncher.awaitRunning(socketPath: socket, timeout: .seconds(30))
                }
            }
            return try await body()
        }
        let arguments = try settings.supervisorArguments(
            databaseURL: url, environment: ProcessInfo.processInfo.environment)
        let socket = try await cancelWhenGracefulShutdown {
            try await progress.step("supervisor") { _ in
                try await SupervisorLauncher.ensureRunning(
                    executable: Self.executable, home: home.path, arguments: arguments, logger: logger)
            }
        }
        let keeper = Task {
            await SupervisorLauncher.keepRunning(
                executable: Self.executable, home: home.path, arguments: arguments, logger: logger)
        }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        keeper.cancel()
        await keeper.value
        if isDevelopment { await stopSupervisor(socket) }
        try result.get()
    }

    /// Socket of a supervisor that others start and stop.
    private func foreignSupervisor() throws -> String? { isDevelopment ? nil : try settings.string(.supervisorSocket) }

    private func stopSupervisor(_ socket: String) async {
        // A task of its own: what is started is stopped even when this one was cancelled.
        await Task {
            // That its connection ends is what is wanted here.
            var quiet = logger
            quiet.logLevel = .error
            let client = SupervisorClient(socketPath: socket, logger: quiet)
            let running = Task { await client.run() }
            do {
                try await progress.step("sandboxes stopped") { _ in try await client.shutdown() }
            } catch {
                logger.warning("the supervisor did not stop", metadata: ["reason": "\(error)"])
            }
            running.cancel()
        }.value
    }

    private func serve(_ url: String) async throws {
        var configuration = try settings.serverConfiguration(databaseURL: url)
        configuration.keepsSandboxes = !isDevelopment
        configuration.supervisorSocket = try foreignSupervisor()
        defer {
            unlink(home.serverFile)
            if let readyFile { unlink(readyFile) }
        }
        let (reloads, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let signals = Task { [isDevelopment] in
            guard !isDevelopment else { return }
            for await _ in await UnixSignalsSequence(trapping: .sighup) { continuation.yield() }
        }
        defer {
            signals.cancel()
            continuation.finish()
        }
        try await SignalboxServer(configuration: configuration, logger: logger, reloads: reloads) { [configuration] port in
            let address = ListenAddress(host: configuration.listenHost, port: port)
            try announce(address.url(configuration.tlsCertificate == nil ? "http" : "https"))
        }.run()
    }

    private func announce(_ url: String) throws {
        try RunningServer(url: url, pid: getpid()).write(home)
        progress.done(url)
        // Last: whoever waits for the file may use everything else.
        if let readyFile { try home.write(url + "\n", to: readyFile, mode: 0o644) }
        ServiceManager(logger: logger).ready()
    }

    /// This program, for starting the supervisor.
    private static var executable: String {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        guard let link, FileManager.default.isExecutableFile(atPath: link) else { return CommandLine.arguments[0] }
        return link
    }
}

extension Logger {
    /// For ServiceLifecycle, whose every step is a message.
    fileprivate var quieter: Logger {
        var logger = self
        logger.logLevel = max(logLevel, .warning)
        return logger
    }
}
