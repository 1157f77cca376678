import Lifecycle
import Platform
import Store

/// Where memory and database came apart: an answer was lost, or this replica was silent for long.
extension SessionDirectory {
    /// Ends sessions that only the database knows, after one may have come about: they would count as live for ever.
    public func endStrays(_ context: OperationContext) async throws {
        guard let until = state.withLock({ $0.straysUntil }) else { return }
        let now = clock.now()
        for record in try await store.sessionListOwned(context, replica: identity.id).map(\.session) where isStray(record) {
            try await host.stop(record.sandboxID)
            try await store.sessionEnd(context, session: record.id, reason: SessionEnd.lost.code)
            logger.notice("a session that was never told of was ended", metadata: ["sandbox": "\(record.sandboxID)"])
        }
        state.withLock { if $0.straysUntil == until, until <= now { $0.straysUntil = nil } }
    }

    private func isStray(_ record: SessionRecord) -> Bool {
        let key = Session.Key(endpoint: record.endpoint, sessionID: record.sessionID)
        return state.withLock { state in
            if case .opening = state.places[key] { return false }
            return state.sandboxes[record.sandboxID] == nil
        }
    }

    /// Says that this replica lives. After a long silence, as when the process was stopped or the database away, others may
    /// have ended its sessions and opened them anew: those whose row is gone end here, too.
    public func heartbeat(_ context: OperationContext) async throws {
        try await store.replicaHeartbeat(context, identity)
        let now = clock.now()
        let (last, sessions) = state.withLock { ($0.heartbeatAt, Array($0.sandboxes.values)) }
        if let last, now - last > Self.silence {
            // Listed after memory was read: what was there then and has a row is listed.
            let rows = Set(try await store.sessionListOwned(context, replica: identity.id).map(\.session.id))
            for session in sessions where session.isOwned && !rows.contains(session.row) {
                logger.notice(
                    "a session was ended by others while this server was silent", metadata: ["sandbox": "\(session.sandboxID)"])
                send(.stopRequested(.lost), to: session)
            }
        }
        state.withLock { $0.heartbeatAt = now }
    }
}
