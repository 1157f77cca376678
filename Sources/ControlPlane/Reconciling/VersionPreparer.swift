public import Platform
public import Provisioning
public import Sandboxing
public import Store
import Synchronization

/// Finds out whether a version works. Throws `SignalboxError`: `.agentFailed` for what its owner can
/// mend, with the sentence that becomes `failureReason`; anything else may pass by itself.
public protocol VersionPreparer: Sendable {
    /// What the version's image reference means now; the image is at hand afterwards.
    ///
    /// - Parameter progress: called with short sentences while it lasts.
    func resolve(
        _ c: OperationContext, reference: String, progress: @escaping @Sendable (String) async -> Void
    ) async throws -> ResolvedImage
    /// Runs the version once in a sandbox until it is healthy; nothing of the sandbox is left afterwards.
    func probe(_ c: OperationContext, _ version: VersionRecord) async throws
    /// Has at hand what its sandboxes need, so that the first session does not wait for it.
    func warm(_ c: OperationContext, _ version: VersionRecord) async throws
}

/// With real sandboxes on this host.
public struct SandboxPreparer: VersionPreparer {
    private let provisioner: Provisioner
    private let supervisor: SupervisorClient
    private let identity: ReplicaIdentity
    /// Between SIGTERM and SIGKILL. A probe holds nothing worth waiting for.
    private let grace: Duration
    private let warmed = WarmedVersions()

    public init(
        provisioner: Provisioner, supervisor: SupervisorClient, identity: ReplicaIdentity, grace: Duration = .seconds(2)
    ) {
        self.provisioner = provisioner
        self.supervisor = supervisor
        self.identity = identity
        self.grace = grace
    }

    public func resolve(
        _ c: OperationContext, reference: String, progress: @escaping @Sendable (String) async -> Void
    ) async throws -> ResolvedImage {
        // Of several sentences that come while one is written, only the last matters.
        let (sentences, tell) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(1))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await sentence in sentences { await progress(sentence) } }
            defer { tell.finish() }
            return try await supervisor.resolveImage(reference) { tell.yield($0) }
        }
    }

    public func probe(_ c: OperationContext, _ version: VersionRecord) async throws {
        let sandboxID = Identifier.uuid()
        try await provisioner.start(c, version: version, sandboxID: sandboxID, labels: labels(version))
        do {
            try await Failpoint.hit(.prepareProbed)
        } catch {
            _ = await provisioner.remove(c, sandboxID, grace: grace)
            throw error
        }
        guard await provisioner.remove(c, sandboxID, grace: grace) else {
            throw SignalboxError.unavailable("The probe's sandbox could not be removed.", context: sandboxID)
        }
        try await Failpoint.hit(.prepareStopped)
    }

    public func warm(_ c: OperationContext, _ version: VersionRecord) async throws {
        if let image = version.image { return try await supervisor.requireImage(SandboxImage(image)) }
        // A version never changes: what was found good once is, as long as its files are there.
        if let artifact = version.artifact, warmed.contains(version.id), provisioner.isUnpacked(artifact) { return }
        _ = try await provisioner.specification(c, for: version, sandboxID: Identifier.uuid(), labels: labels(version))
        warmed.insert(version.id)
    }

    /// What is left of a killed server's probes is found by them.
    private func labels(_ version: VersionRecord) -> [String: String] {
        [
            "kind": "probe", "replica": identity.id, "account": version.account, "runtime": version.runtimeID,
            "version": String(version.version), "endpoint": EndpointRecord.defaultName,
        ]
    }
}

/// Versions, by row id, that were warm on this replica not long ago. Forgets all when there are many.
private final class WarmedVersions: Sendable {
    private static let limit = 4_096
    private let ids = Mutex<Set<Int64>>([])

    func contains(_ id: Int64) -> Bool { ids.withLock { $0.contains(id) } }

    func insert(_ id: Int64) {
        ids.withLock { ids in
            if ids.count >= Self.limit { ids = [] }
            ids.insert(id)
        }
    }
}
