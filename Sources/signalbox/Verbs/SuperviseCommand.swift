import ArgumentParser
import Foundation
import Logging
import Sandboxing
import ServiceLifecycle
import UnixSignals

struct SuperviseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervise", abstract: "Own the host's sandboxes. Servers start it by themselves.",
        discussion: """
            One runs per home, on a unix socket in it, and outlives servers. SIGTERM stops every sandbox. For a server
            without privilege it runs as root on a home of its own (deploy/README.md); it tells systemd when it is
            ready (Type=notify).

            EXAMPLES
              signalbox supervise --home /var/lib/signalbox
              signalbox supervise --home /var/lib/signalbox-supervisor --server-user signalbox \\
                  --supervisor-socket /run/signalbox/supervisor.sock
            """)

    @OptionGroup var server: ServerUserOptions
    @OptionGroup var supervisor: SupervisorOptions
    @OptionGroup var sandboxes: SandboxOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await SettingsReader.load(server, supervisor, sandboxes, common)
        let logger = try settings.makeLogger()
        let configuration = try settings.supervisorConfiguration(environment: ProcessInfo.processInfo.environment)
        // A server of another user has its own home: only what is the supervisor's goes here.
        if configuration.clientUserID == nil { try HomeDirectory(path: settings.home).prepare() }
        let supervisor = Supervisor(configuration: configuration, logger: logger)
        let group = ServiceGroupConfiguration(
            services: [
                .init(
                    service: SupervisorService(supervisor: supervisor, manager: ServiceManager(logger: logger)),
                    successTerminationBehavior: .gracefullyShutdownGroup, failureTerminationBehavior: .cancelGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await ServiceGroup(configuration: group).run()
    }
}

private struct SupervisorService: Service {
    let supervisor: Supervisor
    let manager: ServiceManager

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await supervisor.run { manager.ready() }
        } onGracefulShutdown: {
            manager.stopping()
            supervisor.shutdown()
        }
    }
}
