import Lifecycle
import Logging
import Platform
import Store

/// What must be done now and then, by any replica: old client tokens go, sessions of replicas that
/// are lost for good end, what is too old goes from the audit trail.
struct Housekeeping: Sendable {
    let store: Store
    let identity: ReplicaIdentity
    /// nil: the audit trail is kept for ever.
    var auditRetention: Duration?
    let clock: any TimeSource
    let logger: Logger

    static let interval: Duration = .seconds(30)
    /// Seconds without a heartbeat (one every five) after which a replica counts as lost.
    static let patience = 90.0

    func run() async {
        // Silence counts only while we could have heard a heartbeat: seen in two looks in a row, so
        // that nobody is buried because the database was away.
        var suspects: Set<ReplicaIdentity> = []
        while !Task.isCancelled {
            do {
                suspects = try await look(after: suspects)
            } catch {
                suspects = []
                logger.debug("housekeeping failed", metadata: ["error": "\(error)"])
            }
            do { try await clock.sleep(for: Self.interval) } catch { return }
        }
    }

    /// Returns the replicas that have been silent for too long, and ends the sessions of those that were before.
    func look(after suspects: Set<ReplicaIdentity>) async throws -> Set<ReplicaIdentity> {
        let c = OperationContext.background("housekeeping", logger: logger, clock: clock)
        try await store.idempotencyExpire(c)
        // Some at a time; the next look goes on with it.
        if let auditRetention { try await store.auditPrune(c, keep: auditRetention) }
        let silent = try await store.replicaList(c).filter { $0.identity.id != identity.id && $0.silentSeconds > Self.patience }
        for replica in silent where suspects.contains(replica.identity) {
            let ended = try await store.sessionEndAll(c, replica: replica.identity.id, reason: SessionEnd.lost.code)
            if ended > 0 {
                logger.warning(
                    "a replica is silent; its sessions count as ended",
                    metadata: ["replica": "\(replica.identity.id)", "host": "\(replica.host)", "sessions": "\(ended)"])
            }
        }
        return Set(silent.map(\.identity))
    }
}
