public import AgentCoreModel
import Lifecycle
public import Platform
import Store

extension ControlPlane {
    /// Moves a pinned endpoint to a READY version, or changes its description; what is not given stays (contract §7).
    public func updateAgentRuntimeEndpoint(
        _ c: OperationContext, _ request: UpdateAgentRuntimeEndpointRequest
    ) async throws -> UpdateAgentRuntimeEndpointResponse {
        var unnamed = request
        unnamed.clientToken = nil
        return try await change(
            c, .updateAgentRuntimeEndpoint, of: request.agentRuntimeId, endpoint: request.endpointName,
            token: request.clientToken, request: unnamed
        ) { tx, runtime in
            let (endpoint, version) = try await lockEndpoint(c, tx, runtime, request)
            if case .failure(let illegal) = EndpointMachine.table.apply(.targetRequested, to: endpoint.status) {
                throw SignalboxError.conflict("\(illegal)")
            }
            if request.description != nil {
                try await store.endpointDescribe(c, in: tx, endpoint: endpoint.id, description: request.description)
            }
            var updated: EndpointRecord?
            if let version { updated = try await move(c, tx, runtime, endpoint, version.number, version.status) }
            if updated == nil { updated = try await store.endpointFetch(c, in: tx, id: endpoint.id) }
            guard let updated else { throw SignalboxError.internal("a locked endpoint vanished") }
            return Changed(UpdateAgentRuntimeEndpointResponse(updated), from: endpoint.audited, to: updated.audited)
        }
    }

    private func lockEndpoint(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, _ request: UpdateAgentRuntimeEndpointRequest
    ) async throws -> (EndpointRecord, version: (number: Int, status: AgentRuntimeStatus?)?) {
        guard let wanted = request.agentRuntimeVersion else {
            return (try await lockEndpoint(c, tx, runtime, request.endpointName), nil)
        }
        let number = try Self.number(wanted)
        let found = try await store.endpointFetchForUpdate(
            c, in: tx, runtime: runtime.id, name: request.endpointName, version: number)
        guard let found else { throw Self.noEndpoint(request.endpointName, runtime.runtimeID) }
        return (found.endpoint, (number, found.version))
    }

    /// nil: it stays where it is.
    private func move(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, _ endpoint: EndpointRecord, _ version: Int,
        _ status: AgentRuntimeStatus?
    ) async throws -> EndpointRecord? {
        if endpoint.isDefault {
            // To follow the newest version is what it does anyway.
            guard version == runtime.lastVersion else {
                throw SignalboxError.conflict("DEFAULT endpoint always tracks the latest version.")
            }
            return nil
        }
        try Self.requireReady(status, version, runtime)
        let moved = try await store.endpointTarget(c, in: tx, endpoint: endpoint.id, version: version)
        try moved.orIllegal(endpoint)
        try await enqueue(c, tx, .settleEndpoint, endpoint.id)
        return moved
    }
}

extension EndpointRecord? {
    /// A transition that a locked, checked endpoint cannot refuse.
    func orIllegal(_ endpoint: EndpointRecord) throws(SignalboxError) {
        if self == nil { throw .internal("endpoint \(endpoint.id) changed its status \(endpoint.status) while it was locked") }
    }
}
