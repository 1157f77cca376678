public import Platform
import PostgresClient

/// A piece of work as people see it. Durations are by the database's clock.
public struct WorkStatus: Sendable, Equatable {
    public var kind: String
    /// Row id of what it is about.
    public var subject: String
    public var runtimeID: String
    /// What of the runtime: a version's number or an endpoint's name; nil: all of it.
    public var part: String?
    /// Id of the replica that does it now.
    public var holder: String?
    public var attempts: Int
    /// Why the last attempt did not finish it.
    public var lastError: String?
    /// Since it was asked for.
    public var ageSeconds: Double
    /// Until the next attempt; below zero: overdue. nil while somebody does it.
    public var nextTrySeconds: Double?

    public init(
        kind: String, subject: String, runtimeID: String, part: String? = nil, holder: String? = nil, attempts: Int, lastError: String?,
        ageSeconds: Double, nextTrySeconds: Double?
    ) {
        self.kind = kind
        self.subject = subject
        self.runtimeID = runtimeID
        self.part = part
        self.holder = holder
        self.attempts = attempts
        self.lastError = lastError
        self.ageSeconds = ageSeconds
        self.nextTrySeconds = nextTrySeconds
    }
}

extension Store {
    /// The caller's account's, the oldest first.
    public func workList(_ c: OperationContext, limit: Int = 100) async throws -> [WorkStatus] {
        let result = try await runList(
            c,
            """
            select w.kind, w.subject, w.attempts, w.last_error, r.runtime_id, coalesce(v.version::text, e.name) as part,
                case when w.lease_until > clock_timestamp() then w.holder end as holder,
                extract(epoch from clock_timestamp() - w.created_at)::double precision as age,
                case when w.lease_until > clock_timestamp() then null
                    else extract(epoch from w.due_at - clock_timestamp())::double precision end as next_try
            from (select *, case when subject ~ '^[0-9]{1,18}$' then subject::bigint end as row from work) w
            left join agent_runtime_version v on v.id = w.row and w.kind in ('prepare-version', 'remove-version')
            left join runtime_endpoint e on e.id = w.row and w.kind in ('settle-endpoint', 'remove-endpoint')
            join agent_runtime r
                on r.id = coalesce(v.runtime, e.runtime, case when w.kind = 'remove-runtime' then w.row end)
            where r.account = $1 and r.region = $2
            order by w.created_at, w.id limit $3
            """, [.text(c.account), .text(c.region), .int(limit)])
        return try decoding {
            try result.rows.map { row in
                WorkStatus(
                    kind: try row.text("kind"), subject: try row.text("subject"), runtimeID: try row.text("runtime_id"),
                    part: try row.textOrNil("part"), holder: try row.textOrNil("holder"), attempts: try row.number("attempts"),
                    lastError: try row.textOrNil("last_error"), ageSeconds: max(0, try row.double("age")),
                    nextTrySeconds: try row.isNull("next_try") ? nil : row.double("next_try"))
            }
        }
    }

    /// Live sessions by the id of the replica that owns them.
    public func sessionCounts(_ c: OperationContext) async throws -> [String: Int] {
        let result = try await runList(c, "select replica, count(*) as count from session group by replica", [])
        return try decoding {
            Dictionary(
                try result.rows.map { (try $0.text("replica"), Int(try $0.int("count"))) }, uniquingKeysWith: { first, _ in first })
        }
    }
}
