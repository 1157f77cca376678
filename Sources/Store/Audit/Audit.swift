public import Platform
public import PostgresClient

/// The audit trail: added to, read, and pruned by age; the schema refuses everything else.
extension Store {
    /// Bytes of a user agent that are kept.
    private static let maximumUserAgent = 256

    /// Writes down a change, in the transaction that makes it. Who, from where and in which request
    /// come from the context.
    public func recordAudit(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, _ event: AuditEvent
    ) async throws {
        let isCaller = !c.account.isEmpty
        try await runLater(
            c, in: executor,
            """
            insert into audit (account, region, runtime_id, resource, operation, outcome, actor, actor_account, actor_role,
                source_address, user_agent, request_id, details)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """,
            [
                .text(event.owner?.account ?? c.account), .text(event.owner?.region ?? c.region), .text(event.runtimeID),
                .text(event.resource), .text(event.operation), .text(event.outcome.rawValue), .text(c.principal.accessKeyID),
                .text(isCaller ? c.account : nil), .text(isCaller ? c.principal.role.rawValue : nil), .text(c.sourceAddress),
                .text(c.userAgent.map { Self.printable($0) }), .text(c.requestID), .json(event.details.text),
            ])
    }

    private static func printable(_ text: String) -> String {
        String(decoding: text.utf8.prefix(maximumUserAgent).map { $0 < 0x20 || $0 > 0x7e ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    }

    /// The caller's account's and region's, and what belongs to no region, newest first.
    public func auditList(_ c: OperationContext, filter: AuditFilter, page: PageRequest) async throws -> Page<AuditRecord> {
        let list = [
            "audit", c.account, c.region, filter.runtimeID ?? "", filter.actor ?? "", filter.operation ?? "",
            filter.since?.description ?? "", filter.until?.description ?? "",
        ]
        // Text in PostgreSQL's own form: a Date would round the microseconds.
        var after = ["infinity", String(Int64.max)]
        if let token = page.nextToken { after = try pageTokens.cursor(of: token, list: list, count: 2) }
        let result = try await runList(
            c, Self.auditPage(filter),
            [
                .text(c.account), .text(c.region), .text(after[0]), .int(Int64(after[1])), .timestamp(filter.since?.date),
                .timestamp(filter.until?.date), .int(page.maxResults + 1), .text(filter.runtimeID), .text(filter.actor),
                .text(filter.operation),
            ])
        return try decoding {
            let items = try result.rows.prefix(page.maxResults).map(AuditRecord.init)
            guard result.rows.count > page.maxResults, let last = items.last else { return Page(items: items, nextToken: nil) }
            let cursor = [try result.rows[page.maxResults - 1].text("position"), String(last.id)]
            return Page(items: items, nextToken: pageTokens.make(cursor: cursor, list: list))
        }
    }

    /// One text for each index: a statement that fits all filters would fit no plan. And the region and what has none are
    /// looked up one by one: an index gives its rows in order for one of them, not for both.
    static func auditPage(_ filter: AuditFilter) -> Statement {
        if filter.runtimeID != nil {
            return """
                select event.*
                from (select $2::text as region union select '') as place
                cross join lateral (
                    select id, at, at::text as position, operation, outcome, resource, runtime_id, actor, actor_account, actor_role,
                        source_address, user_agent, request_id, details
                    from audit
                    where account = $1 and region = place.region and runtime_id = $8 and (at, id) < ($3::text::timestamptz, $4::bigint)
                        and at >= coalesce($5, '-infinity'::timestamptz) and at < coalesce($6, 'infinity'::timestamptz)
                        and ($9::text is null or actor = $9) and ($10::text is null or operation = $10)
                    order by at desc, id desc limit $7
                ) as event
                order by event.at desc, event.id desc limit $7
                """
        }
        if filter.actor != nil {
            return """
                select event.*
                from (select $2::text as region union select '') as place
                cross join lateral (
                    select id, at, at::text as position, operation, outcome, resource, runtime_id, actor, actor_account, actor_role,
                        source_address, user_agent, request_id, details
                    from audit
                    where account = $1 and region = place.region and actor = $9 and (at, id) < ($3::text::timestamptz, $4::bigint)
                        and at >= coalesce($5, '-infinity'::timestamptz) and at < coalesce($6, 'infinity'::timestamptz)
                        and $8::text is null and ($10::text is null or operation = $10)
                    order by at desc, id desc limit $7
                ) as event
                order by event.at desc, event.id desc limit $7
                """
        }
        if filter.operation != nil {
            return """
                select event.*
                from (select $2::text as region union select '') as place
                cross join lateral (
                    select id, at, at::text as position, operation, outcome, resource, runtime_id, actor, actor_account, actor_role,
                        source_address, user_agent, request_id, details
                    from audit
                    where account = $1 and region = place.region and operation = $10 and (at, id) < ($3::text::timestamptz, $4::bigint)
                        and at >= coalesce($5, '-infinity'::timestamptz) and at < coalesce($6, 'infinity'::timestamptz)
                        and $8::text is null and $9::text is null
                    order by at desc, id desc limit $7
                ) as event
                order by event.at desc, event.id desc limit $7
                """
        }
        return """
            select event.*
            from (select $2::text as region union select '') as place
            cross join lateral (
                select id, at, at::text as position, operation, outcome, resource, runtime_id, actor, actor_account, actor_role,
                    source_address, user_agent, request_id, details
                from audit
                where account = $1 and region = place.region and (at, id) < ($3::text::timestamptz, $4::bigint)
                    and at >= coalesce($5, '-infinity'::timestamptz) and at < coalesce($6, 'infinity'::timestamptz)
                    and $8::text is null and $9::text is null and $10::text is null
                order by at desc, id desc limit $7
            ) as event
            order by event.at desc, event.id desc limit $7
            """
    }

    /// Removes some of what is older than `keep`, a day at least; returns how many rows. Call again while it is `limit`.
    @discardableResult
    public func auditPrune(_ c: OperationContext, keep: Duration, limit: Int = 10_000) async throws -> Int {
        try await count(
            run(c, "select audit_prune($1 * interval '1 millisecond', $2) as count", [.milliseconds(keep), .int(limit)]))
    }
}
