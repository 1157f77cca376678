import AgentCoreModel
import ArgumentParser
import Client

struct SessionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "session", abstract: "End a session.", subcommands: [Stop.self])

    struct Stop: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a session; its sandbox is gone afterwards.",
            discussion: """
                EXAMPLES
                  signalbox session stop hello 8f14e45f-ceea-467f-9b5a-1c9f4a1d2b3c
                  signalbox session stop hello 8f14e45f-ceea-467f-9b5a-1c9f4a1d2b3c --qualifier prod
                """)

        @OptionGroup var target: RuntimeArgument
        @Argument(help: "Id of the session, as invoke prints it.") var session: String
        @Option(help: ArgumentHelp("Endpoint of the session; DEFAULT if not given.", valueName: "endpoint"))
        var qualifier: String?
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let runtime = try await client.runtimeResolve(target.runtime)
            try await client.sessionStop(runtime, session: session, qualifier: qualifier)
            output.emit(.object(["runtimeSessionId": .string(session)]), sentence: "\(session): stopped")
        }
    }
}
