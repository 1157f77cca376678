public import AgentCoreModel
public import Platform
public import PostgresClient

/// A runtime with the policies that a request about it, or about one of its endpoints, meets.
public struct GuardedRuntime: Sendable, Equatable {
    public var runtime: RuntimeRecord
    public var policies: ResourcePolicies

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

    /// The same, with the runtime's row locked: see `runtimeFetchForUpdate`. Changes of policies take
    /// that lock, too; one that commits while this waits for it may or may not be seen.
    public func runtimeFetchGuardedForUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, runtimeID: String, endpoint: String? = nil
    ) async throws -> GuardedRuntime? {
        let result = try await tx.query(
            """
            select r.id, r.runtime_id, r.account, r.region, r.name, r.status, r.failure_reason, r.last_version, r.created_at,
                r.updated_at, r.policy, e.policy as endpoint_policy
            from agent_runtime r left join runtime_endpoint e on e.runtime = r.id and e.name = $4
            where r.runtime_id = $1 and r.account = $2 and r.region = $3 for no key update of r
            """, [.text(runtimeID), .text(c.account), .text(c.region), .text(endpoint)])
        return try result.first.map { try GuardedRuntime($0, hasEndpoint: endpoint != nil) }
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
