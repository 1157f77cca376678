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
            let response = CreateWorkloadIdentityResponse(
                name: identity.name, workloadIdentityArn: identity.arn.description,
                allowedResourceOauth2ReturnUrls: identity.returnURLs)
            return Changed(response, resource: identity.arn.description, to: identity.audited)
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
            let former = try await store.workloadIdentityFetch(c, in: tx, name: request.name)
            let updated = try await store.workloadIdentityUpdate(
                c, in: tx, name: request.name, returnURLs: request.allowedResourceOauth2ReturnUrls)
            guard let updated else { throw Self.noWorkloadIdentity(request.name) }
            let response = UpdateWorkloadIdentityResponse(
                name: updated.name, workloadIdentityArn: updated.arn.description,
                allowedResourceOauth2ReturnUrls: updated.returnURLs, createdTime: EpochTimestamp(updated.createdAt),
                lastUpdatedTime: EpochTimestamp(updated.updatedAt))
            return Changed(response, resource: updated.arn.description, from: former?.audited, to: updated.audited)
        }
    }

    public func deleteWorkloadIdentity(
        _ c: OperationContext, _ request: DeleteWorkloadIdentityRequest
    ) async throws -> DeleteWorkloadIdentityResponse {
        try await change(c, "DeleteWorkloadIdentity", request: request) { tx in
            guard let former = try await store.workloadIdentityFetch(c, in: tx, name: request.name) else {
                throw Self.noWorkloadIdentity(request.name)
            }
            if try await store.workloadIdentityDelete(c, in: tx, name: request.name) {
                return Changed(DeleteWorkloadIdentityResponse(), resource: former.arn.description, from: former.audited)
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
    fileprivate var audited: JSONValue { ["allowedResourceOauth2ReturnUrls": .array(returnURLs.map { .string($0) })] }
}
