public import AgentCoreModel
public import Platform
import PostgresClient

/// How an invocation names an endpoint.
public struct RouteKey: Hashable, Sendable {
    public var account: String
    public var region: String
    public var runtimeID: String
    public var endpointName: String

    public init(account: String, region: String, runtimeID: String, endpointName: String) {
        self.account = account
        self.region = region
        self.runtimeID = runtimeID
        self.endpointName = endpointName
    }
}

/// What the data plane must know of an endpoint to take an invocation.
public struct Route: Sendable, Equatable {
    /// Row ids. A re-created endpoint has a larger one.
    public var endpoint: Int64
    public var runtime: Int64
    public var key: RouteKey
    /// nil: not invokable yet.
    public var liveVersion: Int?
    /// Rises with every change of target, live version or status.
    public var generation: Int64
    /// id on the wire.
    public var endpointID: String
    /// Of the live version: header names that reach the agent.
    public var headerAllowlist: [String]
    /// The runtime's and the endpoint's.
    public var policies: ResourcePolicies
    /// Rises with every change of one of them, as `generation` does with other changes.
    public var policyRevision: Int64

    public init(
        endpoint: Int64, runtime: Int64, key: RouteKey, liveVersion: Int?, generation: Int64, endpointID: String,
        headerAllowlist: [String], policies: ResourcePolicies = ResourcePolicies(hasEndpoint: true), policyRevision: Int64 = 0
    ) {
        self.endpoint = endpoint
        self.runtime = runtime
        self.key = key
        self.liveVersion = liveVersion
        self.generation = generation
        self.endpointID = endpointID
        self.headerAllowlist = headerAllowlist
        self.policies = policies
        self.policyRevision = policyRevision
    }

    /// Whether this was read before `other`, a route of the same endpoint: numbers never fall.
    public func isOlder(than other: Route) -> Bool {
        generation < other.generation || policyRevision < other.policyRevision
    }
}

/// Which state of a route the database has. Two that are equal are of the same route.
public struct RouteState: Sendable, Equatable {
    public var endpoint: Int64
    public var generation: Int64
    public var policyRevision: Int64

    public init(endpoint: Int64, generation: Int64, policyRevision: Int64) {
        self.endpoint = endpoint
        self.generation = generation
        self.policyRevision = policyRevision
    }
}

extension Route {
    public var state: RouteState { RouteState(endpoint: endpoint, generation: generation, policyRevision: policyRevision) }
}

extension Store {
    /// The states of what `routeList` reads, at a fraction of its price: what is known already need not be read again.
    public func routeStates(_ c: OperationContext) async throws -> [RouteState] {
        let result = try await runList(
            c,
            """
            select array_agg(id) as ids, array_agg(generation) as generations, array_agg(policy_revision) as revisions
            from runtime_endpoint where status not in ('DELETING', 'DELETE_FAILED') having count(*) > 0
            """, [])
        return try decoding {
            guard let row = result.first else { return [] }
            let (generations, revisions) = (try row.intArray("generations"), try row.intArray("revisions"))
            return zip(try row.intArray("ids"), zip(generations, revisions)).map {
                RouteState(endpoint: $0, generation: $1.0, policyRevision: $1.1)
            }
        }
    }

    /// Every endpoint that exists and is not being deleted.
    public func routeList(_ c: OperationContext) async throws -> [Route] {
        let result = try await runList(
            c,
            """
            select e.id, e.runtime, e.account, e.region, e.runtime_id, e.name, e.live_version, e.generation, e.endpoint_id,
                v.configuration, e.policy, e.runtime_policy, e.policy_revision
            from endpoint_detail e
            left join agent_runtime_version v on v.runtime = e.runtime and v.version = e.live_version
            where e.status not in ('DELETING', 'DELETE_FAILED')
            """, [])
        return try decoding { try result.rows.map(route) }
    }

    /// Confirms a miss of the cache, on the pipelined lane. nil: no such endpoint, or being deleted.
    public func routeFetch(_ c: OperationContext, key: RouteKey) async throws -> Route? {
        let result = try await run(
            c,
            """
            select e.id, e.runtime, e.account, e.region, e.runtime_id, e.name, e.live_version, e.generation, e.endpoint_id,
                v.configuration, e.policy, e.runtime_policy, e.policy_revision
            from endpoint_detail e
            left join agent_runtime_version v on v.runtime = e.runtime and v.version = e.live_version
            where e.runtime_id = $1 and e.name = $2 and e.account = $3 and e.region = $4
                and e.status not in ('DELETING', 'DELETE_FAILED')
            """, [.text(key.runtimeID), .text(key.endpointName), .text(key.account), .text(key.region)])
        return try decoding { try result.first.map(route) }
    }

    /// After notifications: those of the endpoints that exist and are not being deleted.
    public func routeFetch(_ c: OperationContext, endpoints: [Int64]) async throws -> [Route] {
        let result = try await run(
            c,
            """
            select e.id, e.runtime, e.account, e.region, e.runtime_id, e.name, e.live_version, e.generation, e.endpoint_id,
                v.configuration, e.policy, e.runtime_policy, e.policy_revision
            from endpoint_detail e
            left join agent_runtime_version v on v.runtime = e.runtime and v.version = e.live_version
            where e.id = any($1) and e.status not in ('DELETING', 'DELETE_FAILED')
            """, [.intArray(endpoints)])
        return try decoding { try result.rows.map(route) }
    }

    private func route(_ row: Row) throws -> Route {
        let configuration = try row.bytesOrNil("configuration").map { try configurations.configuration($0) }
        return Route(
            endpoint: try row.int("id"), runtime: try row.int("runtime"),
            key: RouteKey(
                account: try row.text("account"), region: try row.text("region"), runtimeID: try row.text("runtime_id"),
                endpointName: try row.text("name")),
            liveVersion: try row.numberOrNil("live_version"), generation: try row.int("generation"),
            endpointID: try row.text("endpoint_id"),
            headerAllowlist: configuration?.requestHeaderConfiguration?.requestHeaderAllowlist ?? [],
            policies: ResourcePolicies(
                runtime: try row.textOrNil("runtime_policy").map { PolicyDocument(stored: $0) },
                endpoint: try row.textOrNil("policy").map { PolicyDocument(stored: $0) }, hasEndpoint: true),
            policyRevision: try row.int("policy_revision"))
    }
}
