import Dispatch
import Logging
import Sandboxing

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A supervisor as a process of its own, for tests that kill it. `supervise --home HOME`.
@main
struct Fixture {
    static func main() async {
        let logger = Logger(label: "supervisor") { StreamLogHandler.standardError(label: $0) }
        let arguments = CommandLine.arguments
        guard arguments.count == 4, arguments[1] == "supervise", arguments[2] == "--home" else {
            logger.error("usage: SupervisorFixture supervise --home HOME")
            exit(2)
        }
        let supervisor = Supervisor(
            configuration: SupervisorConfiguration(home: arguments[3], shutdownGrace: .seconds(1)),
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
}
