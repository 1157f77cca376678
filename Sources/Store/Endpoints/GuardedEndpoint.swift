import AgentCoreModel
public import Platform
import PostgresClient

extension Store {
    /// The caller's runtime with one of its endpoints, in one statement: what waits for READY polls for.
    /// nil: there is no such runtime; without an endpoint: it has none of that name.
    public func endpointFetchGuarded(
        _ c: OperationContext, runtimeID: String, name: String
    ) async throws -> (guarded: GuardedRuntime, endpoint: EndpointRecord?, revision: RowsRevision?)? {
        let result = try await run(
            c,
            """
            select r.id as runtime, r.status as runtime_status, r.failure_reason as runtime_failure_reason, r.last_version,
                r.created_at as runtime_created_at, r.updated_at as runtime_updated_at, r.policy, r.name as runtime_name,
                r.runtime_id, r.account, r.region, e.policy as endpoint_policy,
                e.id, e.endpoint_id, e.name, e.live_version, (e.target -> 0 ->> 'version')::integer as target_version, e.status,
                e.failure_reason, e.description, e.generation, e.created_at, e.updated_at,
                pg_postmaster_start_time() as server_start, r.xmin as runtime_xmin, e.xmin as part_xmin
            from agent_runtime r left join runtime_endpoint e on e.runtime = r.id and e.name = $4
            where r.runtime_id = $1 and r.account = $2 and r.region = $3
            """, [.text(runtimeID), .text(c.account), .text(c.region), .text(name)])
        return try decoding {
            guard let row = result.first else { return nil }
            let runtime = RuntimeRecord(
                id: try row.int("runtime"), runtimeID: try row.text("runtime_id"), account: try row.text("account"),
                region: try row.text("region"), name: try row.text("runtime_name"), status: try row.status("runtime_status"),
                failureReason: try row.textOrNil("runtime_failure_reason"), lastVersion: try row.number("last_version"),
                createdAt: try row.timestamp("runtime_created_at"), updatedAt: try row.timestamp("runtime_updated_at"))
            let policies = ResourcePolicies(
                runtime: try row.textOrNil("policy").map { PolicyDocument(stored: $0) },
                endpoint: try row.textOrNil("endpoint_policy").map { PolicyDocument(stored: $0) }, hasEndpoint: true)
            return (
                GuardedRuntime(runtime: runtime, policies: policies), try row.isNull("id") ? nil : try EndpointRecord(row),
                try RowsRevision(row)
            )
        }
    }
}
