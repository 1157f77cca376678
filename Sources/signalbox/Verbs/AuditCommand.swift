import AgentCoreModel
import ArgumentParser
import Client

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show who changed what, and which version served a session.",
        subcommands: [Events.self, Session.self], defaultSubcommand: Events.self)

    struct Events: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "List changes and refused changes of the account, the newest first. For administrators' keys.",
            discussion: """
                The ends of changes, which the server reaches by itself, are there too, with the actor 'signalbox'.
                A TIME is 2026-09-26T12:34:56Z, 2026-09-26, or how long ago it was: 90s, 30m, 12h, 7d.

                EXAMPLES
                  signalbox audit
                  signalbox audit events --runtime hello --since 7d
                  signalbox audit --actor AKIAEXAMPLE --operation UpdateAgentRuntimeEndpoint --output json
                """)

        @Option(help: ArgumentHelp("Name, id or ARN of a runtime; the id of one that is gone.", valueName: "runtime"))
        var runtime: String?
        @Option(help: ArgumentHelp("Access key id, or signalbox.", valueName: "key")) var actor: String?
        @Option(help: ArgumentHelp("Such as UpdateAgentRuntimeEndpoint or EndpointReady.", valueName: "operation"))
        var operation: String?
        @Option(help: ArgumentHelp("Not before this.", valueName: "time")) var since: TimeArgument?
        @Option(help: ArgumentHelp("Before this.", valueName: "time")) var until: TimeArgument?
        @Option(help: ArgumentHelp("How many at most.", valueName: "count")) var maxResults = 50
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func validate() throws {
            guard (1...100_000).contains(maxResults) else { throw ValidationError("--max-results must be from 1 to 100000") }
        }

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let query = AuditQuery(
                runtime: try await client.auditedRuntime(runtime), actor: actor, operation: operation, since: since?.time(),
                until: until?.time())
            let events = try await client.auditEvents(query, maxResults: maxResults)
            output.emit(.object(["events": .array(events)])) { .auditEvents(events) }
        }
    }

    struct Session: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show which version served a session, and when. For administrators' keys.",
            discussion: """
                An id may have served several sessions, one after the other: each is a row, with the version it ran on.

                EXAMPLES
                  signalbox audit session 8f14e45f-ceea-467f-9b5a-1c9f4a1d2b3c
                  signalbox audit session 8f14e45f-ceea-467f-9b5a-1c9f4a1d2b3c --at 2026-09-26T12:34:56Z
                """)

        @Argument(help: "Id of the session, as invoke prints it.") var session: String
        @Option(help: ArgumentHelp("Name, id or ARN of its runtime.", valueName: "runtime")) var runtime: String?
        @Option(help: ArgumentHelp("Only what served it at this time.", valueName: "time")) var at: TimeArgument?
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let found = try await client.sessionHistory(
                session, runtime: try await client.auditedRuntime(runtime), at: at?.time())
            guard !found.isEmpty else { throw CommandError("no session '\(session)' is known\(at == nil ? "" : " at that time")") }
            output.emit(.object(["sessions": .array(found)])) { .sessions(found) }
        }
    }
}

extension SignalboxClient {
    /// The id of a runtime that may be gone: an id or an ARN is taken as it is.
    fileprivate func auditedRuntime(_ reference: String?) async throws -> String? {
        guard let reference else { return nil }
        if !reference.hasPrefix("arn:"), reference.contains("-") { return reference }
        return try await runtimeResolve(reference).id
    }
}

extension Table {
    static func auditEvents(_ events: [JSONValue]) -> Table {
        Table(
            ["TIME", "ACTOR", "OPERATION", "OUTCOME", "RESOURCE", "FROM", "TO", "SOURCE"],
            rows: events.map { event in
                let resource =
                    event.text("resource")
                    .split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).last.map(String.init) ?? ""
                let to = event["to"].map(\.summary) ?? event.text("reason")
                return [
                    event.text("at"), event.text("actor"), event.text("operation"), event.text("outcome"), resource,
                    event["from"]?.summary ?? "", to, event.text("sourceAddress"),
                ]
            })
    }

    static func sessions(_ sessions: [JSONValue]) -> Table {
        Table(
            ["RUNTIME", "ENDPOINT", "VERSION", "STARTED", "LAST ACTIVE", "ENDED", "REASON"],
            rows: sessions.map { session in
                [
                    "agentRuntimeId", "endpointName", "agentRuntimeVersion", "startedAt", "lastActiveAt", "endedAt", "reason",
                ].map { session.text($0) }
            })
    }
}

extension JSONValue {
    fileprivate func text(_ member: String) -> String { self[member]?.string ?? "" }

    /// `liveVersion=1 targetVersion=2`, cut where a table would burst.
    fileprivate var summary: String {
        let pairs = (object ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? $0.value.text)" }
        let text = pairs.joined(separator: " ")
        return text.count > 60 ? text.prefix(59) + "…" : text
    }
}
