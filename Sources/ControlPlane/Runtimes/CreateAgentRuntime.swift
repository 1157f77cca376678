public import AgentCoreModel
public import Platform
import Store

extension ControlPlane {
    /// Version 1 and the endpoint DEFAULT, both CREATING; their preparation is enqueued.
    public func createAgentRuntime(
        _ c: OperationContext, _ request: CreateAgentRuntimeRequest
    ) async throws -> CreateAgentRuntimeResponse {
        var unnamed = request
        unnamed.clientToken = nil
        return try await change(c, "CreateAgentRuntime", token: request.clientToken, request: unnamed) { tx in
            try await store.accountLock(c, in: tx)
            guard try await store.runtimeCount(c, in: tx) < quotas.runtimes else {
                throw Self.quota("agent runtimes in this account and region", quotas.runtimes)
            }
            let artifact = try await resolve(c, tx, request.agentRuntimeArtifact)
            let runtime = try await store.runtimeInsert(
                c, in: tx, name: request.agentRuntimeName, runtimeID: WireID.make(name: request.agentRuntimeName),
                tags: request.tags ?? [:])
            let version = try await store.versionAppend(
                c, in: tx, runtime: runtime, configuration: VersionConfiguration(request),
                environmentVariables: request.environmentVariables ?? [:], artifact: artifact)
            _ = try await store.endpointInsert(
                c, in: tx, runtime: runtime, name: EndpointRecord.defaultName,
                endpointID: WireID.make(name: EndpointRecord.defaultName), target: version.version)
            try await enqueue(c, tx, .prepareVersion, version.id)
            let response = CreateAgentRuntimeResponse(
                agentRuntimeArn: runtime.arn.description, workloadIdentityDetails: WorkloadIdentityDetails(runtime.arn),
                agentRuntimeId: runtime.runtimeID, agentRuntimeVersion: String(version.version),
                createdAt: WireTimestamp(runtime.createdAt), status: runtime.status)
            return Changed(
                response, resource: runtime.arn.description, runtimeID: runtime.runtimeID, to: version.audited)
        }
    }

    func enqueue(_ c: OperationContext, _ tx: StoreTransaction, _ kind: WorkKind, _ subject: Int64) async throws {
        try await store.workEnqueue(c, in: tx, kind: kind.rawValue, subject: String(subject))
    }
}
