import AgentCoreModel
public import Lifecycle
public import Platform
public import Provisioning
public import Sandboxing
public import Store

/// The host's supervisor, and the provisioner that makes sandboxes of versions, as the data plane sees them.
public struct SupervisedHost: SandboxHost {
    private let supervisor: SupervisorClient
    private let provisioner: Provisioner
    private let stopGrace: Duration
    private let clock: any TimeSource

    /// - Parameter stopGrace: between SIGTERM and SIGKILL (contract §8).
    public init(
        supervisor: SupervisorClient, provisioner: Provisioner, stopGrace: Duration = .seconds(15),
        clock: any TimeSource = SystemTime()
    ) {
        self.supervisor = supervisor
        self.provisioner = provisioner
        self.stopGrace = stopGrace
        self.clock = clock
    }

    public func start(_ context: OperationContext, _ opening: SessionOpening, labels: [String: String]) async throws {
        try await provisioner.start(context, version: opening.version, sandboxID: opening.session.sandboxID, labels: labels)
    }

    /// Its log stays until the supervisor has that of many later ones.
    public func stop(_ sandboxID: String) async throws { try await supervisor.stop(sandboxID, grace: stopGrace) }

    public func list() async throws -> [HostedSandbox] { try await supervisor.list().map(HostedSandbox.init) }

    public func status(_ sandboxID: String) async throws -> HostedSandbox? {
        try await supervisor.status(sandboxID).map(HostedSandbox.init)
    }

    public func openSocket(_ sandboxID: String, port: Int) async throws -> CInt {
        try await supervisor.openSocket(sandboxID, port: port)
    }

    public func ping(_ sandboxID: String, port: Int, path: String) async -> PingAnswer? {
        guard let descriptor = try? await openSocket(sandboxID, port: port) else { return nil }
        return await PingClient.ping(descriptor, port: port, path: path, timeout: .seconds(10), clock: clock)
    }

    public func events() -> AsyncStream<SandboxHostEvent> {
        let events = supervisor.events()
        return AsyncStream { continuation in
            let task = Task {
                for await event in events {
                    switch event {
                    case .exited(let id, let exit): continuation.yield(.exited(id: id, how: exit.sentence))
                    case .reconnected: continuation.yield(.resynchronise)
                    // Connections into sandboxes that live go on; the list is read when it is back.
                    case .lost: break
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    public func agent(of version: VersionRecord) -> AgentProfile { AgentProfile(version) }
}

extension HostedSandbox {
    init(_ status: SandboxStatus) {
        // A frozen one is alive: it answers once it goes on.
        let isRunning = status.state == .running || status.state == .paused
        self.init(id: status.id, labels: status.labels, isRunning: isRunning, exit: status.state.exit?.sentence)
    }
}

extension AgentProfile {
    public init(_ version: VersionRecord) {
        let configuration = version.configuration
        let lifecycle = configuration.lifecycleConfiguration
        let limits = SessionLimits(
            idle: .seconds(lifecycle.idleRuntimeSessionTimeout ?? 900), lifetime: .seconds(lifecycle.maxLifetime ?? 28_800))
        let allowed = configuration.requestHeaderConfiguration?.requestHeaderAllowlist ?? []
        let contract = AgentContract(configuration.protocolConfiguration)
        self.init(
            port: contract.port, path: contract.invocationPath, pingPath: contract.healthPath,
            headerAllowlist: allowed.map { $0.lowercased() }, limits: limits)
    }
}
