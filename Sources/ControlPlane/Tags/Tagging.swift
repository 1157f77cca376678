import Access
public import AgentCoreModel
public import Platform
import Store

/// Tags of runtimes, endpoints and workload identities. They belong to the resource, whatever its
/// versions are, and go with it.
extension ControlPlane {
    public func tagResource(_ c: OperationContext, _ request: TagResourceRequest) async throws -> TagResourceResponse {
        try await changeTags(c, .tagResource, request.resourceArn, request) { tx, owner in
            guard try await store.tagsMerge(c, in: tx, owner, request.tags) else {
                throw Self.quota("tags of a resource", Store.maximumTags)
            }
            return TagResourceResponse()
        }
    }

    public func untagResource(_ c: OperationContext, _ request: UntagResourceRequest) async throws -> UntagResourceResponse {
        try await changeTags(c, .untagResource, request.resourceArn, request) { tx, owner in
            try await store.tagsRemove(c, in: tx, owner, keys: request.tagKeys)
            return UntagResourceResponse()
        }
    }

    public func listTagsForResource(
        _ c: OperationContext, _ request: ListTagsForResourceRequest
    ) async throws -> ListTagsForResourceResponse {
        let owner: TagOwner
        switch try Self.resource(c, request.resourceArn) {
        case .runtime(let arn): owner = .runtime(try await runtime(c, arn.runtimeID, .listTagsForResource).id)
        case .endpoint(let arn):
            let runtime = try await runtime(c, arn.runtime.runtimeID, .listTagsForResource, endpoint: arn.endpointName)
            owner = try await endpointOwner(c, nil, runtime, arn)
        case .workloadIdentity(let arn):
            try c.principal.require(PolicyAction.listTagsForResource.permission, for: PolicyAction.listTagsForResource.qualifiedName)
            owner = try await identityOwner(c, nil, arn)
        }
        return ListTagsForResourceResponse(tags: try await store.tagsFetch(c, owner))
    }

    private func changeTags<Request: Encodable & Sendable, Response: Codable & Sendable>(
        _ c: OperationContext, _ action: PolicyAction, _ text: String, _ request: Request,
        _ body: @escaping @Sendable (StoreTransaction, TagOwner) async throws -> Response
    ) async throws -> Response {
        let audited = { @Sendable (tx: StoreTransaction, owner: TagOwner, resource: String?) async throws -> Changed<Response> in
            let former = try await store.tagsFetch(c, in: tx, owner)
            let response = try await body(tx, owner)
            let present = try await store.tagsFetch(c, in: tx, owner)
            return Changed(response, resource: resource, from: Self.audited(former), to: Self.audited(present))
        }
        switch try Self.resource(c, text) {
        case .runtime(let arn):
            return try await change(c, action, of: arn.runtimeID, request: request) { tx, runtime in
                try await audited(tx, .runtime(runtime.id), nil)
            }
        case .endpoint(let arn):
            return try await change(c, action, of: arn.runtime.runtimeID, endpoint: arn.endpointName, request: request) { tx, runtime in
                try await audited(tx, endpointOwner(c, tx, runtime, arn), nil)
            }
        case .workloadIdentity(let arn):
            try c.principal.require(action.permission, for: action.qualifiedName)
            return try await change(c, action.rawValue, request: request) { tx in
                try await audited(tx, identityOwner(c, tx, arn), text)
            }
        }
    }

    private static func audited(_ tags: [String: String]) -> JSONValue { ["tags": .object(tags.mapValues { .string($0) })] }

    private func endpointOwner(
        _ c: OperationContext, _ tx: StoreTransaction?, _ runtime: RuntimeRecord, _ arn: EndpointARN
    ) async throws -> TagOwner {
        guard let endpoint = try await store.endpointFetch(c, in: tx, runtime: runtime.id, name: arn.endpointName) else {
            throw Self.noResource(arn.description)
        }
        return .endpoint(endpoint.id)
    }

    private func identityOwner(_ c: OperationContext, _ tx: StoreTransaction?, _ arn: WorkloadIdentityARN) async throws -> TagOwner {
        guard let identity = try await store.workloadIdentityFetch(c, in: tx, name: arn.name) else {
            throw Self.noResource(arn.description)
        }
        return .workloadIdentity(identity.id)
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
