public import AgentCoreModel
public import Platform
import Store

extension ControlPlane {
    public func getAgentRuntimeEndpoint(
        _ c: OperationContext, _ request: GetAgentRuntimeEndpointRequest
    ) async throws -> GetAgentRuntimeEndpointResponse {
        try await readAgentRuntimeEndpoint(c, request).response
    }

    /// The same, with what it was made of.
    public func readAgentRuntimeEndpoint(
        _ c: OperationContext, _ request: GetAgentRuntimeEndpointRequest
    ) async throws -> (response: GetAgentRuntimeEndpointResponse, source: AnswerSource?) {
        let found = try await store.endpointFetchGuarded(c, runtimeID: request.agentRuntimeId, name: request.endpointName)
        try Self.require(c, .getAgentRuntimeEndpoint, found?.guarded, endpoint: request.endpointName)
        guard let found else { throw Self.noRuntime(request.agentRuntimeId) }
        guard let endpoint = found.endpoint else { throw Self.noEndpoint(request.endpointName, request.agentRuntimeId) }
        let source = found.revision.map {
            AnswerSource(
                rows: RowsRead(runtime: found.guarded.runtime.id, part: .endpoint(endpoint.id)), revision: $0, guarded: found.guarded,
                endpoint: request.endpointName)
        }
        return (GetAgentRuntimeEndpointResponse(endpoint), source)
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
