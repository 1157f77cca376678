public import Platform
public import PostgresClient

/// The queue of the reconcilers: what is to be looked at, not how far it has come. Leases run by the
/// database's clock alone.
extension Store {
    /// Asks for work. One row for each (kind, subject): asking again only makes it due earlier, or,
    /// while it is being done, makes it be done again.
    public func workEnqueue(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, kind: String, subject: String, after: Duration = .zero
    ) async throws {
        try await runLater(
            c, in: executor,
            """
            insert into work (kind, subject, due_at) values ($1, $2, now() + $3 * interval '1 millisecond')
            on conflict on constraint work_subject do update
            set due_at = least(work.due_at, excluded.due_at), requested = work.requested + 1, attempts = 0
            """, [.text(kind), .text(subject), .milliseconds(after)])
    }

    /// Takes up to `limit` due pieces of work that nobody holds. Rivals never get the same one.
    ///
    /// - Parameter inHand: fencing tokens of what this holder is doing. What else is held in its name is taken, too: it was
    ///   claimed by a statement that was committed while its answer was lost, and nobody does it. nil: nothing is assumed.
    public func workClaim(
        _ c: OperationContext, kinds: [String], holder: String, lease: Duration, limit: Int = 1, inHand: [Int64]? = nil
    ) async throws -> [WorkItem] {
        let result = try await run(
            c,
            """
            with due as (
                -- Kind by kind, from the index: neither work of other kinds nor what is not due yet is looked at.
                select found.id from unnest($1::text[]) as wanted (kind), lateral (
                    select id, due_at from work
                    where kind = wanted.kind and due_at <= now() and (lease_until is null or lease_until <= now()
                        or (holder = $3 and $5::bigint[] is not null and fencing_token <> all($5::bigint[])))
                    order by due_at limit $2 for update skip locked
                ) as found order by found.due_at limit $2
            )
            -- Not joined, as in `completion`.
            update work w set holder = $3, lease_until = clock_timestamp() + $4 * interval '1 millisecond',
                fencing_token = nextval('work_fencing_token'), claimed = w.requested, attempts = w.attempts + 1
            where w.id = any (array(select id from due))
            returning w.id, w.kind, w.subject, w.holder, w.fencing_token, w.attempts, w.last_error
            """, [.textArray(kinds), .int(limit), .text(holder), .milliseconds(lease), inHand.map { .intArray($0) } ?? .null])
        return try decoding { try result.rows.map(WorkItem.init) }
    }

    /// Prolongs the lease. Throws `LeaseLost` when somebody else has claimed the work.
    public func workRenew(_ c: OperationContext, _ item: WorkItem, lease: Duration) async throws {
        let result = try await run(
            c,
            """
            update work set lease_until = clock_timestamp() + $3 * interval '1 millisecond' where id = $1 and fencing_token = $2
            """, [.int(item.id), .int(item.fencingToken), .milliseconds(lease)])
        if result.affectedRows == 0 { throw LeaseLost(kind: item.kind, subject: item.subject) }
    }

    /// In each transaction in which a holder writes, before it writes: throws `LeaseLost` when somebody
    /// else has claimed the work, and keeps anybody from claiming it before the commit.
    ///
    /// Lock order: the runtime's row comes first, as in the use cases, which enqueue with it locked.
    public func workFence(_ c: OperationContext, in tx: PostgresTransaction, _ item: WorkItem) async throws {
        try Self.requireLease(c, item, await tx.query(Self.fence, [.int(item.id), .int(item.fencingToken)]))
    }

    static let fence: Statement = "select from work where id = $1 and fencing_token = $2 for update"

    static func requireLease(_ c: OperationContext, _ item: WorkItem, _ found: QueryResult) throws {
        guard found.first == nil else { return }
        c.logger.notice(
            "a late write was refused: the work is somebody else's now",
            metadata: ["kind": "\(item.kind)", "subject": "\(item.subject)", "token": "\(item.fencingToken)"])
        throw LeaseLost(kind: item.kind, subject: item.subject)
    }

    /// Done: the row goes, or becomes due at once when the work was asked for again meanwhile.
    /// Throws `LeaseLost` when somebody else has claimed it. Returns the seconds since it was asked for first.
    @discardableResult
    public func workComplete(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, _ item: WorkItem
    ) async throws -> Double {
        let result = try await run(c, in: executor, Self.completion, [.int(item.id), .int(item.fencingToken)])
        return try decoding { try Self.completed(item, result) }
    }

    /// By id and fencing token.
    static let completion: Statement = """
        with mine as (
            select id, kind, requested = claimed as is_done, created_at from work where id = $1 and fencing_token = $2 for update
        ), removed as (
            -- By the key, not joined: such a plan, if made while the table was empty, would read all of it when it is not.
            delete from work where id = $1 and (select is_done from mine)
        ), repeated as (
            update work w set holder = null, lease_until = null, fencing_token = nextval('work_fencing_token'), attempts = 0,
                due_at = least(w.due_at, now())
            where id = $1 and not (select is_done from mine)
        )
        select is_done, case when is_done then null else pg_notify('signalbox_work', kind) end as notified,
            extract(epoch from clock_timestamp() - created_at)::double precision as seconds
        from mine
        """

    static func completed(_ item: WorkItem, _ result: QueryResult) throws -> Double {
        guard let row = result.first else { throw LeaseLost(kind: item.kind, subject: item.subject) }
        return try row.double("seconds")
    }

    /// Not done: due again after the back-off, at once when it was asked for again meanwhile.
    /// Throws `LeaseLost` when somebody else has claimed it.
    ///
    /// - Parameter counts: false: the attempt says nothing about the work and is forgotten.
    public func workFail(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, _ item: WorkItem, error: String, retryAfter: Duration,
        counts: Bool = true
    ) async throws {
        let result = try await run(
            c, in: executor,
            """
            update work set holder = null, lease_until = null, fencing_token = nextval('work_fencing_token'), last_error = $3,
                due_at = case when requested = claimed then now() + $4 * interval '1 millisecond' else least(due_at, now()) end,
                attempts = case when $5 then attempts else greatest(0, attempts - 1) end
            where id = $1 and fencing_token = $2
            """, [.int(item.id), .int(item.fencingToken), .text(error), .milliseconds(retryAfter), .bool(counts)])
        if result.affectedRows == 0 { throw LeaseLost(kind: item.kind, subject: item.subject) }
    }

    /// At start and at stop: what this holder held is free again, its late writes are refused, and the others are told.
    @discardableResult
    public func workReleaseAll(_ c: OperationContext, holder: String) async throws -> Int {
        let result = try await run(
            c,
            """
            with freed as (
                update work set holder = null, lease_until = null, fencing_token = nextval('work_fencing_token') where holder = $1
                returning kind
            )
            select count(*) as freed, pg_notify('signalbox_work', kind) from freed group by kind
            """, [.text(holder)])
        return try decoding { try result.rows.reduce(0) { try $0 + $1.number("freed") } }
    }

    /// How long until some work can be claimed, zero when one can be now; nil: there is none.
    public func workNextDue(_ c: OperationContext, kinds: [String]) async throws -> Duration? {
        let result = try await run(
            c,
            """
            select greatest(0, extract(epoch from soonest - clock_timestamp()))::double precision as seconds
            from (
                select least(
                    -- Lanes ask this whenever they run dry, however many rows wait.
                    (select min(first.due_at) from unnest($1::text[]) as wanted (kind), lateral (
                        select due_at from work where kind = wanted.kind and holder is null order by due_at limit 1) as first),
                    (select min(greatest(due_at, lease_until)) from work where kind = any($1) and holder is not null)
                ) as soonest
                offset 0  -- or it would be looked up twice
            ) as next where soonest is not null
            """, [.textArray(kinds)])
        return try decoding { try result.first.map { .milliseconds(Int64((try $0.double("seconds") * 1_000).rounded(.up))) } }
    }

    /// Rows of these kinds, held or waiting; for tests and status pages.
    public func workCount(_ c: OperationContext, kinds: [String]) async throws -> Int {
        try await count(run(c, "select count(*) from work where kind = any($1)", [.textArray(kinds)]))
    }
}
