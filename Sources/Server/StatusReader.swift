import AgentCoreModel
import ControlPlane
import Platform
import Sandboxing
import Store

/// How replicas and reconcilers do, and what somebody should look after.
struct StatusReader: Sendable {
    let store: Store
    let supervisor: SupervisorClient
    let identity: ReplicaIdentity

    /// Seconds without a heartbeat (one every five) after which a replica counts as gone; as for its sessions.
    private static let heartbeatPatience = 30.0
    /// Seconds that work may be overdue before it counts as stuck: the longest pause between two looks is five.
    private static let overduePatience = 60.0
    /// Attempts after which what fails is not expected to pass by itself.
    private static let attemptPatience = 5
    private static let patience: Duration = .seconds(5)

    /// Always an answer: without the database it says that alone.
    func read(_ c: OperationContext) async -> JSONValue {
        var c = c
        c.deadline = c.clock.now().advanced(by: Self.patience)
        var problems: [String] = []
        let supervised = await supervisor.answers()
        if !supervised { problems.append("The supervisor of replica \(identity.id) does not answer: no session can start there.") }
        var members: [String: JSONValue] = [
            "replicaId": .string(identity.id), "epoch": .integer(identity.epoch),
            "supervisor": .string(supervised ? "up" : "away"), "database": "up",
        ]
        do {
            try await add(c, &members, &problems)
        } catch {
            c.logger.info("the status is not known", metadata: ["error": "\(error)"])
            members["database"] = "away"
            problems.append("The database does not answer.")
        }
        members["problems"] = .array(problems.map { .string($0) })
        return .object(members)
    }

    private func add(_ c: OperationContext, _ members: inout [String: JSONValue], _ problems: inout [String]) async throws {
        let schema = try await store.schemaNumber(c)
        members["schema"] = ["database": .integer(Int64(schema)), "program": .integer(Int64(Migrator.schemaNumber))]
        if schema < Migrator.schemaNumber { problems.append("The database's schema is older than this program: run signalbox migrate.") }

        let postgres = store.postgres.statistics
        members["connections"] = [
            "inUse": .integer(Int64(postgres.leased)), "idle": .integer(Int64(postgres.idle)),
            "waiting": .integer(Int64(postgres.waiting)), "listening": .integer(Int64(postgres.listening)),
            "listeners": .integer(Int64(postgres.listeners)),
        ]
        if postgres.listening < postgres.listeners {
            problems.append("Replica \(identity.id) does not hear of changes now and relies on its timers.")
        }

        let sessions = try await store.sessionCounts(c)
        members["replicas"] = .array(
            try await store.replicaList(c).map { replica in
                let count = sessions[replica.identity.id] ?? 0
                let isLive = replica.silentSeconds <= Self.heartbeatPatience
                if !isLive, count > 0 {
                    problems.append("Replica \(replica.identity.id) is gone and left \(count) session\(count == 1 ? "" : "s").")
                }
                return [
                    "replicaId": .string(replica.identity.id), "host": .string(replica.host), "epoch": .integer(replica.identity.epoch),
                    "startedAt": .string(WireTimestamp(replica.startedAt).description), "isLive": .bool(isLive),
                    "heartbeatAgeSeconds": Self.seconds(replica.silentSeconds), "sessions": .integer(Int64(count)),
                ]
            })

        let found = try await store.workSummary(c)
        members["reconcilers"] = .array(
            Reconcilers.kinds.map { kind in
                let summary = found.first { $0.kind == kind }
                let (count, held) = (summary?.count ?? 0, summary?.held ?? 0)
                return [
                    "kind": .string(kind), "queued": .integer(Int64(count - held)), "held": .integer(Int64(held)),
                    "retrying": .integer(Int64(summary?.failing ?? 0)), "oldestSeconds": Self.seconds(summary?.oldestSeconds ?? 0),
                ]
            })
        members["work"] = .array(
            try await store.workList(c).map { work in
                if let problem = Self.problem(work) { problems.append(problem) }
                return Self.json(work)
            })
    }

    /// nil while it goes as it should. Sessions that are given time to end are no failure.
    static func problem(_ work: WorkStatus) -> String? {
        let what = "\(work.kind) of \(work.runtimeID)\(work.part.map { " (\($0))" } ?? "")"
        if let next = work.nextTrySeconds, next < -overduePatience {
            return "\(what) has been due for \(Int(-next)) s and nobody does it."
        }
        if !work.kind.hasPrefix("remove-"), work.attempts >= attemptPatience, let error = work.lastError {
            return "\(what) was tried \(work.attempts) times: \(error)"
        }
        return nil
    }

    private static func json(_ work: WorkStatus) -> JSONValue {
        var members: [String: JSONValue] = [
            "kind": .string(work.kind), "agentRuntimeId": .string(work.runtimeID), "attempts": .integer(Int64(work.attempts)),
            "ageSeconds": seconds(work.ageSeconds),
        ]
        members["part"] = work.part.map { .string($0) }
        members["holder"] = work.holder.map { .string($0) }
        members["lastError"] = work.lastError.map { .string($0) }
        members["nextTrySeconds"] = work.nextTrySeconds.map { seconds(max(0, $0)) }
        return .object(members)
    }

    private static func seconds(_ value: Double) -> JSONValue { .number((max(value, 0) * 1000).rounded() / 1000) }
}
