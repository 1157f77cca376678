import AgentCoreModel
import ArgumentParser
import Client
import Logging
import Sandboxing

struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Tell by the exit code whether the server of a home answers.",
        discussion: """
            For health checks of containers and for scripts: 0 yes, 1 no, within five seconds. Needs no access key.
            With --ready it prints what the server looked at, a line for each part.

            EXAMPLES
              signalbox health
              signalbox health --ready
              signalbox health --supervisor --supervisor-socket /run/signalbox/supervisor.sock
            """)

    @Flag(help: "Ask whether it can serve: its database and its supervisor, too.") var ready = false
    @Flag(help: "Ask the supervisor instead of the server.") var supervisor = false
    @OptionGroup var socket: SupervisorOptions
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard !(ready && supervisor) else { throw ValidationError("--ready asks a server, not a supervisor") }
    }

    func run() async throws {
        let settings = try await SettingsReader.load(socket, common)
        if supervisor {
            let path = try settings.string(.supervisorSocket) ?? SupervisorConfiguration.socketPath(home: settings.home)
            guard await SupervisorLauncher.answers(path) else { throw CommandError("no supervisor answers on \(path)") }
        } else {
            guard let server = RunningServer.find(HomeDirectory(path: settings.home)) else {
                throw CommandError("no Signalbox runs on \(settings.home)")
            }
            let path = ready ? "/readyz" : "/healthz"
            let answer = await HealthCheck.ask(url: server.url, path: path, timeout: .seconds(5))
            if ready, let parts = Table.readiness(answer.document) { printLine(parts.text) }
            if let failure = answer.failure { throw CommandError(failure) }
        }
        printLine("ok")
    }
}

extension Table {
    /// The parts of `/readyz`; nil: it is no such document.
    static func readiness(_ document: JSONValue?) -> Table? {
        guard let parts = document?["parts"]?.object, !parts.isEmpty else { return nil }
        return Table(
            ["PART", "READY", "STATE", "MESSAGE"],
            rows: parts.sorted { $0.key < $1.key }.map { name, part in
                [name, part["ready"]?.bool == true ? "yes" : "no", part["state"]?.string ?? "", part["message"]?.string ?? ""]
            })
    }
}
