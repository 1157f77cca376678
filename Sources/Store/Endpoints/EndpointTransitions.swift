import Lifecycle
public import Platform
public import PostgresClient

/// Changes of an endpoint's target, live version and status. Each holds the endpoint's fence, raises
/// the generation and appends to the history; the guard in SQL comes from `EndpointMachine`.
extension Store {
    /// Waits until no session of the endpoint is being inserted, and holds new ones back to the end
    /// of the transaction (promise 4). Lock order: runtime row, fence, endpoint row.
    public func endpointFence(_ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64) async throws {
        _ = try await tx.query("select pg_advisory_xact_lock(endpoint_lock_key($1))", [.int(endpoint)])
    }

    /// The endpoint is to move to `version`: status UPDATING. nil: its status does not allow it.
    ///
    /// - Parameters:
    ///   - rollbackTo: the earlier version, when this is a rollback. The later flip then counts as one.
    ///   - stopSessions: the flip asks sessions pinned to the version left to stop.
    public func endpointTarget(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, version: Int, rollbackTo: Int? = nil,
        stopSessions: Bool = false, reason: String? = nil
    ) async throws -> EndpointRecord? {
        try await endpointFence(c, in: tx, endpoint: endpoint)
        let result = try await tx.query(
            """
            update runtime_endpoint set status = 'UPDATING', failure_reason = null, generation = generation + 1, updated_at = now(),
                target = jsonb_build_array(jsonb_build_object('version', $2, 'weight', 100))
            where id = $1 and status = any($3)
            """, [.int(endpoint), .int(version), .statuses(EndpointMachine.table.sources(of: .targetRequested))])
        guard result.affectedRows > 0 else { return nil }
        let record = try await endpointExpect(c, in: tx, id: endpoint)
        try await historyAppend(
            c, in: tx, endpoint: endpoint, kind: .requested, from: record.liveVersion, to: version, rollbackTo: rollbackTo,
            stopSessions: stopSessions, reason: reason)
        return record
    }

    /// The target goes live: status READY. False: the endpoint has changed since `generation` was
    /// read, or is neither CREATING nor UPDATING.
    public func endpointFlip(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, generation: Int64
    ) async throws -> Bool {
        try await endpointFlipped(c, in: tx, endpoint: endpoint, generation: generation) != nil
    }

    /// The same, telling what it was: `flipped`, or `rolledBack` where a rollback had asked for it. nil: not done.
    public func endpointFlipped(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, generation: Int64
    ) async throws -> EndpointHistoryKind? {
        try await endpointFence(c, in: tx, endpoint: endpoint)
        guard let before = try await endpointFetch(c, in: tx, id: endpoint), before.generation == generation else { return nil }
        let result = try await tx.query(
            """
            update runtime_endpoint set status = 'READY', failure_reason = null, generation = generation + 1, updated_at = now(),
                live_version = (target -> 0 ->> 'version')::integer
            where id = $1 and generation = $2 and status = any($3)
            """, [.int(endpoint), .int(generation), .statuses(EndpointMachine.table.sources(of: .flipped))])
        guard result.affectedRows > 0 else { return nil }
        let request = try await tx.query(
            """
            select rollback_to, stop_sessions from endpoint_history where endpoint = $1 and generation = $2 and kind = 'requested'
            order by id desc limit 1
            """, [.int(endpoint), .int(generation)])
        let rollbackTo = try request.first?.numberOrNil("rollback_to")
        let kind = rollbackTo == nil ? EndpointHistoryKind.flipped : .rolledBack
        try await historyAppend(
            c, in: tx, endpoint: endpoint, kind: kind, from: before.liveVersion, to: before.targetVersion, rollbackTo: rollbackTo)
        if try request.first?.bool("stop_sessions") == true, let left = before.liveVersion {
            // Under the fence: no session of that version can still appear.
            try await sessionRequestStop(c, in: tx, endpoint: endpoint, version: left)
        }
        return kind
    }

    /// Whether what the endpoint is doing in this generation is a rollback.
    public func endpointIsRollingBack(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, generation: Int64
    ) async throws -> Bool {
        try await tx.query(
            """
            select from endpoint_history where endpoint = $1 and generation = $2 and kind = 'requested' and rollback_to is not null
            """, [.int(endpoint), .int(generation)]
        ).first != nil
    }

    /// The target could not be prepared: CREATE_FAILED or UPDATE_FAILED. The live version stays.
    /// False: as for `endpointFlip`.
    public func endpointFail(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, generation: Int64, reason: String
    ) async throws -> Bool {
        try await endpointFence(c, in: tx, endpoint: endpoint)
        let result = try await tx.query(
            """
            update runtime_endpoint set failure_reason = $3, generation = generation + 1, updated_at = now(),
                status = case status when 'CREATING' then 'CREATE_FAILED' else 'UPDATE_FAILED' end
            where id = $1 and generation = $2 and status = any($4)
            """,
            [
                .int(endpoint), .int(generation), .text(reason),
                .statuses(EndpointMachine.table.sources(of: .createFailed) + EndpointMachine.table.sources(of: .updateFailed)),
            ])
        guard result.affectedRows > 0 else { return false }
        let record = try await endpointExpect(c, in: tx, id: endpoint)
        try await historyAppend(
            c, in: tx, endpoint: endpoint, kind: .failed, from: record.liveVersion, to: record.targetVersion, reason: reason)
        return true
    }

    /// Out of UPDATE_FAILED: the live version becomes the target again and the endpoint is READY.
    /// nil: its status does not allow it, or nothing is live.
    public func endpointClear(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, reason: String? = nil
    ) async throws -> EndpointRecord? {
        try await endpointFence(c, in: tx, endpoint: endpoint)
        let failed = try await endpointFetch(c, in: tx, id: endpoint)
        let result = try await tx.query(
            """
            update runtime_endpoint set status = 'READY', failure_reason = null, generation = generation + 1, updated_at = now(),
                target = jsonb_build_array(jsonb_build_object('version', live_version, 'weight', 100))
            where id = $1 and status = any($2) and live_version is not null
            """, [.int(endpoint), .statuses(EndpointMachine.table.sources(of: .cleared))])
        guard result.affectedRows > 0 else { return nil }
        let record = try await endpointExpect(c, in: tx, id: endpoint)
        try await historyAppend(
            c, in: tx, endpoint: endpoint, kind: .requested, from: failed?.targetVersion, to: record.targetVersion,
            reason: reason ?? "back to the live version after a failed change")
        return record
    }

    /// Status DELETING: no session starts any more, and its live ones are asked to stop. nil: its
    /// status does not allow it.
    public func endpointMarkDeleting(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64
    ) async throws -> EndpointRecord? {
        try await endpointFence(c, in: tx, endpoint: endpoint)
        let result = try await tx.query(
            """
            update runtime_endpoint set status = 'DELETING', failure_reason = null, generation = generation + 1, updated_at = now()
            where id = $1 and status = any($2)
            """, [.int(endpoint), .statuses(EndpointMachine.table.sources(of: .deleteRequested))])
        guard result.affectedRows > 0 else { return nil }
        try await sessionRequestStop(c, in: tx, endpoint: endpoint, reason: .deleted)
        return try await endpointExpect(c, in: tx, id: endpoint)
    }

    /// Every endpoint of a runtime that is being deleted, whatever it was doing.
    public func endpointMarkDeletingAll(_ c: OperationContext, in tx: PostgresTransaction, runtime: Int64) async throws {
        _ = try await tx.query(
            """
            select pg_advisory_xact_lock(endpoint_lock_key(id)) from (
                select id from runtime_endpoint where runtime = $1 order by id
            ) as endpoints
            """, [.int(runtime)])
        _ = try await tx.query(
            """
            update runtime_endpoint set status = 'DELETING', failure_reason = null, generation = generation + 1, updated_at = now()
            where runtime = $1 and status <> 'DELETING'
            """, [.int(runtime)])
        try await sessionRequestStop(c, in: tx, runtime: runtime, reason: .deleted)
    }

    /// The removal did not succeed: DELETE_FAILED. False: it is not being deleted.
    public func endpointDeleteFailed(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, reason: String
    ) async throws -> Bool {
        try await tx.query(
            """
            update runtime_endpoint set status = 'DELETE_FAILED', failure_reason = $2, generation = generation + 1, updated_at = now()
            where id = $1 and status = 'DELETING'
            """, [.int(endpoint), .text(reason)]
        ).affectedRows > 0
    }

    /// Removes an endpoint in status DELETING. False while sessions of it still live, or when it is
    /// not being deleted.
    public func endpointDelete(_ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64) async throws -> Bool {
        try await endpointFence(c, in: tx, endpoint: endpoint)
        let removable = try await tx.query(
            """
            select from runtime_endpoint e where e.id = $1 and e.status = 'DELETING'
                and not exists (select from session s where s.endpoint = e.id)
            for update
            """, [.int(endpoint)])
        guard removable.first != nil else { return false }
        let record = try await endpointExpect(c, in: tx, id: endpoint)
        try await historyAppend(c, in: tx, endpoint: endpoint, kind: .deleted, from: record.liveVersion)
        return try await tx.query("delete from runtime_endpoint where id = $1", [.int(endpoint)]).affectedRows > 0
    }
}
