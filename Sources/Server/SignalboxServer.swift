import Access
import AgentCoreModel
import Artifacts
import ControlPlane
import DataPlane
import Hummingbird
public import Logging
import Platform
import PostgresClient
import Provisioning
import Sandboxing
public import ServiceLifecycle
import Store

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A whole server: listener, routes, reconcilers, data plane. The one place where the rooms meet.
///
/// The schema is up to date and a supervisor serves the home before it runs.
public struct SignalboxServer: Service {
    private let configuration: ServerConfiguration
    private let logger: Logger
    private let reloads: AsyncStream<Void>
    private let onListening: @Sendable (_ port: Int) async throws -> Void

    /// For what the audit trail has not been told of at the end, should the database be away.
    private static let auditPatience: Duration = .seconds(10)

    /// - Parameters:
    ///   - reloads: Asks for files to be read again: certificates, master keys.
    ///   - onListening: called once connections are accepted, with the port in use (which the
    ///     system chose when the configuration says 0).
    public init(
        configuration: ServerConfiguration, logger: Logger, reloads: AsyncStream<Void> = AsyncStream { $0.finish() },
        onListening: @escaping @Sendable (_ port: Int) async throws -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.reloads = reloads
        self.onListening = onListening
    }

    /// Until a graceful shutdown, which lets invocations in flight end, or until the task is cancelled.
    public func run() async throws {
        var database = PostgresConfiguration(connectionString: configuration.databaseURL)
        database.sharedChannels = Channels.all
        let postgres = PostgresClient(database, logger: logger)
        let supervisor = SupervisorClient(
            socketPath: configuration.supervisorSocket ?? SupervisorConfiguration.socketPath(home: configuration.home),
            logger: logger)
        let secrets = try SecretBox.openOrCreate(home: configuration.home)
        let connections = Task {
            await withDiscardingTaskGroup { group in
                group.addTask { await postgres.run() }
                group.addTask { await supervisor.run() }
            }
        }
        // Nothing below may end without this: PostgreSQL's connections outlive all that uses them.
        let result: Result<Void, any Error>
        do {
            var store = Store(postgres: postgres, secrets: secrets)
            store.accountSessionLimit = configuration.maximumAccountSessions
            result = .success(try await serve(store, supervisor))
        } catch {
            result = .failure(error)
        }
        connections.cancel()
        await connections.value
        try result.get()
    }

    private func serve(_ store: Store, _ supervisor: SupervisorClient) async throws {
        let context = OperationContext.background("start", logger: logger)
        let registry = MetricRegistry()
        let identity = try await store.replicaRegister(
            context, id: try ReplicaFile.idOrCreate(home: configuration.home), host: ProcessInfo.processInfo.hostName)
        // Before anything is sealed: by the key that the other replicas seal with.
        try await store.masterKeySync(context, replica: identity.id)
        let objects = store.objects()
        let bundles = BundleCache(directory: configuration.home + "/bundles", objects: objects)
        try await bundles.prepare()
        let provisioner = Provisioner(
            bundles: bundles, supervisor: supervisor,
            configuration: ProvisioningConfiguration(
                initializationTimeout: configuration.agentStartTimeout, codeImage: configuration.codeImage))
        let authenticator = Authenticator(keys: store, tokens: SessionTokens(secrets: store.secrets), logger: logger)
        let throttle = Throttle(configuration.throttle)
        let dataPlane = makeDataPlane(store, supervisor, provisioner, authenticator, throttle, identity, registry)
        let tls = try makeTLS()
        let masterKeys = MasterKeyKeeper(store: store, replica: identity.id, logger: logger)
        let reconcilers = Reconcilers(
            store: store, preparer: SandboxPreparer(provisioner: provisioner, supervisor: supervisor, identity: identity),
            identity: identity, lease: configuration.workLease, auditRetention: configuration.auditRetention, logger: logger,
            metrics: ReconcilerMetrics(registry))
        let readiness = ReadinessProbe(
            store: store, supervisor: supervisor, context: .background("readiness", logger: logger))
        ServerMetrics(
            store: store, dataPlane: dataPlane, supervisor: supervisor, readiness: readiness,
            context: .background("metrics", logger: logger)
        ).register(in: registry)

        let audit = AuditWriter(store: store, registry: registry)

        // Stops what an earlier run left over, probes included: before anything starts a sandbox.
        try await dataPlane.start()
        try await reconcilers.start()

        let router = Router(context: FrontEndContext.self)
        addObjectRoutes(
            to: router, objects: objects, throttle: throttle, audit: audit,
            authenticate: ObjectAuthentication(authenticator).authenticate)
        let control = ControlService(
            authentication: RequestAuthentication(authenticator, spools: dataPlane.spools),
            controlPlane: ControlPlane(store: store, quotas: configuration.quotas), store: store,
            dataPlane: dataPlane, access: AccessRoutes(store: store, authenticator: authenticator),
            throttle: throttle, validation: ValidationOptions(strictImageUri: configuration.strictImageURI),
            observability: Observability(
                registry: registry, audit: audit,
                status: StatusReader(store: store, supervisor: supervisor, identity: identity)),
            interpreters: { try await provisioner.interpreters() },
            readiness: { await readiness.current() })
        let responder = router.buildResponder()
        let frontEnd = FrontEnd(
            configuration: FrontEndConfiguration(
                host: configuration.listenHost, port: configuration.listenPort, tls: tls),
            dataPlane: dataPlane, control: control, logger: logger, observer: RequestObserver(registry, accessLog: accessLog)
        ) { request, front in
            try await responder.respond(to: request, context: FrontEndContext(source: front))
        }

        let changes = Task { await reconcilers.run() }
        let auditing = Task { await audit.run() }
        let background = Task {
            await withDiscardingTaskGroup { group in
                group.addTask { await dataPlane.run() }
                group.addTask { await authenticator.run() }
                group.addTask { await masterKeys.run() }
                if let tls { group.addTask { await tls.run() } }
                group.addTask {
                    for await _ in reloads {
                        tls?.reload()
                        await masterKeys.look()
                    }
                }
                group.addTask { await ArtifactSweeper(objects: objects).run(.background("sweep", logger: logger)) }
            }
        }
        let metricsListener = MetricsListener(registry)
        registry.collect { [MetricReading("signalbox_http_connections", Double(frontEnd.connectionCount))] }
        let result: Result<Void, any Error>
        do {
            if let listen = configuration.metricsListener {
                let address = try await metricsListener.start(host: listen.host, port: listen.port)
                logger.notice(
                    "metrics are to be had", metadata: ["address": "\(address.ipAddress ?? listen.host):\(address.port ?? listen.port)"])
            }
            let address = try await frontEnd.start()
            try await onListening(address.port ?? configuration.listenPort)
            result = .success(())
            // Throws when the task is cancelled: that is an end like the other, but for the grace.
            try? await gracefulShutdown()
        } catch {
            result = .failure(error)
        }
        // Load balancers are to see it and go elsewhere while those that have not still get their answers.
        readiness.drain()
        if !Task.isCancelled, case .success = result { try? await Task.sleep(for: configuration.drainDelay) }
        // In a task of its own, so that a cancelled server ends what it began, too.
        let grace = Task.isCancelled ? .zero : configuration.shutdownGrace
        await Task {
            await frontEnd.shutdown(grace: grace)
            await metricsListener.shutdown()
            changes.cancel()
            await changes.value
            await bundles.finish()
            await dataPlane.shutdown(keepSandboxes: configuration.keepsSandboxes)
            audit.finish()
            await Self.value(of: auditing, within: Self.auditPatience)
            background.cancel()
            await background.value
        }.value
        try result.get()
    }

    /// Waits for a task's end; cancels it when that takes too long.
    private static func value(of task: Task<Void, Never>, within limit: Duration) async {
        let timer = Task {
            try await Task.sleep(for: limit)
            task.cancel()
        }
        await task.value
        timer.cancel()
    }

    private func makeTLS() throws -> ListenerTLS? {
        guard let certificate = configuration.tlsCertificate, let key = configuration.tlsKey else { return nil }
        return try ListenerTLS(certificate: certificate, key: key, logger: logger)
    }

    private func makeDataPlane(
        _ store: Store, _ supervisor: SupervisorClient, _ provisioner: Provisioner, _ authenticator: Authenticator,
        _ throttle: Throttle?, _ identity: ReplicaIdentity, _ registry: MetricRegistry
    ) -> DataPlane {
        var settings = DataPlaneConfiguration()
        settings.sessionLimit = configuration.maximumSessions
        settings.spoolDirectory = configuration.home
        if let bytes = configuration.maximumSpool { settings.maximumSpool = bytes }
        return DataPlane(
            configuration: settings, routes: store, sessions: store,
            host: SupervisedHost(supervisor: supervisor, provisioner: provisioner), authenticator: authenticator,
            throttle: throttle, identity: identity,
            renderError: { error, _ in
                let wire = WireError(error)
                return (wire.status, wire.headers, wire.body)
            }, logger: logger, metrics: DataPlaneMetrics(registry))
    }

    /// Requests are written whatever the log's level is: that is what was asked for.
    private var accessLog: Logger? {
        guard configuration.accessLog else { return nil }
        var logger = logger
        logger.logLevel = min(logger.logLevel, .info)
        return logger
    }
}
