public import AgentCoreModel
public import Platform
import Store

extension ControlPlane {
    public func getAgentRuntimeEndpoint(
        _ c: OperationContext, _ request: GetAgentRuntimeEndpointRequest
    ) async throws -> GetAgentRuntimeEndpointResponse {
        let runtime = try await runtime(
            c, request.agentRuntimeId, .getAgentRuntimeEndpoint, endpoint: request.endpointName)
        guard let endpoint = try await store.endpointFetch(c, runtime: runtime.id, name: request.endpointName) else {
            throw Self.noEndpoint(request.endpointName, request.agentRuntimeId)
        }
        return GetAgentRuntimeEndpointResponse(endpoint)
    }

    /// An unknown runtime has none (contract §2).
    public func listAgentRuntimeEndpoints(
        _ c: OperationContext, _ request: ListAgentRuntimeEndpointsRequest
    ) async throws -> ListAgentRuntimeEndpointsResponse {
        let guarded = try await store.runtimeFetchGuarded(c, runtimeID: request.agentRuntimeId)
        try Self.require(c, .listAgentRuntimeEndpoints, guarded)
        let page = try await store.endpointList(
            c, runtimeID: request.agentRuntimeId,
            page: PageRequest(maxResults: request.maxResults ?? 100, nextToken: request.nextToken), filter: request.filter)
        return ListAgentRuntimeEndpointsResponse(
            runtimeEndpoints: page.items.map { AgentRuntimeEndpoint($0) }, nextToken: page.nextToken)
    }
}
