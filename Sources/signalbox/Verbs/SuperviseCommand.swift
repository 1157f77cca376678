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
            One runs per home, on a unix socket in it, and outlives servers. SIGTERM stops every sandbox.

            EXAMPLES
              signalbox supervise --home /var/lib/signalbox
            """)

    @OptionGroup var sandboxes: SandboxOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await SettingsReader.load(sandboxes, common)
        let logger = try settings.makeLogger()
        try HomeDirectory(path: settings.home).prepare()
        let configuration = try settings.supervisorConfiguration(environment: ProcessInfo.processInfo.environment)
        let supervisor = Supervisor(configuration: configuration, logger: logger)
        let group = ServiceGroupConfiguration(
            services: [
                .init(
                    service: SupervisorService(supervisor: supervisor),
                    successTerminationBehavior: .gracefullyShutdownGroup, failureTerminationBehavior: .cancelGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await ServiceGroup(configuration: group).run()
    }
}

private struct SupervisorService: Service {
    let supervisor: Supervisor

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await supervisor.run()
        } onGracefulShutdown: {
            supervisor.shutdown()
        }
    }
}
