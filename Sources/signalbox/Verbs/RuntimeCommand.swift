import AgentCoreModel
import ArgumentParser
import Client

struct RuntimeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runtime", abstract: "List, show and delete runtimes.",
        subcommands: [List.self, Get.self, Delete.self])

    struct List: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "List all runtimes.",
            discussion: """
                EXAMPLES
                  signalbox runtime list
                  signalbox runtime list --output json
                  signalbox runtime list --status READY --tag team=search
                """)

        @OptionGroup var filter: FilterOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let runtimes = try await client.runtimeList(filter: filter.filter)
            output.emit(.object(["agentRuntimes": .array(runtimes)])) { .runtimes(runtimes) }
        }
    }

    struct Get: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a runtime with its newest version's configuration.",
            discussion: """
                The table leaves out the values of environment variables; the JSON has them.

                EXAMPLES
                  signalbox runtime get hello
                """)

        @OptionGroup var target: RuntimeArgument
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let runtime = try await client.runtimeFetch(client.runtimeResolve(target.runtime).id)
            output.emit(runtime) { .runtime(runtime) }
        }
    }

    struct Delete: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a runtime with all its versions and endpoints; its sessions end.",
            discussion: """
                EXAMPLES
                  signalbox runtime delete hello
                  signalbox runtime delete hello --wait
                """)

        @OptionGroup var target: RuntimeArgument
        @Flag(help: "Return once it is gone.") var wait = false
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let id = try await client.runtimeResolve(target.runtime).id
            let answer = try await client.runtimeDelete(id)
            if wait {
                try await Progress().step("\(id) deleted") { step in
                    try await client.runtimeWaitUntilGone(id) { step.update($0) }
                }
            }
            output.emit(answer, sentence: "\(id): \(answer["status"]?.string ?? "DELETING")")
        }
    }
}
