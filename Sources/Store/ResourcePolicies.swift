public import AgentCoreModel
public import Platform
public import PostgresClient

/// A runtime with the policies that a request about it, or about one of its endpoints, meets.
public struct GuardedRuntime: Sendable, Equatable {
    public var runtime: RuntimeRecord
    public var policies: ResourcePolicies

    init(runtime: RuntimeRecord, policies: ResourcePolicies) {
        self.runtime = runtime
        self.policies = policies
    }

    init(_ row: Row, hasEndpoint: Bool) throws {
        runtime = try RuntimeRecord(row)
        policies = ResourcePolicies(
            runtime: try row.textOrNil("policy").map { PolicyDocument(stored: $0) },
            endpoint: try row.textOrNil("endpoint_policy").map { PolicyDocument(stored: $0) }, hasEndpoint: hasEndpoint)
    }
}

/// What carries a policy, by row id.
public enum PolicyOwner: Sendable, Equatable {
    case runtime(Int64)
    case endpoint(Int64)
}

extension Store {
    /// The caller's runtime; nil for another tenant's. An endpoint that does not exist has no policy.
    public func runtimeFetchGuarded(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtimeID: String, endpoint: String? = nil
    ) async throws -> GuardedRuntime? {
        let result = try await run(
            c, in: executor,
            """
            select r.id, r.runtime_id, r.account, r.region, r.name, r.status, r.failure_reason, r.last_version, r.created_at,
                r.updated_at, r.policy, e.policy as endpoint_policy
            from agent_runtime r left join runtime_endpoint e on e.runtime = r.id and e.name = $4
            where r.runtime_id = $1 and r.account = $2 and r.region = $3
            """, [.text(runtimeID), .text(c.account), .text(c.region), .text(endpoint)])
        return try decoding { try result.first.map { try GuardedRuntime($0, hasEndpoint: endpoint != nil) } }
    }

    /// The caller's runtime with one of its versions, the newest when `version` is nil. In one statement:
    /// what reads poll for. nil: there is no such runtime; without a version: no such version.
    public func runtimeFetchGuarded(
        _ c: OperationContext, runtimeID: String, version: Int?
    ) async throws -> (guarded: GuardedRuntime, version: VersionRecord?, revision: RowsRevision?)? {
        let result = try await run(
            c,
            """
            select r.id as runtime_key, r.status as runtime_status, r.failure_reason as runtime_failure_reason, r.last_version,
                r.created_at as runtime_created_at, r.updated_at as runtime_updated_at, r.policy,
                v.id, r.id as runtime, r.runtime_id, r.account, r.region, r.name as runtime_name, v.version, v.configuration,
                v.environment_ciphertext, v.environment_key_id, v.artifact, encode(a.sha256, 'hex') as artifact_sha256,
                a.size as artifact_size, s.status, s.failure_reason, s.preparation, s.prepared_at, v.created_at, s.updated_at,
                i.image_id, i.source as image_source,
                pg_postmaster_start_time() as server_start, r.xmin as runtime_xmin, s.xmin as part_xmin
            from agent_runtime r
            left join agent_runtime_version v on v.runtime = r.id and v.version = coalesce($4::bigint::integer, r.last_version)
            left join version_status s on s.version = v.id
            left join artifact a on a.id = v.artifact
            left join version_image i on i.version = v.id
            where r.runtime_id = $1 and r.account = $2 and r.region = $3
            """, [.text(runtimeID), .text(c.account), .text(c.region), .int(version)])
        return try decoding {
            guard let row = result.first else { return nil }
            let runtime = RuntimeRecord(
                id: try row.int("runtime_key"), runtimeID: try row.text("runtime_id"), account: try row.text("account"),
                region: try row.text("region"), name: try row.text("runtime_name"), status: try row.status("runtime_status"),
                failureReason: try row.textOrNil("runtime_failure_reason"), lastVersion: try row.number("last_version"),
                createdAt: try row.timestamp("runtime_created_at"), updatedAt: try row.timestamp("runtime_updated_at"))
            let policies = ResourcePolicies(
                runtime: try row.textOrNil("policy").map { PolicyDocument(stored: $0) }, endpoint: nil, hasEndpoint: false)
            return (
                GuardedRuntime(runtime: runtime, policies: policies), try row.isNull("id") ? nil : try versionRecord(row),
                try RowsRevision(row)
            )
        }
    }

    /// The same, with the runtime's row locked: see `runtimeFetchForUpdate`. Changes of policies take
    /// that lock, too; one that commits while this waits for it may or may not be seen.
    public func runtimeFetchGuardedForUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, runtimeID: String, endpoint: String? = nil
    ) async throws -> GuardedRuntime? {
        let (statement, parameters) = lockGuarded(c, runtimeID, endpoint)
        return try await tx.query(statement, parameters).first.map { try GuardedRuntime($0, hasEndpoint: endpoint != nil) }
    }

    /// The same, and the first use or replay of a client token (`idempotencyBegin`), in one round trip. A caller who turns out
    /// to have no right to the runtime must end the transaction: that forgets the token, too.
    public func runtimeFetchGuardedForUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, runtimeID: String, endpoint: String?, _ key: IdempotencyKey,
        requestSHA256: [UInt8]
    ) async throws -> (runtime: GuardedRuntime?, isTokenNew: Bool) {
        let results = try await tx.queries([lockGuarded(c, runtimeID, endpoint), insertion(c, key, requestSHA256)])
        return (
            try results[0].first.map { try GuardedRuntime($0, hasEndpoint: endpoint != nil) }, results[1].affectedRows > 0
        )
    }

    private func lockGuarded(
        _ c: OperationContext, _ runtimeID: String, _ endpoint: String?
    ) -> (statement: Statement, parameters: [PostgresValue]) {
        (
            """
            select r.id, r.runtime_id, r.account, r.region, r.name, r.status, r.failure_reason, r.last_version, r.created_at,
                r.updated_at, r.policy, e.policy as endpoint_policy
            from agent_runtime r left join runtime_endpoint e on e.runtime = r.id and e.name = $4
            where r.runtime_id = $1 and r.account = $2 and r.region = $3 for no key update of r
            """, [.text(runtimeID), .text(c.account), .text(c.region), .text(endpoint)]
        )
    }

    /// Replaces the policy; nil removes it. Triggers tell every replica's routes. The runtime's row must
    /// be locked by this transaction.
    public func policySet(_ c: OperationContext, in tx: PostgresTransaction, _ owner: PolicyOwner, _ policy: String?) async throws {
        switch owner {
        case .runtime(let id):
            _ = try await tx.query("update agent_runtime set policy = $2 where id = $1", [.int(id), .text(policy)])
        case .endpoint(let id):
            _ = try await tx.query("update runtime_endpoint set policy = $2 where id = $1", [.int(id), .text(policy)])
        }
    }

    /// As it was put; nil: there is none.
    public func policyFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, _ owner: PolicyOwner
    ) async throws -> String? {
        let result: QueryResult
        switch owner {
        case .runtime(let id): result = try await run(c, in: executor, "select policy from agent_runtime where id = $1", [.int(id)])
        case .endpoint(let id):
            result = try await run(c, in: executor, "select policy from runtime_endpoint where id = $1", [.int(id)])
        }
        return try decoding { try result.first?.textOrNil("policy") }
    }
}
