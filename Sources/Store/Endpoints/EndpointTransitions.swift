import Lifecycle
public import Platform
public import PostgresClient

/// Changes of an endpoint's target, live version and status. Each holds the endpoint's fence, raises
/// the generation and appends to the history; the guard in SQL comes from `EndpointMachine`.
extension Store {
    /// Waits until no session of the endpoint is being inserted, and holds new ones back to the end
    /// of the transaction (promise 4). Lock order: runtime row, fence, endpoint row.
    public func endpointFence(_ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64) async throws {
        let (statement, parameters) = Self.lockFence(endpoint)
        _ = try await tx.query(statement, parameters)
    }

    /// The same, had when the next statement is run.
    private func fenceNext(_ tx: PostgresTransaction, _ endpoint: Int64) throws {
        let (statement, parameters) = Self.lockFence(endpoint)
        try tx.queryLater(statement, parameters)
    }

    static func lockFence(_ endpoint: Int64) -> (statement: Statement, parameters: [PostgresValue]) {
        ("select pg_advisory_xact_lock(endpoint_lock_key($1))", [.int(endpoint)])
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
        let results = try await tx.queries([
            Self.lockFence(endpoint),
            (
                """
                with moved as (
                    update runtime_endpoint set status = 'UPDATING', failure_reason = null, generation = generation + 1,
                        updated_at = now(), target = jsonb_build_array(jsonb_build_object('version', $2, 'weight', 100))
                    where id = $1 and status = any($3)
                    returning *
                ), noted as (
                    insert into endpoint_history (account, region, runtime, runtime_id, endpoint, endpoint_name, kind, generation,
                        from_version, to_version, rollback_to, stop_sessions, actor, request_id, reason)
                    select r.account, r.region, m.runtime, r.runtime_id, m.id, m.name, 'requested', m.generation, m.live_version, $2,
                        $4, $5, $6, $7, $8
                    from moved m join agent_runtime r on r.id = m.runtime
                )
                select m.id, m.runtime, r.runtime_id, r.account, r.region, m.endpoint_id, m.name, m.live_version,
                    $2::integer as target_version, m.status, m.failure_reason, m.description, m.generation, m.created_at, m.updated_at
                from moved m join agent_runtime r on r.id = m.runtime
                """,
                [
                    .int(endpoint), .int(version), .statuses(EndpointMachine.table.sources(of: .targetRequested)), .int(rollbackTo),
                    .bool(stopSessions), .text(c.principal.accessKeyID), .text(c.requestID), .text(reason),
                ]
            ),
        ])
        return try results.last?.first.map(EndpointRecord.init)
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
        try fenceNext(tx, endpoint)
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
        try fenceNext(tx, endpoint)
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
        try fenceNext(tx, endpoint)
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
        try fenceNext(tx, endpoint)
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
