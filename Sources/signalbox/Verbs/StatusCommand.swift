import AgentCoreModel
import ArgumentParser
import Client

struct StatusCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how replicas and reconcilers do.",
        discussion: """
            Counts are the whole installation's; single pieces of work are those of the key's account. The exit code is 1
            when somebody should look after something: work that is stuck, a replica that is gone and left sessions, a
            supervisor or a database that does not answer.

            EXAMPLES
              signalbox status
              signalbox status --output json
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var printing: OutputOptions

    func run(_ client: SignalboxClient, _ output: Output) async throws {
        let status = try await client.status()
        switch output.format {
        case .json: printLine(status.pretty)
        case .table: printLine(StatusPage(status).text)
        }
        let problems = status["problems"]?.array?.compactMap(\.string) ?? []
        for problem in problems { Terminal.standardError.writeLine("Problem: \(problem)") }
        if !problems.isEmpty { throw ExitCode.failure }
    }
}

/// The status as several tables, one below the other.
struct StatusPage {
    let text: String

    init(_ status: JSONValue) {
        var parts = [Self.server(status).text]
        if let replicas = status["replicas"]?.array { parts.append(Self.replicas(replicas, own: status["replicaId"]?.string).text) }
        if let reconcilers = status["reconcilers"]?.array { parts.append(Self.reconcilers(reconcilers).text) }
        if let work = status["work"]?.array, !work.isEmpty { parts.append(Self.work(work).text) }
        text = parts.joined(separator: "\n\n")
    }

    private static func server(_ status: JSONValue) -> Table {
        let (found, known) = (status["schema"]?["database"]?.integer, status["schema"]?["program"]?.integer)
        let schema = found.map { "\($0)" + (found == known ? "" : ", this program's is \(known ?? 0)") }
        let connections = status["connections"].map { connections in
            ["inUse", "idle", "waiting"].map { "\(connections[$0]?.integer ?? 0) \($0 == "inUse" ? "in use" : $0)" }
                .joined(separator: ", ")
        }
        return .members([
            ("replica", status["replicaId"]?.string), ("database", status["database"]?.string), ("connections", connections),
            ("schema", schema), ("supervisor", status["supervisor"]?.string),
        ])
    }

    private static func replicas(_ replicas: [JSONValue], own: String?) -> Table {
        Table(
            ["REPLICA", "HOST", "EPOCH", "STATE", "HEARTBEAT", "SESSIONS", "STARTED"],
            rows: replicas.map { replica in
                let id = replica["replicaId"]?.string ?? ""
                return [
                    id == own ? id + " *" : id, replica["host"]?.string ?? "", count(replica["epoch"]),
                    replica["isLive"]?.bool == true ? "live" : "gone", age(replica["heartbeatAgeSeconds"]) + " ago",
                    count(replica["sessions"]), replica["startedAt"]?.string ?? "",
                ]
            })
    }

    private static func reconcilers(_ reconcilers: [JSONValue]) -> Table {
        Table(
            ["RECONCILER", "QUEUED", "HELD", "RETRYING", "OLDEST"],
            rows: reconcilers.map { one in
                let isIdle = (one["queued"]?.integer ?? 0) + (one["held"]?.integer ?? 0) == 0
                return [
                    one["kind"]?.string ?? "", count(one["queued"]), count(one["held"]), count(one["retrying"]),
                    isIdle ? "" : age(one["oldestSeconds"]),
                ]
            })
    }

    private static func work(_ work: [JSONValue]) -> Table {
        Table(
            ["WORK", "RUNTIME", "OF", "AGE", "ATTEMPTS", "HELD BY", "NEXT TRY", "LAST ERROR"],
            rows: work.map { one in
                [
                    one["kind"]?.string ?? "", one["agentRuntimeId"]?.string ?? "", one["part"]?.string ?? "", age(one["ageSeconds"]),
                    count(one["attempts"]), one["holder"]?.string ?? "", one["nextTrySeconds"].map { "in " + age($0) } ?? "",
                    one["lastError"]?.string ?? "",
                ]
            })
    }

    private static func count(_ value: JSONValue?) -> String { value?.integer.map(String.init) ?? "" }

    /// `4.2 s`, `3 min`, `5 h`, `2 d`.
    static func age(_ value: JSONValue?) -> String {
        let seconds: Double
        switch value {
        case .integer(let whole)?: seconds = Double(whole)
        case .number(let number)?: seconds = number
        default: return ""
        }
        switch seconds {
        case ..<10: return "\((seconds * 10).rounded() / 10) s"
        case ..<120: return "\(Int(seconds.rounded())) s"
        case ..<7200: return "\(Int(seconds / 60)) min"
        case ..<172_800: return "\(Int(seconds / 3600)) h"
        default: return "\(Int(seconds / 86_400)) d"
        }
    }
}
