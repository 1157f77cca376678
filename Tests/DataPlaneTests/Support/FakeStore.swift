import AgentCoreModel
import Foundation
import Platform
import Store
import Synchronization

@testable import DataPlane

/// Rows in memory, with the database's rules for sessions.
final class FakeStore: RouteSource, SessionStore {
    struct State {
        var routes: [Int64: Route] = [:]
        var sessions: [Int64: SessionRecord] = [:]
        var next: Int64 = 1
        var opens = 0
        var touches: [(session: Int64, idleSeconds: Double)] = []
        var ended: [Int64: String] = [:]
        var fetches = 0
        var isAway = false
        /// Sessions are inserted, but the caller hears that the database is away.
        var losesAnswers = false
        var silence: Double? = 0
        /// By their ids, after notifications and refreshes.
        var endpointsRead: [Int64] = []
    }

    let state = Mutex(State())
    private let stream = AsyncStream.makeStream(of: DataPlaneNotice.self)

    static let runtimeID = "agent-abcdefghij"
    static let account = "123456789012"
    static let region = "us-east-1"

    init(endpoints: [String] = ["DEFAULT"], version: Int = 1) {
        for (index, name) in endpoints.enumerated() { put(endpoint: Int64(index + 1), name: name, version: version) }
    }

    func put(endpoint: Int64, name: String, version: Int?) {
        state.withLock { state in
            let generation = (state.routes[endpoint]?.generation ?? 0) + 1
            state.routes[endpoint] = Route(
                endpoint: endpoint, runtime: 1,
                key: RouteKey(account: Self.account, region: Self.region, runtimeID: Self.runtimeID, endpointName: name),
                liveVersion: version, generation: generation, endpointID: "\(name)-abcdefghij", headerAllowlist: [])
        }
    }

    /// Policies of the runtime and of the endpoint, as JSON; the plane has to be told by `notify`.
    func setPolicies(endpoint: Int64, runtime: String? = nil, own: String? = nil) {
        state.withLock { state in
            state.routes[endpoint]?.policies = ResourcePolicies(
                runtime: runtime.map { PolicyDocument(stored: $0) }, endpoint: own.map { PolicyDocument(stored: $0) }, hasEndpoint: true)
            state.routes[endpoint]?.policyRevision += 1
        }
    }

    func remove(endpoint: Int64) { state.withLock { $0.routes[endpoint] = nil } }
    func notify(_ notice: DataPlaneNotice) { stream.continuation.yield(notice) }
    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }
    var opens: Int { state.withLock { $0.opens } }
    var live: [SessionRecord] { state.withLock { Array($0.sessions.values) } }
    var ended: [Int64: String] { state.withLock { $0.ended } }

    private func check() throws {
        if state.withLock({ $0.isAway }) { throw SignalboxError.unavailable("The database is away.") }
    }

    func routeList(_ context: OperationContext) async throws -> [Route] {
        try check()
        return state.withLock { Array($0.routes.values) }
    }

    func routeStates(_ context: OperationContext) async throws -> [RouteState] {
        try check()
        return state.withLock { $0.routes.values.map(\.state) }
    }

    func routeFetch(_ context: OperationContext, key: RouteKey) async throws -> Route? {
        try check()
        return state.withLock { state in
            state.fetches += 1
            return state.routes.values.first { $0.key == key }
        }
    }

    func routeFetch(_ context: OperationContext, endpoints: [Int64]) async throws -> [Route] {
        try check()
        return state.withLock { state in
            state.endpointsRead += endpoints
            return endpoints.compactMap { state.routes[$0] }
        }
    }

    static func version(_ version: Int) -> VersionRecord {
        VersionRecord(
            id: Int64(version), runtime: 1, runtimeID: runtimeID, account: account, region: region, runtimeName: "agent",
            version: version,
            configuration: VersionConfiguration(
                agentRuntimeArtifact: AgentRuntimeArtifact(containerConfiguration: ContainerConfiguration(containerUri: "x")), roleArn: "r"),
            environmentVariables: [:], artifact: nil, status: .ready, failureReason: nil, createdAt: Date(), updatedAt: Date())
    }

    @discardableResult
    func insert(
        endpoint: Int64 = 1, sessionID: String, sandboxID: String, owner: ReplicaIdentity, version: Int = 1, age: Double = 0,
        idle: Double = 0, stopRequested: Bool = false
    ) -> SessionRecord {
        state.withLock { state in
            let record = SessionRecord(
                id: state.next, endpoint: endpoint, runtime: 1, sessionID: sessionID, version: version, versionRow: Int64(version),
                sandboxID: sandboxID, owner: owner, startedAt: Date(), stopRequested: stopRequested, ageSeconds: age, idleSeconds: idle)
            state.next += 1
            state.sessions[record.id] = record
            return record
        }
    }

    func sessionOpen(
        _ context: OperationContext, endpoint: Int64, sessionID: String, sandboxID: String, owner: ReplicaIdentity, limit: Int
    ) async throws -> SessionOpening? {
        try check()
        let (live, existing, count) = state.withLock { state in
            state.opens += 1
            return (
                state.routes[endpoint]?.liveVersion, state.sessions.values.first { $0.endpoint == endpoint && $0.sessionID == sessionID },
                state.sessions.count
            )
        }
        guard let live else { return nil }
        if let existing { return SessionOpening(session: existing, version: Self.version(existing.version), isNew: false) }
        guard count < limit else { throw SignalboxError.quotaExceeded("maxVms limit exceeded for account \(context.account)") }
        let record = insert(endpoint: endpoint, sessionID: sessionID, sandboxID: sandboxID, owner: owner, version: live)
        if state.withLock({ $0.losesAnswers }) { throw SignalboxError.unavailable("The database is away.") }
        return SessionOpening(session: record, version: Self.version(live), isNew: true)
    }

    func sessionFetch(_ context: OperationContext, endpoint: Int64, sessionID: String) async throws -> SessionRecord? {
        try check()
        return state.withLock { $0.sessions.values.first { $0.endpoint == endpoint && $0.sessionID == sessionID } }
    }

    func sessionTouch(_ context: OperationContext, _ activity: [(session: Int64, idleSeconds: Double)]) async throws {
        try check()
        state.withLock { $0.touches += activity }
    }

    func sessionEnd(_ context: OperationContext, session: Int64, reason: String) async throws {
        try check()
        state.withLock { state in
            if state.sessions.removeValue(forKey: session) != nil { state.ended[session] = reason }
        }
    }

    func sessionListOwned(_ context: OperationContext, replica: String) async throws -> [SessionOpening] {
        try check()
        return state.withLock { state in
            state.sessions.values.filter { $0.owner.id == replica }
                .map { SessionOpening(session: $0, version: Self.version($0.version), isNew: false) }
        }
    }

    func sessionAdopt(_ context: OperationContext, session: Int64, owner: ReplicaIdentity) async throws {
        try check()
        state.withLock { $0.sessions[session]?.owner = owner }
    }

    func sessionListStopRequested(_ context: OperationContext, owner: ReplicaIdentity) async throws -> [SessionRecord] {
        try check()
        return state.withLock { $0.sessions.values.filter { $0.stopRequested && $0.owner == owner } }
    }

    func sessionRequestStop(_ context: OperationContext, endpoint: Int64, sessionID: String) async throws -> Bool {
        try check()
        return state.withLock { state in
            guard let row = state.sessions.values.first(where: { $0.endpoint == endpoint && $0.sessionID == sessionID })?.id
            else { return false }
            state.sessions[row]?.stopRequested = true
            return true
        }
    }

    func replicaHeartbeat(_ context: OperationContext, _ replica: ReplicaIdentity) async throws { try check() }

    func ownerSilence(_ context: OperationContext, _ owner: ReplicaIdentity) async throws -> Double? {
        try check()
        return state.withLock { $0.silence }
    }

    func notices(for replica: ReplicaIdentity) -> AsyncStream<DataPlaneNotice> { stream.stream }
}
