public import AgentCoreModel
import Lifecycle
public import Platform
import Store

extension ControlPlane {
    /// The runtime with everything it has, or one version of it.
    public func deleteAgentRuntime(
        _ c: OperationContext, _ request: DeleteAgentRuntimeRequest
    ) async throws -> DeleteAgentRuntimeResponse {
        var unnamed = request
        unnamed.clientToken = nil
        return try await change(
            c, .deleteAgentRuntime, of: request.agentRuntimeId, token: request.clientToken, request: unnamed
        ) { tx, runtime in
            if let version = request.agentRuntimeVersion {
                return try await deleteVersion(c, tx, runtime, Self.number(version))
            }
            if case .failure(let illegal) = RuntimeMachine.table.apply(.deleteRequested, to: runtime.status) {
                throw SignalboxError.conflict("\(illegal)")
            }
            guard try await store.runtimeTransition(c, in: tx, runtime: runtime.id, event: .deleteRequested) else {
                throw SignalboxError.internal("a locked runtime changed its status")
            }
            try await store.endpointMarkDeletingAll(c, in: tx, runtime: runtime.id)
            try await enqueue(c, tx, .removeRuntime, runtime.id)
            return Changed(
                DeleteAgentRuntimeResponse(status: .deleting, agentRuntimeId: runtime.runtimeID),
                from: ["status": .string(runtime.status.rawValue), "version": .string(String(runtime.lastVersion))])
        }
    }

    /// Refused while anything uses the version (docs/architecture.md, decision 6).
    private func deleteVersion(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, _ number: Int
    ) async throws -> Changed<DeleteAgentRuntimeResponse> {
        guard let version = try await store.versionFetch(c, in: tx, runtime: runtime.id, version: number) else {
            throw Self.noVersion(number, runtime.runtimeID)
        }
        guard number != runtime.lastVersion else {
            throw SignalboxError.conflict("Version '\(number)' is the latest version of agent runtime '\(runtime.runtimeID)'.")
        }
        if case .failure(let illegal) = VersionMachine.table.apply(.deleteRequested, to: version.status) {
            throw SignalboxError.conflict("\(illegal)")
        }
        let use = try await store.versionUse(c, in: tx, version: version.id)
        guard use.isUnused else {
            let endpoints = use.endpoints.isEmpty ? "" : " (\(use.endpoints.joined(separator: ", ")))"
            throw SignalboxError.conflict(
                "Version '\(number)' is in use by \(use.endpoints.count) endpoints\(endpoints) and \(use.sessions) live sessions.")
        }
        guard try await store.versionTransition(c, in: tx, version: version.id, event: .deleteRequested) else {
            throw SignalboxError.internal("a version of a locked runtime changed its status")
        }
        try await enqueue(c, tx, .removeVersion, version.id)
        return Changed(
            DeleteAgentRuntimeResponse(
                status: .deleting, agentRuntimeId: runtime.runtimeID, agentRuntimeVersion: String(number)),
            from: version.audited)
    }
}
