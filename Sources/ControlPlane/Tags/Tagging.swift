public import AgentCoreModel
public import Platform
import Store

/// Tags of runtimes, endpoints and workload identities. They belong to the resource, whatever its
/// versions are, and go with it.
extension ControlPlane {
    public func tagResource(_ c: OperationContext, _ request: TagResourceRequest) async throws -> TagResourceResponse {
        try await change(c, "TagResource", token: nil, request: request) { tx in
            let owner = try await tagOwner(c, tx, request.resourceArn)
            guard try await store.tagsMerge(c, in: tx, owner, request.tags) else {
                throw Self.quota("tags of a resource", Store.maximumTags)
            }
            return TagResourceResponse()
        }
    }

    public func untagResource(_ c: OperationContext, _ request: UntagResourceRequest) async throws -> UntagResourceResponse {
        try await change(c, "UntagResource", token: nil, request: request) { tx in
            try await store.tagsRemove(c, in: tx, tagOwner(c, tx, request.resourceArn), keys: request.tagKeys)
            return UntagResourceResponse()
        }
    }

    public func listTagsForResource(
        _ c: OperationContext, _ request: ListTagsForResourceRequest
    ) async throws -> ListTagsForResourceResponse {
        let owner: TagOwner
        switch try Self.resource(c, request.resourceArn) {
        case .runtime(let arn): owner = .runtime(try await runtime(c, arn.runtimeID).id)
        case .endpoint(let arn):
            let runtime = try await runtime(c, arn.runtime.runtimeID)
            guard let endpoint = try await store.endpointFetch(c, runtime: runtime.id, name: arn.endpointName) else {
                throw Self.noResource(request.resourceArn)
            }
            owner = .endpoint(endpoint.id)
        case .workloadIdentity(let arn):
            guard let identity = try await store.workloadIdentityFetch(c, name: arn.name) else {
                throw Self.noResource(request.resourceArn)
            }
            owner = .workloadIdentity(identity.id)
        }
        return ListTagsForResourceResponse(tags: try await store.tagsFetch(c, owner))
    }

    /// Its runtime's row is locked, if it has one.
    private func tagOwner(_ c: OperationContext, _ tx: StoreTransaction, _ text: String) async throws -> TagOwner {
        switch try Self.resource(c, text) {
        case .runtime(let arn): return .runtime(try await lockRuntime(c, tx, arn.runtimeID).id)
        case .endpoint(let arn):
            let runtime = try await lockRuntime(c, tx, arn.runtime.runtimeID)
            guard let endpoint = try await store.endpointFetch(c, in: tx, runtime: runtime.id, name: arn.endpointName) else {
                throw Self.noResource(text)
            }
            return .endpoint(endpoint.id)
        case .workloadIdentity(let arn):
            guard let identity = try await store.workloadIdentityFetch(c, in: tx, name: arn.name) else {
                throw Self.noResource(text)
            }
            return .workloadIdentity(identity.id)
        }
    }

    /// What an ARN names. Another tenant's, another region's and another service's resources do not
    /// exist for the caller (docs/architecture.md, decision 8).
    static func resource(_ c: OperationContext, _ text: String) throws(SignalboxError) -> ResourceARN {
        do {
            let resource = try ResourceARN(parsing: text)
            guard resource.belongs(toRegion: c.region, account: c.account) else { throw noResource(text) }
            return resource
        } catch {
            throw noResource(text)
        }
    }

    static func noResource(_ arn: String) -> SignalboxError { .notFound("The resource '\(arn)' was not found.") }
}
