import AgentCoreModel
public import Artifacts
import Logging
public import Platform
public import Sandboxing
public import Store

/// How sandboxes are made on this host.
public struct ProvisioningConfiguration: Sendable, Equatable {
    public var limits: SandboxLimits
    /// From the start of the sandbox to the first healthy answer (contract §8: 120 s).
    public var initializationTimeout: Duration
    public var engine: String
    /// Image in which archives run, instead of the host's files. nil: archives run on `engine`.
    public var codeImage: String?
    /// How long a sandbox that failed to start may take to end by itself.
    public var failedGrace: Duration

    public init(
        limits: SandboxLimits = SandboxLimits(), initializationTimeout: Duration = .seconds(120), engine: String = "bubblewrap",
        codeImage: String? = nil, failedGrace: Duration = .seconds(2)
    ) {
        self.limits = limits
        self.initializationTimeout = initializationTimeout
        self.engine = engine
        self.codeImage = codeImage
        self.failedGrace = failedGrace
    }
}

/// Turns a stored version into a running sandbox.
///
/// Throws `SignalboxError`: `.agentFailed` for what the version's owner can mend, a sentence in at
/// most 1 KB that ends up in `failureReason`; `.unavailable` for what may pass by itself.
public struct Provisioner: Sendable {
    private let bundles: BundleCache
    private let supervisor: SupervisorClient
    private let configuration: ProvisioningConfiguration
    private let codeImages = CodeImage()

    public init(bundles: BundleCache, supervisor: SupervisorClient, configuration: ProvisioningConfiguration = .init()) {
        self.bundles = bundles
        self.supervisor = supervisor
        self.configuration = configuration
    }

    /// Everything but the start itself: unpacks the bundle, finds interpreter and entry file. The
    /// label `endpoint` names the endpoint whose session it will be (default: `DEFAULT`).
    public func specification(
        _ context: OperationContext, for version: VersionRecord, sandboxID: String, labels: [String: String]
    ) async throws -> SandboxSpecification {
        let endpoint = labels["endpoint"] ?? "DEFAULT"
        guard let code = version.configuration.agentRuntimeArtifact.codeConfiguration else {
            guard let image = version.image else {
                throw SignalboxError.internal("version \(version.version) of \(version.runtimeID) has neither code nor a pinned image")
            }
            return SandboxSpecification(
                id: sandboxID, labels: labels, engine: Self.containers, image: SandboxImage(image), bundle: nil, command: [],
                environment: AgentEnvironment.ofImage(version, endpoint: endpoint), limits: configuration.limits,
                network: Self.network(version))
        }
        guard let artifact = version.artifact else {
            throw SignalboxError.internal("version \(version.version) of \(version.runtimeID) has code but no artifact")
        }
        let image = try await codeImage()
        let interpreter = try await interpreter(code.runtime, in: image)
        let bundle = try await unpacked(context, artifact)
        let command = try LaunchCommand(interpreter: interpreter, bundle: bundle).arguments(code.entryPoint)
        return SandboxSpecification(
            id: sandboxID, labels: labels, engine: image == nil ? configuration.engine : Self.containers, image: image, bundle: bundle,
            command: command, environment: AgentEnvironment.ofArchive(version, endpoint: endpoint),
            limits: configuration.limits, network: Self.network(version))
    }

    /// Whether an archive is unpacked on this host.
    public func isUnpacked(_ artifact: ArtifactReference) -> Bool { bundles.isUnpacked(artifact) }

    /// Starts a sandbox and waits until its agent is healthy. When it throws, also for a task that
    /// was cancelled, nothing of the sandbox is left.
    @discardableResult
    public func start(
        _ context: OperationContext, version: VersionRecord, sandboxID: String, labels: [String: String]
    ) async throws -> SandboxStatus {
        let specification = try await specification(context, for: version, sandboxID: sandboxID, labels: labels)
        await compile(context, version, replica: labels["replica"], waits: labels["kind"] == "probe")
        let contract = AgentContract(version.configuration.protocolConfiguration)
        let started = context.clock.now()
        do {
            let status = try await supervisor.start(specification)
            try await HealthProbe.waitUntilHealthy(
                supervisor: supervisor, id: sandboxID, port: contract.port, path: contract.healthPath,
                timeout: configuration.initializationTimeout - (context.clock.now() - started))
            return try await supervisor.status(sandboxID) ?? status
        } catch {
            _ = await remove(context, sandboxID, grace: configuration.failedGrace)
            guard let error = error as? SignalboxError, error.kind == .agentFailed else { throw error }
            throw SignalboxError.agentFailed(FailureSentence.bounded(error.message), context: error.context)
        }
    }

    /// Interpreters that archives find: `["PYTHON_3_11": "/usr/bin/python3.11"]`.
    public func interpreters() async throws -> [String: String] { try await supervisor.interpreters(in: codeImage()) }

    private static let containers = "docker"

    private static func network(_ version: VersionRecord) -> SandboxNetwork {
        version.configuration.networkConfiguration.networkMode == .public ? .public : .none
    }

    private func codeImage() async throws -> SandboxImage? {
        guard let reference = configuration.codeImage else { return nil }
        return try await codeImages.image { try await supervisor.resolveImage(reference).image }
    }

    /// Makes later starts cheaper. A probe waits for it, since nobody waits for a probe; a session on
    /// a host that has just unpacked the bundle does not. No failure of it matters to the version.
    private func compile(_ context: OperationContext, _ version: VersionRecord, replica: String?, waits: Bool) async {
        guard let code = version.configuration.agentRuntimeArtifact.codeConfiguration, let artifact = version.artifact,
            configuration.codeImage == nil, !bundles.isCompiled(artifact, for: code.runtime.rawValue)
        else { return }
        let compiler = BytecodeCompiler(supervisor: supervisor, limits: configuration.limits, engine: configuration.engine)
        let task = Task { [self] in
            do {
                let interpreter = try await interpreter(code.runtime, in: nil)
                try await bundles.compiled(context, artifact, for: code.runtime.rawValue) { bundle, output in
                    try await compiler.run(context, interpreter: interpreter, bundle: bundle, output: output, replica: replica)
                }
            } catch {
                context.logger.warning(
                    "the bundle's modules could not be compiled; its starts will be slower",
                    metadata: ["sha256": "\(artifact.sha256)", "error": "\(error)"])
            }
        }
        if waits { await task.value }
    }

    private func interpreter(_ runtime: AgentManagedRuntimeType, in image: SandboxImage?) async throws -> String {
        let found = try await supervisor.interpreters(in: image)
        if let path = found[runtime.rawValue] { return path }
        throw SignalboxError.agentFailed(FailureSentence.noInterpreter(runtime, found: Array(found.keys)))
    }

    private func unpacked(_ context: OperationContext, _ artifact: ArtifactReference) async throws -> String {
        do {
            return try await bundles.bundle(context, artifact)
        } catch let error as ArchiveError {
            if error.reason == .inputOutput {
                throw SignalboxError.unavailable(error.message, retryAfterSeconds: 5, context: error.message)
            }
            throw SignalboxError.agentFailed(FailureSentence.bounded(error.message))
        }
    }

    /// Ends a sandbox that belongs to no session, and forgets it. Tried for some seconds, while the supervisor is away:
    /// a dead one's successor reaps what it left. False: it may be there until this server starts again.
    public func remove(_ context: OperationContext, _ sandboxID: String, grace: Duration) async -> Bool {
        // In a task of its own: a cancelled caller must not leave a sandbox behind.
        await Task { [supervisor] in
            for attempt in 1...Self.removalAttempts {
                do {
                    try await supervisor.stop(sandboxID, grace: grace)
                    try await supervisor.forget(sandboxID)
                    return true
                } catch {
                    context.logger.warning(
                        "a sandbox that no session has could not be removed",
                        metadata: ["sandbox": "\(sandboxID)", "attempt": "\(attempt)", "error": "\(error)"])
                }
                do { try await context.clock.sleep(for: .milliseconds(500)) } catch { return false }
            }
            return false
        }.value
    }

    private static let removalAttempts = 20
}
