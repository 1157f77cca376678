import AgentCoreModel
import Platform
import Sandboxing
import Store
import Synchronization

/// Whether a server can serve, part by part; the answer of `/readyz`.
///
/// Everybody may ask: it names no host, path or release of another program.
public struct Readiness: Sendable, Equatable {
    public struct Part: Sendable, Equatable {
        public var isReady: Bool
        /// One word: `up`, `away`, `draining`, …
        public var state: String
        /// A sentence for people.
        public var message: String

        public init(_ isReady: Bool, _ state: String, _ message: String) {
            self.isReady = isReady
            self.state = state
            self.message = message
        }
    }

    public var parts: [String: Part]

    public init(parts: [String: Part]) { self.parts = parts }

    public var isReady: Bool { parts.values.allSatisfy(\.isReady) }

    var json: JSONValue {
        let parts = parts.mapValues { part in
            JSONValue.object(["ready": .bool(part.isReady), "state": .string(part.state), "message": .string(part.message)])
        }
        return .object(["status": .string(isReady ? "ready" : "not ready"), "parts": .object(parts)])
    }
}

/// Looks at the parts, at most once a second: strangers may ask as often as they like.
final class ReadinessProbe: Sendable {
    private struct State {
        var isDraining = false
        var seen: Readiness?
        var seenAt: ContinuousClock.Instant?
        var look: Task<Readiness, Never>?
    }

    private static let freshness: Duration = .seconds(1)
    private static let patience: Duration = .seconds(2)

    private let state = Mutex(State())
    private let store: Store
    private let supervisor: SupervisorClient
    private let context: OperationContext

    init(store: Store, supervisor: SupervisorClient, context: OperationContext) {
        self.store = store
        self.supervisor = supervisor
        self.context = context
    }

    /// The server is about to stop: from now on it is not ready, whatever else is true.
    func drain() { state.withLock { $0.isDraining = true } }

    func current() async -> Readiness {
        let now = context.clock.now()
        let look: Task<Readiness, Never>? = state.withLock { state in
            if let at = state.seenAt, state.seen != nil, now - at < Self.freshness { return nil }
            if let look = state.look { return look }
            let look = Task { await self.look() }
            state.look = look
            return look
        }
        let found = await look?.value
        return state.withLock { state in
            var readiness = found ?? state.seen ?? Readiness(parts: [:])
            readiness.parts["drain"] =
                state.isDraining
                ? .init(false, "draining", "The server is about to stop.") : .init(true, "off", "The server takes requests.")
            return readiness
        }
    }

    private func look() async -> Readiness {
        async let supervised = supervisor.answers()
        let (database, schema) = await self.database()
        let readiness = Readiness(parts: [
            "database": database, "schema": schema,
            "supervisor": await supervised
                ? .init(true, "up", "The supervisor answers.")
                : .init(false, "away", "The supervisor does not answer: no session can start."),
        ])
        state.withLock { state in
            state.seen = readiness
            state.seenAt = context.clock.now()
            state.look = nil
        }
        return readiness
    }

    private func database() async -> (database: Readiness.Part, schema: Readiness.Part) {
        var c = context
        c.deadline = c.clock.now().advanced(by: Self.patience)
        guard let number = try? await store.schemaNumber(c) else {
            return (
                .init(false, "away", "The database does not answer."),
                .init(false, "unknown", "The schema's version is not known while the database is away.")
            )
        }
        let known = Migrator.schemaNumber
        let schema: Readiness.Part =
            number == known
            ? .init(true, "current", "The schema has version \(number), as this release.")
            : number > known
                ? .init(true, "newer", "The schema has version \(number), this release \(known): an upgrade is under way.")
                : .init(false, "older", "The schema has version \(number), this release needs \(known): run signalbox migrate.")
        return (.init(true, "up", "The database answers."), schema)
    }
}
