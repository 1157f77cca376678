import AgentCoreModel
import ArgumentParser
import Client

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "List and show a runtime's versions.", subcommands: [List.self, Get.self])

    struct List: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "List a runtime's versions, newest first.",
            discussion: """
                EXAMPLES
                  signalbox version list hello
                """)

        @OptionGroup var target: RuntimeArgument
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let versions = try await client.versionList(client.runtimeResolve(target.runtime).id)
            output.emit(.object(["agentRuntimes": .array(versions)])) { .versions(versions) }
        }
    }

    struct Get: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a version's configuration.",
            discussion: """
                EXAMPLES
                  signalbox version get hello 2
                """)

        @OptionGroup var target: RuntimeArgument
        @Argument(help: "Number of the version.") var version: String
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let runtime = try await client.runtimeFetch(client.runtimeResolve(target.runtime).id, version: version)
            output.emit(runtime) { .runtime(runtime) }
        }
    }
}
