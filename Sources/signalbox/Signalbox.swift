import ArgumentParser
import Platform

/// The command line. One file per verb, in `Verbs/`.
struct Signalbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signalbox", abstract: "A self-hosted AgentCore Runtime: agents with versions, endpoints and sessions.",
        discussion: """
            EXAMPLES
              signalbox dev
              eval "$(signalbox env)"
              signalbox deploy examples/hello --name hello
              signalbox invoke hello '{"name": "Ada"}'

            Exit codes: 0 done, 1 failed, 64 wrong usage or configuration. Errors go to standard error.
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "Agents",
                subcommands: [
                    DeployCommand.self, InvokeCommand.self, RuntimeCommand.self, VersionCommand.self, EndpointCommand.self,
                    SessionCommand.self,
                ]),
            CommandGroup(
                name: "Server",
                subcommands: [
                    DevCommand.self, ServeCommand.self, SuperviseCommand.self, MigrateCommand.self, AccountCommand.self, KeyCommand.self,
                    MasterKeyCommand.self, HealthCommand.self, StatusCommand.self, AuditCommand.self,
                ]),
            CommandGroup(
                name: "Configuration",
                subcommands: [EnvCommand.self, PresignCommand.self, ConfigurationCommand.self, OpenAPICommand.self]),
        ])
}

@main
enum Main {
    static func main() async {
        do {
            var command = try Signalbox.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as CommandError {
            Terminal.standardError.writeLine("Error: \(error.message)")
            Signalbox.exit(withError: error.exitCode)
        } catch let error as SignalboxError {
            // The one who runs a server may see what its log would say.
            Terminal.standardError.writeLine("Error: \(error.message)" + (error.context.map { " (\($0))" } ?? ""))
            Signalbox.exit(withError: ExitCode.failure)
        } catch is CancellationError {
            Signalbox.exit(withError: ExitCode.failure)
        } catch {
            Signalbox.exit(withError: error)
        }
    }
}
