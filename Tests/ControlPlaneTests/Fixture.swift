import AgentCoreModel
import Artifacts
import ControlPlane
import Platform
import Provisioning
import Sandboxing
import Store
import Synchronization
import TestSupport

/// Stands for sandboxes: says what a probe of a version does, and counts.
final class FakePreparer: VersionPreparer {
    private struct State {
        var failures: [Int: SignalboxError] = [:]
        var passing: [Int: Int] = [:]
        var held: Set<Int> = []
        var probes: [Int] = []
        var images: [String: String] = [:]
    }
    private let state = Mutex(State())

    var probes: [Int] { state.withLock { $0.probes } }

    /// Probes of this version end so.
    func fail(_ version: Int, _ error: SignalboxError?) { state.withLock { $0.failures[version] = error } }
    /// So many probes find the host away.
    func away(_ version: Int, times: Int) { state.withLock { $0.passing[version] = times } }
    /// Probes of this version do not end before `release`, or being cancelled.
    func hold(_ version: Int) { state.withLock { _ = $0.held.insert(version) } }
    func release(_ version: Int) { state.withLock { _ = $0.held.remove(version) } }

    func probe(_ c: OperationContext, _ version: VersionRecord) async throws {
        state.withLock { $0.probes.append(version.version) }
        while state.withLock({ $0.held.contains(version.version) }) { try await Task.sleep(for: .milliseconds(5)) }
        try check(version)
    }

    func resolve(
        _ c: OperationContext, reference: String, progress: @escaping @Sendable (String) async -> Void
    ) async throws -> ResolvedImage {
        await progress("pulling: 1 of 2 MiB")
        let image = state.withLock { $0.images[reference] }
        guard let image else { throw SignalboxError.agentFailed("pull \(reference): manifest unknown") }
        return ResolvedImage(image: SandboxImage(id: image, source: nil), platform: "linux/amd64", size: 1)
    }

    /// What a reference means from now on: `sha256:…`.
    func tag(_ reference: String, _ image: String) { state.withLock { $0.images[reference] = image } }

    func warm(_ c: OperationContext, _ version: VersionRecord) async throws { try check(version) }

    private func check(_ version: VersionRecord) throws {
        let error: SignalboxError? = state.withLock { state in
            if let left = state.passing[version.version], left > 0 {
                state.passing[version.version] = left - 1
                return .unavailable("No supervisor answers.")
            }
            return state.failures[version.version]
        }
        if let error { throw error }
    }
}

/// A control plane on a database of its own, with one uploaded archive; its reconcilers run.
struct Fixture: Sendable {
    let store: Store
    let plane: ControlPlane
    let preparer = FakePreparer()
    let replica: ReplicaIdentity
    let c = OperationContext.test()

    static func with<T: Sendable>(
        quotas: ControlPlaneQuotas = ControlPlaneQuotas(), reconciling: Bool = true,
        _ body: @escaping @Sendable (Fixture) async throws -> T
    ) async throws -> T {
        try await withStore { store in
            let c = OperationContext.test()
            let objects = ObjectStore(postgres: store.postgres)
            try await objects.bucketCreate(c, name: "agents")
            try await objects.objectPut(c, bucket: "agents", key: "agent.zip", body: ObjectBody(bytes: Array("zip".utf8)))
            let replica = try await store.replicaRegister(c, id: Identifier.uuid(), host: "here")
            let fixture = Fixture(store: store, plane: ControlPlane(store: store, quotas: quotas), replica: replica)
            guard reconciling else { return try await body(fixture) }
            return try await fixture.reconciling { try await body(fixture) }
        }
    }

    func reconciling<T: Sendable>(
        as identity: ReplicaIdentity? = nil, preparer: FakePreparer? = nil, _ body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        let reconcilers = Reconcilers(
            store: store, preparer: preparer ?? self.preparer, identity: identity ?? replica, logger: TestLog.logger)
        try await reconcilers.start()
        let running = Task { await reconcilers.run() }
        let result: Result<T, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        running.cancel()
        await running.value
        return try result.get()
    }

    func artifact(_ key: String = "agent.zip") -> AgentRuntimeArtifact {
        AgentRuntimeArtifact(
            codeConfiguration: CodeConfiguration(
                code: Code(s3: S3Location(bucket: "agents", prefix: key)), runtime: .python3_11, entryPoint: ["main.py"]))
    }

    func image(_ reference: String) -> AgentRuntimeArtifact {
        AgentRuntimeArtifact(containerConfiguration: ContainerConfiguration(containerUri: reference))
    }

    func request(_ name: String = "agent") -> CreateAgentRuntimeRequest {
        var request = CreateAgentRuntimeRequest(
            agentRuntimeName: name, agentRuntimeArtifact: artifact(), roleArn: "arn:aws:iam::123456789012:role/agent",
            networkConfiguration: NetworkConfiguration(networkMode: .public))
        request.environmentVariables = ["SECRET": "of version 1"]
        return request
    }

    func update(_ id: String, description: String? = nil) -> UpdateAgentRuntimeRequest {
        UpdateAgentRuntimeRequest(
            agentRuntimeId: id, agentRuntimeArtifact: artifact(), roleArn: "arn:aws:iam::123456789012:role/agent",
            networkConfiguration: NetworkConfiguration(networkMode: .public), description: description)
    }

    /// A READY runtime.
    func made(_ name: String = "agent", versions: Int = 1) async throws -> String {
        let id = try await plane.createAgentRuntime(c, request(name)).agentRuntimeId
        try await settled(id)
        for number in 1..<max(versions, 1) {
            _ = try await plane.updateAgentRuntime(c, update(id, description: "version \(number + 1)"))
            try await settled(id)
        }
        return id
    }

    @discardableResult
    func settled(_ id: String) async throws -> GetAgentRuntimeResponse {
        try await eventually("\(id) settles") { try await runtime(id).status.isSettled }
        return try await runtime(id)
    }

    func runtime(_ id: String, version: String? = nil) async throws -> GetAgentRuntimeResponse {
        try await plane.getAgentRuntime(c, GetAgentRuntimeRequest(agentRuntimeId: id, agentRuntimeVersion: version))
    }

    func endpoint(_ id: String, _ name: String = "DEFAULT") async throws -> GetAgentRuntimeEndpointResponse {
        try await plane.getAgentRuntimeEndpoint(c, GetAgentRuntimeEndpointRequest(agentRuntimeId: id, endpointName: name))
    }

    @discardableResult
    func settledEndpoint(_ id: String, _ name: String) async throws -> GetAgentRuntimeEndpointResponse {
        try await eventually("\(name) settles") { try await endpoint(id, name).status.isSettled }
        return try await endpoint(id, name)
    }

    func make(_ id: String, _ name: String, version: String? = nil) async throws {
        _ = try await plane.createAgentRuntimeEndpoint(
            c, CreateAgentRuntimeEndpointRequest(agentRuntimeId: id, name: name, agentRuntimeVersion: version))
        try await settledEndpoint(id, name)
    }

    func move(_ id: String, _ name: String, to version: String) async throws {
        _ = try await plane.updateAgentRuntimeEndpoint(
            c, UpdateAgentRuntimeEndpointRequest(agentRuntimeId: id, endpointName: name, agentRuntimeVersion: version))
        try await settledEndpoint(id, name)
    }

    func rollback(_ id: String, _ name: String, stopSessions: Bool = false) async throws -> RollbackAgentRuntimeEndpointResponse {
        try await plane.rollbackAgentRuntimeEndpoint(
            c, RollbackAgentRuntimeEndpointRequest(agentRuntimeId: id, endpointName: name, stopSessions: stopSessions))
    }

    /// A session of this replica, as the data plane opens it.
    func session(_ id: String, _ name: String, _ sessionID: String) async throws -> SessionRecord {
        let key = RouteKey(account: c.account, region: c.region, runtimeID: id, endpointName: name)
        guard let route = try await store.routeFetch(c, key: key),
            let opening = try await store.sessionOpen(
                c, endpoint: route.endpoint, sessionID: sessionID, sandboxID: Identifier.uuid(), owner: replica, limit: 100)
        else { throw SignalboxError.notFound("no session could be opened") }
        return opening.session
    }
}

/// Runs `body`, which must throw a SignalboxError of this kind.
@discardableResult
func refusal(_ kind: SignalboxError.Kind, _ body: @Sendable () async throws -> Void) async throws -> String {
    do {
        try await body()
    } catch let error as SignalboxError where error.kind == kind {
        return error.message
    }
    throw NoRefusal(expected: "\(kind)")
}

struct NoRefusal: Error {
    var expected: String
}
