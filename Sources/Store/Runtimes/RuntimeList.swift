public import AgentCoreModel
public import Platform
import PostgresClient

extension Store {
    /// The caller's runtimes, newest first.
    public func runtimeList(
        _ c: OperationContext, page: PageRequest, filter: ListFilter = ListFilter()
    ) async throws -> Page<RuntimeSummary> {
        let list = ["runtimes", c.account, c.region] + filter.canonical
        var after: (micros: Int64?, id: Int64) = (nil, .max)
        if let token = page.nextToken {
            let cursor = try pageTokens.cursor(of: token, list: list, count: 2)
            after = (Int64(cursor[0]), Int64(cursor[1]) ?? 0)
        }
        let position: [PostgresValue] = [
            .text(c.account), .text(c.region), .int(after.micros), .int(after.id), .int(page.maxResults + 1),
        ]
        let result =
            filter.isEmpty
            ? try await runList(
                c,
                """
                select r.id, r.runtime_id, r.account, r.region, r.name, r.status, r.failure_reason, r.last_version, r.created_at,
                    r.updated_at, (extract(epoch from r.created_at) * 1000000)::bigint as micros, v.configuration
                from agent_runtime r
                left join agent_runtime_version v on v.runtime = r.id and v.version = r.last_version
                where r.account = $1 and r.region = $2
                    and (r.created_at, r.id) < (coalesce(timestamptz 'epoch' + $3 * interval '1 microsecond', 'infinity'), $4)
                order by r.created_at desc, r.id desc limit $5
                """, position)
            // A statement of its own, so that the plain list keeps its plan.
            : try await runList(
                c,
                """
                select r.id, r.runtime_id, r.account, r.region, r.name, r.status, r.failure_reason, r.last_version, r.created_at,
                    r.updated_at, (extract(epoch from r.created_at) * 1000000)::bigint as micros, v.configuration
                from agent_runtime r
                left join agent_runtime_version v on v.runtime = r.id and v.version = r.last_version
                where r.account = $1 and r.region = $2
                    and (r.created_at, r.id) < (coalesce(timestamptz 'epoch' + $3 * interval '1 microsecond', 'infinity'), $4)
                    and ($6::text is null or starts_with(r.name, $6)) and ($7::text[] is null or r.status = any($7))
                    and ($8::jsonb is null or r.tags @> $8)
                order by r.created_at desc, r.id desc limit $5
                """, position + Self.parameters(filter))
        return try decoding {
            let items = try result.rows.prefix(page.maxResults).map { row in
                let configuration = try row.bytesOrNil("configuration").map(configurations.configuration)
                return RuntimeSummary(runtime: try RuntimeRecord(row), description: configuration?.description)
            }
            guard result.rows.count > page.maxResults else { return Page(items: items, nextToken: nil) }
            let last = result.rows[page.maxResults - 1]
            let cursor = ["\(try last.int("micros"))", "\(try last.int("id"))"]
            return Page(items: items, nextToken: pageTokens.make(cursor: cursor, list: list))
        }
    }

    /// Name prefix, statuses and tags, null for what may be anything.
    static func parameters(_ filter: ListFilter) throws -> [PostgresValue] {
        let status = filter.status ?? []
        let tags = filter.tags ?? [:]
        return [
            .text(filter.namePrefix), status.isEmpty ? .null : .statuses(status), tags.isEmpty ? .null : .json(try tagText(tags)),
        ]
    }
}
