public import AgentCoreModel
public import Platform
import Store

extension ControlPlane {
    /// An endpoint pinned to a READY version: the one named, or the newest (docs/architecture.md, decision 5).
    public func createAgentRuntimeEndpoint(
        _ c: OperationContext, _ request: CreateAgentRuntimeEndpointRequest
    ) async throws -> CreateAgentRuntimeEndpointResponse {
        var unnamed = request
        unnamed.clientToken = nil
        return try await change(
            c, .createAgentRuntimeEndpoint, of: request.agentRuntimeId, token: request.clientToken, request: unnamed
        ) { tx, runtime in
            guard try await store.endpointCount(c, in: tx, runtime: runtime.id) < quotas.endpoints else {
                throw Self.quota("endpoints of an agent runtime", quotas.endpoints)
            }
            guard runtime.status != .deleting, runtime.status != .deleteFailed else {
                throw SignalboxError.conflict("Agent runtime '\(runtime.runtimeID)' is in status \(runtime.status.rawValue).")
            }
            let version = try await readyVersion(c, tx, runtime, request.agentRuntimeVersion)
            let endpoint = try await store.endpointInsert(
                c, in: tx, runtime: runtime, name: request.name, endpointID: WireID.make(name: request.name),
                target: version, description: request.description, tags: request.tags ?? [:])
            try await enqueue(c, tx, .settleEndpoint, endpoint.id)
            let response = CreateAgentRuntimeEndpointResponse(
                targetVersion: String(endpoint.targetVersion), agentRuntimeEndpointArn: endpoint.arn.description,
                agentRuntimeArn: endpoint.runtimeARN.description, agentRuntimeId: endpoint.runtimeID, endpointName: endpoint.name,
                status: endpoint.status, createdAt: WireTimestamp(endpoint.createdAt))
            return Changed(response, resource: endpoint.arn.description, to: endpoint.audited)
        }
    }

    /// A version that an endpoint may move to.
    func readyVersion(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, _ wanted: String?
    ) async throws -> Int {
        guard let wanted else {
            guard let newest = try await store.versionFetchNewestReady(c, in: tx, runtime: runtime.id) else {
                throw SignalboxError.conflict("Agent runtime '\(runtime.runtimeID)' has no version in status READY yet.")
            }
            return newest.version
        }
        let number = try Self.number(wanted)
        try Self.requireReady(try await store.versionStatus(c, in: tx, runtime: runtime.id, version: number), number, runtime)
        return number
    }

    static func requireReady(_ status: AgentRuntimeStatus?, _ number: Int, _ runtime: RuntimeRecord) throws(SignalboxError) {
        guard let status else { throw noVersion(number, runtime.runtimeID) }
        guard status == .ready else {
            throw SignalboxError.conflict(
                "Version '\(number)' of agent runtime '\(runtime.runtimeID)' is in status \(status.rawValue); an endpoint "
                    + "can only point at a READY version.")
        }
    }
}
