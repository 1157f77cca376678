public import Lifecycle
public import Platform
public import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A row of endpoint_history: who moved what, from where to where, why.
public struct EndpointHistoryRecord: Sendable, Equatable {
    public var id: Int64
    public var runtimeID: String
    public var endpoint: Int64
    public var endpointName: String
    public var step: EndpointHistoryStep
    public var generation: Int64
    /// Access key id, or `signalbox`.
    public var actor: String
    public var requestID: String
    public var reason: String?
    public var at: Date
}

extension Store {
    /// Appends with the endpoint's present identity and generation.
    func historyAppend(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, kind: EndpointHistoryKind, from: Int? = nil,
        to: Int? = nil, rollbackTo: Int? = nil, stopSessions: Bool = false, reason: String? = nil
    ) async throws {
        try tx.queryLater(
            """
            insert into endpoint_history (account, region, runtime, runtime_id, endpoint, endpoint_name, kind, generation,
                from_version, to_version, rollback_to, stop_sessions, actor, request_id, reason)
            select e.account, e.region, e.runtime, e.runtime_id, e.id, e.name, $2, e.generation, $3, $4, $5, $6, $7, $8, $9
            from endpoint_detail e where e.id = $1
            """,
            [
                .int(endpoint), .text(kind.rawValue), .int(from), .int(to), .int(rollbackTo), .bool(stopSessions),
                .text(c.principal.accessKeyID), .text(c.requestID), .text(reason),
            ])
    }

    /// The whole history of an endpoint, oldest first.
    public func historyList(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, endpoint: Int64
    ) async throws -> [EndpointHistoryRecord] {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime_id, endpoint, endpoint_name, kind, generation, from_version, to_version, rollback_to, actor,
                request_id, reason, at
            from endpoint_history where endpoint = $1 order by id
            """, [.int(endpoint)])
        return try decoding { try result.rows.map(Self.historyRecord) }
    }

    /// What a rollback of this endpoint does now, by its history and by which versions still are READY.
    /// The endpoint must be locked by this transaction.
    public func endpointRollbackPlan(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: EndpointRecord
    ) async throws -> Result<RollbackPlan, RollbackPlan.Refusal> {
        let history = try await historyList(c, in: tx, endpoint: endpoint.id)
        let ready = try await tx.query(
            """
            select array_agg(version::bigint) as versions from version_detail where runtime = $1 and status = 'READY'
            having count(*) > 0
            """, [.int(endpoint.runtime)])
        let usable = Set(try ready.first?.intArray("versions").map(Int.init) ?? [])
        return RollbackPlan.make(
            endpointName: endpoint.name, status: endpoint.status, liveVersion: endpoint.liveVersion,
            history: history.map(\.step), usable: usable.contains)
    }

    private static func historyRecord(_ row: Row) throws -> EndpointHistoryRecord {
        let kind = try row.text("kind")
        guard let kind = EndpointHistoryKind(rawValue: kind) else { throw PostgresError(.decoding, "unknown kind '\(kind)'") }
        return EndpointHistoryRecord(
            id: try row.int("id"), runtimeID: try row.text("runtime_id"), endpoint: try row.int("endpoint"),
            endpointName: try row.text("endpoint_name"),
            step: EndpointHistoryStep(
                kind, from: try row.numberOrNil("from_version"), to: try row.numberOrNil("to_version"),
                rollbackTo: try row.numberOrNil("rollback_to")),
            generation: try row.int("generation"), actor: try row.text("actor"), requestID: try row.text("request_id"),
            reason: try row.textOrNil("reason"), at: try row.timestamp("at"))
    }
}
