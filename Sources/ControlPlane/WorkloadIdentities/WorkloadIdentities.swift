public import AgentCoreModel
public import Platform
import Store

/// Names that agents act under. Each runtime has one of its own, named after its id: it may be read,
/// updated and tagged like any other, but it comes and goes with the runtime alone.
extension ControlPlane {
    public func createWorkloadIdentity(
        _ c: OperationContext, _ request: CreateWorkloadIdentityRequest
    ) async throws -> CreateWorkloadIdentityResponse {
        try await change(c, "CreateWorkloadIdentity", request: request) { tx in
            let identity = try await store.workloadIdentityInsert(
                c, in: tx, name: request.name, returnURLs: request.allowedResourceOauth2ReturnUrls ?? [], tags: request.tags ?? [:])
            return CreateWorkloadIdentityResponse(
                name: identity.name, workloadIdentityArn: identity.arn.description,
                allowedResourceOauth2ReturnUrls: identity.returnURLs)
        }
    }

    public func getWorkloadIdentity(
        _ c: OperationContext, _ request: GetWorkloadIdentityRequest
    ) async throws -> GetWorkloadIdentityResponse {
        guard let identity = try await store.workloadIdentityFetch(c, name: request.name) else {
            throw Self.noWorkloadIdentity(request.name)
        }
        return GetWorkloadIdentityResponse(
            name: identity.name, workloadIdentityArn: identity.arn.description,
            allowedResourceOauth2ReturnUrls: identity.returnURLs, createdTime: EpochTimestamp(identity.createdAt),
            lastUpdatedTime: EpochTimestamp(identity.updatedAt))
    }

    public func updateWorkloadIdentity(
        _ c: OperationContext, _ request: UpdateWorkloadIdentityRequest
    ) async throws -> UpdateWorkloadIdentityResponse {
        try await change(c, "UpdateWorkloadIdentity", request: request) { tx in
            let updated = try await store.workloadIdentityUpdate(
                c, in: tx, name: request.name, returnURLs: request.allowedResourceOauth2ReturnUrls)
            guard let updated else { throw Self.noWorkloadIdentity(request.name) }
            return UpdateWorkloadIdentityResponse(
                name: updated.name, workloadIdentityArn: updated.arn.description,
                allowedResourceOauth2ReturnUrls: updated.returnURLs, createdTime: EpochTimestamp(updated.createdAt),
                lastUpdatedTime: EpochTimestamp(updated.updatedAt))
        }
    }

    public func deleteWorkloadIdentity(
        _ c: OperationContext, _ request: DeleteWorkloadIdentityRequest
    ) async throws -> DeleteWorkloadIdentityResponse {
        try await change(c, "DeleteWorkloadIdentity", request: request) { tx in
            if try await store.workloadIdentityDelete(c, in: tx, name: request.name) { return DeleteWorkloadIdentityResponse() }
            guard try await store.workloadIdentityFetch(c, in: tx, name: request.name) != nil else {
                throw Self.noWorkloadIdentity(request.name)
            }
            // ConflictException is not modelled here; its reason is.
            throw SignalboxError.validation(
                "Workload identity '\(request.name)' belongs to an agent runtime; it goes with the runtime.",
                reason: .resourceConflict)
        }
    }

    public func listWorkloadIdentities(
        _ c: OperationContext, _ request: ListWorkloadIdentitiesRequest
    ) async throws -> ListWorkloadIdentitiesResponse {
        let page = try await store.workloadIdentityList(
            c, page: PageRequest(maxResults: request.maxResults ?? 20, nextToken: request.nextToken))
        return ListWorkloadIdentitiesResponse(
            workloadIdentities: page.items.map { WorkloadIdentityItem(name: $0.name, workloadIdentityArn: $0.arn.description) },
            nextToken: page.nextToken)
    }

    private static func noWorkloadIdentity(_ name: String) -> SignalboxError {
        .notFound("Workload identity '\(name)' was not found.")
    }
}

extension WorkloadIdentityRecord {
    fileprivate var arn: WorkloadIdentityARN { WorkloadIdentityARN(region: region, account: account, name: name) }
}
