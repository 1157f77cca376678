import AgentCoreModel
public import Lifecycle
public import Platform
public import PostgresClient

extension Store {
    /// A runtime in status CREATING, without a version yet: call `versionAppend` and
    /// `endpointInsert` in the same transaction.
    public func runtimeInsert(
        _ c: OperationContext, in tx: PostgresTransaction, name: String, runtimeID: String, tags: [String: String] = [:]
    ) async throws -> RuntimeRecord {
        // `do nothing` instead of an error keeps the transaction usable and waits for a rival's end.
        let result = try await tx.query(
            """
            insert into agent_runtime (runtime_id, account, region, name, status, tags) values ($1, $2, $3, $4, 'CREATING', $5)
            on conflict on constraint agent_runtime_name do nothing
            returning id, runtime_id, account, region, name, status, failure_reason, last_version, created_at, updated_at
            """, [.text(runtimeID), .text(c.account), .text(c.region), .text(name), .json(try Self.tagText(tags))])
        guard let row = result.first else {
            throw SignalboxError.conflict("Agent runtime with name '\(name)' already exists.")
        }
        return try RuntimeRecord(row)
    }

    /// The caller's runtime; nil for another tenant's (decision 8).
    public func runtimeFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtimeID: String
    ) async throws -> RuntimeRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime_id, account, region, name, status, failure_reason, last_version, created_at, updated_at
            from agent_runtime where runtime_id = $1 and account = $2 and region = $3
            """, [.text(runtimeID), .text(c.account), .text(c.region)])
        return try decoding { try result.first.map(RuntimeRecord.init) }
    }

    /// For reconcilers: by row id, whoever owns it.
    public func runtimeFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, id: Int64
    ) async throws -> RuntimeRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime_id, account, region, name, status, failure_reason, last_version, created_at, updated_at
            from agent_runtime where id = $1
            """, [.int(id)])
        return try decoding { try result.first.map(RuntimeRecord.init) }
    }

    /// The same, locked to the end of the transaction. Every change of a runtime or of its versions
    /// and endpoints begins with this lock, so changes of one runtime come one after the other.
    ///
    /// The lock lets foreign-key checks pass: sessions go on starting meanwhile.
    public func runtimeFetchForUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, runtimeID: String
    ) async throws -> RuntimeRecord? {
        let result = try await tx.query(
            """
            select id, runtime_id, account, region, name, status, failure_reason, last_version, created_at, updated_at
            from agent_runtime where runtime_id = $1 and account = $2 and region = $3 for no key update
            """, [.text(runtimeID), .text(c.account), .text(c.region)])
        return try result.first.map(RuntimeRecord.init)
    }

    /// For reconcilers: by row id, locked.
    public func runtimeFetchForUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, id: Int64
    ) async throws -> RuntimeRecord? {
        let result = try await tx.query(
            """
            select id, runtime_id, account, region, name, status, failure_reason, last_version, created_at, updated_at
            from agent_runtime where id = $1 for no key update
            """, [.int(id)])
        return try result.first.map(RuntimeRecord.init)
    }

    /// Carries out the status change of an event. False: the status does not allow it (any more);
    /// nothing was changed. Use `runtimeDelete` for `.deleted`.
    ///
    /// A failure reason is kept for the failing events and cleared by all others.
    public func runtimeTransition(
        _ c: OperationContext, in tx: PostgresTransaction, runtime: Int64, event: RuntimeEvent, failureReason: String? = nil
    ) async throws -> Bool {
        guard let status = RuntimeMachine.table.destination(of: event) else {
            throw SignalboxError.internal("runtimeTransition cannot carry out \(event)")
        }
        return try await tx.query(
            """
            update agent_runtime set status = $2, failure_reason = $3, updated_at = now() where id = $1 and status = any($4)
            """,
            [.int(runtime), .text(status.rawValue), .text(failureReason), .statuses(RuntimeMachine.table.sources(of: event))]
        ).affectedRows > 0
    }

    /// The newest version could not be prepared: CREATE_FAILED or UPDATE_FAILED, by what was being
    /// done. False: nothing was being done any more.
    public func runtimeFail(
        _ c: OperationContext, in tx: PostgresTransaction, runtime: Int64, reason: String
    ) async throws -> Bool {
        if try await runtimeTransition(c, in: tx, runtime: runtime, event: .createFailed, failureReason: reason) { return true }
        return try await runtimeTransition(c, in: tx, runtime: runtime, event: .updateFailed, failureReason: reason)
    }

    /// Removes a runtime in status DELETING with its versions and endpoints, and frees its name.
    /// False while sessions of it still live, or when it is not being deleted.
    public func runtimeDelete(_ c: OperationContext, in tx: PostgresTransaction, runtime: Int64) async throws -> Bool {
        _ = try await tx.query(
            """
            select pg_advisory_xact_lock(endpoint_lock_key(id)) from (
                select id from runtime_endpoint where runtime = $1 order by id
            ) as endpoints
            """, [.int(runtime)])
        let removable = try await tx.query(
            """
            select from agent_runtime r where r.id = $1 and r.status = 'DELETING'
                and not exists (select from session s where s.runtime = r.id)
            for update
            """, [.int(runtime)])
        guard removable.first != nil else { return false }
        _ = try await tx.query(
            """
            insert into endpoint_history (account, region, runtime, runtime_id, endpoint, endpoint_name, kind, generation,
                from_version, actor, request_id, reason)
            select e.account, e.region, e.runtime, e.runtime_id, e.id, e.name, 'deleted', e.generation + 1,
                e.live_version, $2, $3, 'the agent runtime was deleted'
            from endpoint_detail e where e.runtime = $1
            """, [.int(runtime), .text(c.principal.accessKeyID), .text(c.requestID)])
        return try await tx.query("delete from agent_runtime where id = $1", [.int(runtime)]).affectedRows > 0
    }
}
