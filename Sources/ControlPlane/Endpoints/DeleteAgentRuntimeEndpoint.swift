public import AgentCoreModel
import Lifecycle
public import Platform
import Store

extension ControlPlane {
    /// The endpoint's sessions end, then it goes. DEFAULT goes with its runtime alone.
    public func deleteAgentRuntimeEndpoint(
        _ c: OperationContext, _ request: DeleteAgentRuntimeEndpointRequest
    ) async throws -> DeleteAgentRuntimeEndpointResponse {
        var unnamed = request
        unnamed.clientToken = nil
        return try await change(
            c, .deleteAgentRuntimeEndpoint, of: request.agentRuntimeId, endpoint: request.endpointName,
            token: request.clientToken, request: unnamed
        ) { tx, runtime in
            let endpoint = try await lockEndpoint(c, tx, runtime, request.endpointName)
            guard !endpoint.isDefault else {
                throw SignalboxError.conflict("The DEFAULT endpoint can't be deleted; it goes with its agent runtime.")
            }
            if case .failure(let illegal) = EndpointMachine.table.apply(.deleteRequested, to: endpoint.status) {
                throw SignalboxError.conflict("\(illegal)")
            }
            try await store.endpointMarkDeleting(c, in: tx, endpoint: endpoint.id).orIllegal(endpoint)
            try await enqueue(c, tx, .removeEndpoint, endpoint.id)
            return Changed(
                DeleteAgentRuntimeEndpointResponse(
                    status: .deleting, agentRuntimeId: runtime.runtimeID, endpointName: endpoint.name),
                from: endpoint.audited)
        }
    }
}
