public import AgentCoreModel
public import Platform
import Store

/// Policies of runtimes and endpoints (docs/adr/0005-resource-policies.md).
extension ControlPlane {
    /// What is not understood is refused here, so that it need not be ignored later.
    public func putResourcePolicy(
        _ c: OperationContext, _ request: PutResourcePolicyRequest
    ) async throws -> PutResourcePolicyResponse {
        let resource = try Self.policyResource(c, request.resourceArn)
        _ = try PolicyDocument(parsing: request.policy, for: resource.arn)
        return try await change(
            c, .putResourcePolicy, of: resource.runtimeID, endpoint: resource.endpoint, request: request
        ) { tx, runtime in
            let owner = try await policyOwner(c, tx, runtime, resource)
            let former = try await store.policyFetch(c, in: tx, owner)
            try await store.policySet(c, in: tx, owner, request.policy)
            return Changed(
                PutResourcePolicyResponse(policy: request.policy), from: Self.audited(former), to: Self.audited(request.policy))
        }
    }

    /// Without one: as if the resource were not there (contract §15).
    public func getResourcePolicy(
        _ c: OperationContext, _ request: GetResourcePolicyRequest
    ) async throws -> GetResourcePolicyResponse {
        let resource = try Self.policyResource(c, request.resourceArn)
        let runtime = try await runtime(c, resource.runtimeID, .getResourcePolicy, endpoint: resource.endpoint)
        guard let policy = try await store.policyFetch(c, policyOwner(c, nil, runtime, resource)) else {
            throw SignalboxError.notFound("The resource '\(request.resourceArn)' has no policy.")
        }
        return GetResourcePolicyResponse(policy: policy)
    }

    /// That there is none any more is all that is asked for.
    public func deleteResourcePolicy(
        _ c: OperationContext, _ request: DeleteResourcePolicyRequest
    ) async throws -> DeleteResourcePolicyResponse {
        let resource = try Self.policyResource(c, request.resourceArn)
        return try await change(
            c, .deleteResourcePolicy, of: resource.runtimeID, endpoint: resource.endpoint, request: request
        ) { tx, runtime in
            let owner = try await policyOwner(c, tx, runtime, resource)
            let former = try await store.policyFetch(c, in: tx, owner)
            try await store.policySet(c, in: tx, owner, nil)
            return Changed(DeleteResourcePolicyResponse(), from: Self.audited(former))
        }
    }

    /// Whether a policy lets the caller do what its role does not.
    ///
    /// - Parameter arn: of a runtime or an endpoint, where the request has no `runtimeID`.
    public func isShared(
        _ c: OperationContext, _ action: PolicyAction, runtimeID: String?, endpoint: String?, arn: String?
    ) async throws -> Bool {
        var (runtimeID, endpoint) = (runtimeID, endpoint)
        if let arn, let resource = try? Self.policyResource(c, arn) { (runtimeID, endpoint) = (resource.runtimeID, resource.endpoint) }
        guard let runtimeID, let guarded = try await store.runtimeFetchGuarded(c, runtimeID: runtimeID, endpoint: endpoint) else {
            return false
        }
        do {
            try Self.require(c, action, guarded, endpoint: endpoint)
            return true
        } catch {
            return false
        }
    }

    /// Whole: who may do what is what a trail is asked about most. Its length is bounded where it is put.
    private static func audited(_ policy: String?) -> JSONValue? { policy.map { ["policy": .string($0)] } }

    private struct PolicyResource: Sendable {
        var arn: ResourceARN
        var runtimeID: String
        var endpoint: String?
    }

    private static func policyResource(_ c: OperationContext, _ text: String) throws(SignalboxError) -> PolicyResource {
        let arn = try resource(c, text)
        switch arn {
        case .runtime(let runtime): return PolicyResource(arn: arn, runtimeID: runtime.runtimeID)
        case .endpoint(let endpoint):
            return PolicyResource(arn: arn, runtimeID: endpoint.runtime.runtimeID, endpoint: endpoint.endpointName)
        case .workloadIdentity: throw noResource(text)
        }
    }

    private func policyOwner(
        _ c: OperationContext, _ tx: StoreTransaction?, _ runtime: RuntimeRecord, _ resource: PolicyResource
    ) async throws -> PolicyOwner {
        guard let name = resource.endpoint else { return .runtime(runtime.id) }
        guard let endpoint = try await store.endpointFetch(c, in: tx, runtime: runtime.id, name: name) else {
            throw Self.noResource(resource.arn.description)
        }
        return .endpoint(endpoint.id)
    }
}
