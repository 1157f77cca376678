import Lifecycle
public import Platform
public import PostgresClient

/// The moment at which an endpoint's target goes live.
extension Store {
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
        let results = try await tx.queries([Self.lockFence(endpoint), flip(c, endpoint, generation)])
        return try await flipped(c, in: tx, endpoint, results[1])
    }

    /// All that ends a move, in one round trip: locks the runtime's row, holds the work's lease (`workFence`), flips unless
    /// the runtime is being deleted, and takes the work off the queue (`workComplete`).
    ///
    /// Returns what it was, nil where the endpoint has changed since it was read, and the seconds since it was asked for.
    /// Throws `LeaseLost`; then the transaction must end without a commit.
    public func endpointSettle(
        _ c: OperationContext, in tx: PostgresTransaction, _ item: WorkItem, endpoint: EndpointRecord
    ) async throws -> (kind: EndpointHistoryKind?, seconds: Double) {
        let work: [PostgresValue] = [.int(item.id), .int(item.fencingToken)]
        let results = try await tx.queries([
            ("select from agent_runtime where id = $1 for no key update", [.int(endpoint.runtime)]),
            (Self.fence, work),
            Self.lockFence(endpoint.id),
            flip(c, endpoint.id, endpoint.generation),
            (Self.completion, work),
        ])
        try Self.requireLease(c, item, results[1])
        return (try await flipped(c, in: tx, endpoint.id, results[3]), try Self.completed(item, results[4]))
    }

    /// What was true before is read beside the update, under the fence: `live_version` is still the old one there.
    private func flip(
        _ c: OperationContext, _ endpoint: Int64, _ generation: Int64
    ) -> (statement: Statement, parameters: [PostgresValue]) {
        (
            """
            with asked as (
                select rollback_to, stop_sessions from endpoint_history where endpoint = $1 and generation = $2 and kind = 'requested'
                order by id desc limit 1
            ), left_behind as (
                select live_version from runtime_endpoint where id = $1
            ), live as (
                update runtime_endpoint e set status = 'READY', failure_reason = null, generation = generation + 1,
                    updated_at = now(), live_version = (target -> 0 ->> 'version')::integer
                where id = $1 and generation = $2 and status = any($3)
                    and exists (select from agent_runtime r where r.id = e.runtime and r.status <> 'DELETING')
                returning *
            ), noted as (
                insert into endpoint_history (account, region, runtime, runtime_id, endpoint, endpoint_name, kind, generation,
                    from_version, to_version, rollback_to, actor, request_id)
                select r.account, r.region, l.runtime, r.runtime_id, l.id, l.name,
                    case when a.rollback_to is null then 'flipped' else 'rolled_back' end, l.generation, b.live_version,
                    l.live_version, a.rollback_to, $4, $5
                from live l join agent_runtime r on r.id = l.runtime cross join left_behind b left join asked a on true
            )
            select a.rollback_to, coalesce(a.stop_sessions, false) as stop_sessions, b.live_version as left_version
            from live l cross join left_behind b left join asked a on true
            """,
            [
                .int(endpoint), .int(generation), .statuses(EndpointMachine.table.sources(of: .flipped)),
                .text(c.principal.accessKeyID), .text(c.requestID),
            ]
        )
    }

    private func flipped(
        _ c: OperationContext, in tx: PostgresTransaction, _ endpoint: Int64, _ result: QueryResult
    ) async throws -> EndpointHistoryKind? {
        guard let row = result.first else { return nil }
        if try row.bool("stop_sessions"), let left = try row.numberOrNil("left_version") {
            // Under the fence: no session of that version can still appear.
            try await sessionRequestStop(c, in: tx, endpoint: endpoint, version: left)
        }
        return try row.numberOrNil("rollback_to") == nil ? .flipped : .rolledBack
    }
}
