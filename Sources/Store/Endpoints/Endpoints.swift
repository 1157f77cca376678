public import AgentCoreModel
public import Platform
public import PostgresClient

extension Store {
    /// An endpoint in status CREATING with its first history row. The runtime's row must be locked.
    public func endpointInsert(
        _ c: OperationContext, in tx: PostgresTransaction, runtime: RuntimeRecord, name: String, endpointID: String,
        target: Int, description: String? = nil, tags: [String: String] = [:]
    ) async throws -> EndpointRecord {
        let inserted = try await tx.query(
            """
            insert into runtime_endpoint (runtime, endpoint_id, name, target, status, description, tags)
            values ($1, $2, $3, jsonb_build_array(jsonb_build_object('version', $4, 'weight', 100)), 'CREATING', $5, $6)
            on conflict on constraint runtime_endpoint_name do nothing returning id
            """,
            [
                .int(runtime.id), .text(endpointID), .text(name), .int(target), .text(description), .json(try Self.tagText(tags)),
            ])
        guard let id = try inserted.first?.int("id") else {
            throw SignalboxError.conflict("Agent runtime endpoint with name '\(name)' already exists.")
        }
        try await historyAppend(c, in: tx, endpoint: id, kind: .created, to: target)
        return try await endpointExpect(c, in: tx, id: id)
    }

    public func endpointFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64, name: String
    ) async throws -> EndpointRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime, runtime_id, account, region, endpoint_id, name, live_version, target_version, status,
                failure_reason, description, generation, created_at, updated_at
            from endpoint_detail where runtime = $1 and name = $2
            """, [.int(runtime), .text(name)])
        return try decoding { try result.first.map(EndpointRecord.init) }
    }

    /// By row id.
    public func endpointFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, id: Int64
    ) async throws -> EndpointRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime, runtime_id, account, region, endpoint_id, name, live_version, target_version, status,
                failure_reason, description, generation, created_at, updated_at
            from endpoint_detail where id = $1
            """, [.int(id)])
        return try decoding { try result.first.map(EndpointRecord.init) }
    }

    /// Locked to the end of the transaction, sessions' starts included: see `endpointFence`.
    public func endpointFetchForUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, runtime: Int64, name: String
    ) async throws -> EndpointRecord? {
        let results = try await tx.queries(Self.lockedFetch(runtime: runtime, name: name))
        return try results.last?.first.map(EndpointRecord.init)
    }

    /// The same, with the status of one of the runtime's versions, nil when it does not exist, in one round trip.
    public func endpointFetchForUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, runtime: Int64, name: String, version: Int
    ) async throws -> (endpoint: EndpointRecord, version: AgentRuntimeStatus?)? {
        let (status, parameters) = Self.versionStatus(runtime: runtime, version: version)
        let results = try await tx.queries([(status, parameters)] + Self.lockedFetch(runtime: runtime, name: name))
        return try results.last?.first.map { (try EndpointRecord($0), try results[0].first?.status("status")) }
    }

    /// Each sees what the locks before it waited for. The runtime's row is locked, so the name means one endpoint throughout.
    private static func lockedFetch(runtime: Int64, name: String) -> [(statement: Statement, parameters: [PostgresValue])] {
        let parameters: [PostgresValue] = [.int(runtime), .text(name)]
        return [
            ("select pg_advisory_xact_lock(endpoint_lock_key(id)) from runtime_endpoint where runtime = $1 and name = $2", parameters),
            ("select from runtime_endpoint where runtime = $1 and name = $2 for no key update", parameters),
            (
                """
                select id, runtime, runtime_id, account, region, endpoint_id, name, live_version, target_version, status,
                    failure_reason, description, generation, created_at, updated_at
                from endpoint_detail where runtime = $1 and name = $2
                """, parameters
            ),
        ]
    }

    /// All endpoints of a runtime, for its reconciler.
    public func endpointListAll(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64
    ) async throws -> [EndpointRecord] {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime, runtime_id, account, region, endpoint_id, name, live_version, target_version, status,
                failure_reason, description, generation, created_at, updated_at
            from endpoint_detail where runtime = $1 order by id
            """, [.int(runtime)])
        return try decoding { try result.rows.map(EndpointRecord.init) }
    }

    /// A runtime's endpoints: DEFAULT first, then by name. An unknown runtime has none (contract §2).
    public func endpointList(
        _ c: OperationContext, runtimeID: String, page: PageRequest, filter: ListFilter = ListFilter()
    ) async throws -> Page<EndpointRecord> {
        let list = ["endpoints", c.account, c.region, runtimeID] + filter.canonical
        var after = (isNamed: false, name: "")
        if let token = page.nextToken {
            let cursor = try pageTokens.cursor(of: token, list: list, count: 1)
            after = (cursor[0] != EndpointRecord.defaultName, cursor[0])
        }
        let result = try await runList(
            c,
            """
            select id, runtime, runtime_id, account, region, endpoint_id, name, live_version, target_version, status,
                failure_reason, description, generation, created_at, updated_at
            from endpoint_detail
            where runtime_id = $1 and account = $2 and region = $3 and (name <> 'DEFAULT', name collate "C") > ($4, $5)
                and ($7::text is null or starts_with(name, $7)) and ($8::text[] is null or status = any($8))
                and ($9::jsonb is null or tags @> $9)
            order by name <> 'DEFAULT', name collate "C" limit $6
            """,
            [
                .text(runtimeID), .text(c.account), .text(c.region), .bool(after.isNamed), .text(after.name),
                .int(page.maxResults + 1),
            ] + Self.parameters(filter))
        return try decoding {
            let items = try result.rows.prefix(page.maxResults).map(EndpointRecord.init)
            guard result.rows.count > page.maxResults, let last = items.last else { return Page(items: items, nextToken: nil) }
            return Page(items: items, nextToken: pageTokens.make(cursor: [last.name], list: list))
        }
    }

    /// nil leaves the description as it is: an endpoint update is a patch (contract §7).
    public func endpointDescribe(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, description: String?
    ) async throws {
        try tx.queryLater(
            "update runtime_endpoint set description = coalesce($2, description), updated_at = now() where id = $1",
            [.int(endpoint), .text(description)])
    }

    func endpointExpect(_ c: OperationContext, in tx: PostgresTransaction, id: Int64) async throws -> EndpointRecord {
        guard let record = try await endpointFetch(c, in: tx, id: id) else {
            throw SignalboxError.internal("endpoint \(id) vanished inside its transaction")
        }
        return record
    }
}
