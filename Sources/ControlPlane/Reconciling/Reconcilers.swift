public import Logging
public import Platform
public import Store

/// Everything of the control plane that goes on behind the 202. Any number of replicas may run it on
/// one database.
public struct Reconcilers: Sendable {
    private let lanes: [Lane]
    private let housekeeping: Housekeeping
    private let store: Store
    private let identity: ReplicaIdentity
    private let clock: any TimeSource
    private let logger: Logger

    /// - Parameters:
    ///   - probes: versions prepared at a time, each in a sandbox.
    ///   - lease: how long the work of a replica that falls silent stays its own.
    ///   - auditRetention: how long the audit trail is kept; nil: for ever.
    public init(
        store: Store, preparer: any VersionPreparer, identity: ReplicaIdentity, probes: Int = 4, lease: Duration = .seconds(30),
        auditRetention: Duration? = nil,
        clock: any TimeSource = SystemTime(), logger: Logger, metrics: ReconcilerMetrics = ReconcilerMetrics()
    ) {
        self.store = store
        self.identity = identity
        self.clock = clock
        self.logger = logger
        let lane = { (name: String, width: Int, reconcilers: [WorkKind: any Reconciler]) in
            Lane(
                name: name, reconcilers: reconcilers, width: width, store: store, holder: identity.id, lease: lease, clock: clock,
                logger: logger, metrics: metrics)
        }
        lanes = [
            // A switch must not wait for a version whose agent takes two minutes to answer.
            lane("switch", 8, [.settleEndpoint: SettleEndpoint(store: store, preparer: preparer)]),
            lane("prepare", probes, [.prepareVersion: PrepareVersion(store: store, preparer: preparer)]),
            lane(
                "remove", 8,
                [
                    .removeEndpoint: RemoveEndpoint(store: store), .removeRuntime: RemoveRuntime(store: store),
                    .removeVersion: RemoveVersion(store: store),
                ]),
        ]
        housekeeping = Housekeeping(
            store: store, identity: identity, auditRetention: auditRetention, clock: clock, logger: logger)
    }

    /// What there can be work of.
    public static let kinds = WorkKind.allCases.map(\.rawValue)

    /// Frees what an earlier run of this replica held. Once, before `run`.
    public func start() async throws {
        let freed = try await store.workReleaseAll(.background("reconcilers", logger: logger, clock: clock), holder: identity.id)
        if freed > 0 { logger.notice("going on with what an earlier run left", metadata: ["work": "\(freed)"]) }
    }

    /// Until the task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for lane in lanes { group.addTask { await lane.run() } }
            group.addTask { await housekeeping.run() }
            group.addTask {
                for await event in store.postgres.notifications([Channels.work]) {
                    switch event {
                    case .resumed: for lane in lanes { lane.wakeSignal.wake() }
                    case .payload(_, let kind):
                        do { try await Failpoint.hit(.noticeWork) } catch { continue }
                        for lane in lanes where lane.reconcilers.keys.contains(where: { $0.rawValue == kind }) { lane.wakeSignal.wake() }
                    }
                }
            }
        }
        // What was cut short is free for others at once, not when its lease ends.
        // In a task of its own, since this one is cancelled.
        await Task {
            do {
                try await store.workReleaseAll(.background("reconcilers", logger: logger, clock: clock), holder: identity.id)
            } catch {
                logger.debug("work was not released", metadata: ["error": "\(error)"])
            }
        }.value
    }
}
