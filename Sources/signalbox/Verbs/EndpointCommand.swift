import AgentCoreModel
import ArgumentParser
import Client

struct EndpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoint", abstract: "List, show, create, switch, roll back and delete a runtime's endpoints.",
        subcommands: [List.self, Get.self, Create.self, Switch.self, Rollback.self, Delete.self])

    struct List: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "List a runtime's endpoints.",
            discussion: """
                EXAMPLES
                  signalbox endpoint list hello
                  signalbox endpoint list hello --name-prefix prod
                """)

        @OptionGroup var target: RuntimeArgument
        @OptionGroup var filter: FilterOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let endpoints = try await client.endpointList(client.runtimeResolve(target.runtime).id, filter: filter.filter)
            output.emit(.object(["runtimeEndpoints": .array(endpoints)])) { .endpoints(endpoints) }
        }
    }

    struct Get: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an endpoint: its live and its target version, its status.",
            discussion: """
                EXAMPLES
                  signalbox endpoint get hello prod
                """)

        @OptionGroup var target: EndpointArguments
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let endpoint = try await client.endpointFetch(client.runtimeResolve(target.runtime).id, target.name)
            output.emit(endpoint) { .endpoint(endpoint) }
        }
    }

    struct Create: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create an endpoint that stays on one version until it is switched.",
            discussion: """
                Without --version it takes the newest version that is READY.

                EXAMPLES
                  signalbox endpoint create hello prod --version 1 --wait
                """)

        @OptionGroup var target: EndpointArguments
        @Option(help: ArgumentHelp("Version to point at.", valueName: "number")) var version: String?
        @Option(help: ArgumentHelp("What the endpoint is for.", valueName: "text")) var description: String?
        @Flag(help: "Return once it is READY.") var wait = false
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let id = try await client.runtimeResolve(target.runtime).id
            let answer = try await client.endpointCreate(id, target.name, version: version, description: description)
            try await output.emitEndpoint(answer, of: id, named: target.name, waiting: wait, client)
        }
    }

    struct Switch: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Point an endpoint at another version.",
            discussion: """
                Invocations go on meanwhile: sessions that live stay on their version, new ones start on the version
                that is live. A version that does not become healthy leaves the endpoint as it was.

                EXAMPLES
                  signalbox endpoint switch hello prod --to 2 --wait
                """)

        @OptionGroup var target: EndpointArguments
        @Option(name: .customLong("to"), help: ArgumentHelp("Version to point at.", valueName: "number")) var version: String
        @Option(help: ArgumentHelp("A new description of the endpoint.", valueName: "text")) var description: String?
        @Flag(help: "Return once it is READY.") var wait = false
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let id = try await client.runtimeResolve(target.runtime).id
            let answer = try await client.endpointSwitch(id, target.name, to: version, description: description)
            try await output.emitEndpoint(answer, of: id, named: target.name, waiting: wait, client)
        }
    }

    struct Rollback: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Point an endpoint back at the version that was READY before.",
            discussion: """
                Repeated, it goes further back. After a failed switch it clears the failure. On DEFAULT it makes a new
                version that is a copy of the previous one.

                EXAMPLES
                  signalbox endpoint rollback hello prod --wait
                  signalbox endpoint rollback hello prod --stop-sessions
                """)

        @OptionGroup var target: EndpointArguments
        @Flag(help: "End sessions that are still pinned to the version left.") var stopSessions = false
        @Flag(help: "Return once it is READY.") var wait = false
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let id = try await client.runtimeResolve(target.runtime).id
            let answer = try await client.endpointRollback(id, target.name, stopSessions: stopSessions)
            try await output.emitEndpoint(answer, of: id, named: target.name, waiting: wait, client)
        }
    }

    struct Delete: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete an endpoint; its sessions end. DEFAULT goes with its runtime alone.",
            discussion: """
                EXAMPLES
                  signalbox endpoint delete hello prod
                """)

        @OptionGroup var target: EndpointArguments
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let answer = try await client.endpointDelete(client.runtimeResolve(target.runtime).id, target.name)
            output.emit(answer, sentence: "\(target.name): \(answer["status"]?.string ?? "DELETING")")
        }
    }
}

/// An endpoint as a command's arguments.
struct EndpointArguments: ParsableArguments {
    @Argument(help: "Name, id or ARN of the runtime.") var runtime: String
    @Argument(help: "Name of the endpoint.") var name: String
}

extension Output {
    /// The answer to a change of an endpoint, or, after waiting, what came of it.
    fileprivate func emitEndpoint(
        _ answer: JSONValue, of runtime: String, named name: String, waiting: Bool, _ client: SignalboxClient
    ) async throws {
        guard waiting else { return emit(answer) { .endpoint(answer) } }
        let endpoint = try await Progress().step("\(name) READY") { step in
            try await client.endpointWait(runtime, name) { step.update($0) }
        }
        emit(endpoint) { .endpoint(endpoint) }
    }
}
