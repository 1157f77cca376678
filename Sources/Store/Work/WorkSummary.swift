public import Platform

/// Work of one kind, over all replicas.
public struct WorkSummary: Sendable, Equatable {
    public var kind: String
    public var count: Int
    /// Of `count`: those that somebody does now.
    public var held: Int
    /// Of `count`: those whose last attempt failed.
    public var failing: Int
    /// Since it was asked for, by the database's clock.
    public var oldestSeconds: Double
}

extension Store {
    /// Kinds that have work.
    public func workSummary(_ c: OperationContext) async throws -> [WorkSummary] {
        let result = try await runList(
            c,
            """
            select kind, count(*) as count, count(*) filter (where lease_until > clock_timestamp()) as held,
                count(*) filter (where last_error is not null) as failing,
                extract(epoch from clock_timestamp() - min(created_at))::double precision as oldest
            from work group by kind order by kind
            """, [])
        return try decoding {
            try result.rows.map { row in
                WorkSummary(
                    kind: try row.text("kind"), count: Int(try row.int("count")), held: Int(try row.int("held")),
                    failing: Int(try row.int("failing")), oldestSeconds: max(0, try row.double("oldest")))
            }
        }
    }
}
