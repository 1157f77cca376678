import Dispatch
import Foundation
import Logging
import Sandboxing

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A supervisor, or a server that starts a sandbox, as a process of its own, for tests that kill it:
/// `supervise --home HOME [way-out …]`, `serve --home HOME SPECIFICATION`.
@main
struct Fixture {
    static func main() async {
        let logger = Logger(label: "supervisor") { StreamLogHandler.standardError(label: $0) }
        let arguments = CommandLine.arguments
        if arguments.count == 5, arguments[1] == "serve" {
            do { try await serve(home: arguments[3], specification: arguments[4], logger) } catch { logger.error("\(error)") }
            exit(1)
        }
        guard arguments.count >= 4, arguments[1] == "supervise", arguments[2] == "--home",
            let wayOut = wayOut(arguments.dropFirst(4))
        else {
            logger.error("usage: SupervisorFixture supervise --home HOME [way-out [denied=RANGE,…] [dns=ADDRESS,…]]")
            exit(2)
        }
        let supervisor = Supervisor(
            configuration: SupervisorConfiguration(home: arguments[3], shutdownGrace: .seconds(1), wayOut: wayOut),
            logger: logger)
        signal(SIGTERM, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGTERM, queue: .global())
        let handler: @Sendable () -> Void = { supervisor.shutdown() }
        source.setEventHandler(handler: handler)
        source.resume()
        do {
            try await supervisor.run()
        } catch {
            logger.error("\(error)")
            exit(1)
        }
    }

    /// None unless asked for: most tests run on the machine's own network.
    private static func wayOut(_ options: ArraySlice<String>) -> WayOutConfiguration? {
        var result = WayOutConfiguration(isOn: false)
        for option in options {
            let parts = option.split(separator: "=", maxSplits: 1)
            let values = parts.count == 2 ? parts[1].split(separator: ",") : []
            switch parts.first {
            case "way-out": result.isOn = true
            case "denied": result.denied = values.compactMap { IPv4Range($0) }
            case "dns": result.nameServers = values.map(String.init)
            default: return nil
            }
        }
        return result
    }

    /// Starts the supervisor and the sandbox, says so, and stays.
    private static func serve(home: String, specification: String, _ logger: Logger) async throws {
        let socket = try await SupervisorLauncher.ensureRunning(executable: "/proc/self/exe", home: home, logger: logger)
        let client = SupervisorClient(socketPath: socket, logger: logger)
        _ = try await client.start(JSONDecoder().decode(SandboxSpecification.self, from: Data(specification.utf8)))
        try await HealthProbe.waitUntilHealthy(supervisor: client, id: "session", timeout: .seconds(20))
        _ = FileManager.default.createFile(atPath: home + "/serving", contents: nil)
        while true { try await Task.sleep(for: .seconds(1000)) }
    }
}
