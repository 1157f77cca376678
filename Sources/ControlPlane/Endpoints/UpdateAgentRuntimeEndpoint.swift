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
            let endpoint = try await lockEndpoint(c, tx, runtime, request.endpointName)
            if case .failure(let illegal) = EndpointMachine.table.apply(.targetRequested, to: endpoint.status) {
                throw SignalboxError.conflict("\(illegal)")
            }
            if request.description != nil {
                try await store.endpointDescribe(c, in: tx, endpoint: endpoint.id, description: request.description)
            }
            if let version = request.agentRuntimeVersion {
                try await move(c, tx, runtime, endpoint, version)
            }
            guard let updated = try await store.endpointFetch(c, in: tx, id: endpoint.id) else {
                throw SignalboxError.internal("a locked endpoint vanished")
            }
            return Changed(UpdateAgentRuntimeEndpointResponse(updated), from: endpoint.audited, to: updated.audited)
        }
    }

    private func move(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, _ endpoint: EndpointRecord, _ version: String
    ) async throws {
        if endpoint.isDefault {
            // To follow the newest version is what it does anyway.
            guard version == String(runtime.lastVersion) else {
                throw SignalboxError.conflict("DEFAULT endpoint always tracks the latest version.")
            }
            return
        }
        let target = try await readyVersion(c, tx, runtime, version)
        try await store.endpointTarget(c, in: tx, endpoint: endpoint.id, version: target.version)
            .orIllegal(endpoint)
        try await enqueue(c, tx, .settleEndpoint, endpoint.id)
    }
}

extension EndpointRecord? {
    /// A transition that a locked, checked endpoint cannot refuse.
    func orIllegal(_ endpoint: EndpointRecord) throws(SignalboxError) {
        if self == nil { throw .internal("endpoint \(endpoint.id) changed its status \(endpoint.status) while it was locked") }
    }
}
