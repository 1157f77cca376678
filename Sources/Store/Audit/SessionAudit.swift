public import AgentCoreModel
public import Platform
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// One incarnation of a session: which version served it, where, and from when to when.
public struct SessionIncarnation: Sendable, Equatable {
    public var runtimeID: String
    public var endpointName: String
    public var sessionID: String
    public var version: Int
    /// Id of the replica that owned it.
    public var replica: String
    public var sandboxID: String
    public var startedAt: Date
    public var lastActiveAt: Date
    /// nil while it lives.
    public var endedAt: Date?
    /// A `SessionEnd` code; nil while it lives.
    public var reason: String?
}

extension Store {
    /// The newest hundred incarnations of a session of the caller's account, living ones included.
    ///
    /// - Parameters:
    ///   - runtimeID: of this runtime alone.
    ///   - at: those that lived at this time.
    public func sessionIncarnations(
        _ c: OperationContext, sessionID: String, runtimeID: String? = nil, at: WireTimestamp? = nil
    ) async throws -> [SessionIncarnation] {
        // Live sessions are few: they are bounded per host, and no index is worth its writes.
        let result = try await runList(
            c,
            """
            select runtime_id, endpoint_name, session_id, version_number, replica, sandbox_id, started_at, last_active_at, ended_at, reason
            from (
                select e.runtime_id, e.name as endpoint_name, s.session_id, s.version_number, s.replica, s.sandbox_id, s.started_at,
                    s.last_active_at, null::timestamptz as ended_at, null::text as reason
                from session s join endpoint_detail e on e.id = s.endpoint
                where s.session_id = $3 and e.account = $1 and e.region = $2
                union all
                select runtime_id, endpoint_name, session_id, version_number, replica, sandbox_id, started_at, last_active_at, ended_at,
                    reason
                from session_history where account = $1 and region = $2 and session_id = $3
            ) as incarnation
            where ($4::text is null or runtime_id = $4)
                and ($5::timestamptz is null or (started_at <= $5 and coalesce(ended_at, 'infinity') >= $5))
            order by started_at desc, sandbox_id limit 100
            """, [.text(c.account), .text(c.region), .text(sessionID), .text(runtimeID), .timestamp(at?.date)])
        return try decoding {
            try result.rows.map { row in
                SessionIncarnation(
                    runtimeID: try row.text("runtime_id"), endpointName: try row.text("endpoint_name"),
                    sessionID: try row.text("session_id"), version: try row.number("version_number"), replica: try row.text("replica"),
                    sandboxID: try row.text("sandbox_id"), startedAt: try row.timestamp("started_at"),
                    lastActiveAt: try row.timestamp("last_active_at"), endedAt: try row.timestampOrNil("ended_at"),
                    reason: try row.textOrNil("reason"))
            }
        }
    }
}
