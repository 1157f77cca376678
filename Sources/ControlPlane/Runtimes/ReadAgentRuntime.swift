public import AgentCoreModel
public import Platform
import Store

extension ControlPlane {
    /// One version; without its number the newest, with the runtime's own status.
    public func getAgentRuntime(
        _ c: OperationContext, _ request: GetAgentRuntimeRequest
    ) async throws -> GetAgentRuntimeResponse {
        try await readAgentRuntime(c, request).response
    }

    /// The same, with what it was made of.
    public func readAgentRuntime(
        _ c: OperationContext, _ request: GetAgentRuntimeRequest
    ) async throws -> (response: GetAgentRuntimeResponse, source: AnswerSource?) {
        let number = try request.agentRuntimeVersion.map { text throws(SignalboxError) in try Self.number(text) }
        let found = try await store.runtimeFetchGuarded(c, runtimeID: request.agentRuntimeId, version: number)
        try Self.require(c, .getAgentRuntime, found?.guarded)
        guard let runtime = found?.guarded.runtime else { throw Self.noRuntime(request.agentRuntimeId) }
        guard let version = found?.version else {
            throw number.map { Self.noVersion($0, runtime.runtimeID) } ?? Self.noRuntime(runtime.runtimeID)
        }
        let isWhole = number == nil
        let response = GetAgentRuntimeResponse(
            arn: runtime.arn, name: runtime.name, version: version.version, status: isWhole ? runtime.status : version.status,
            failureReason: isWhole ? runtime.failureReason : version.failureReason,
            createdAt: WireTimestamp(isWhole ? runtime.createdAt : version.createdAt),
            lastUpdatedAt: WireTimestamp(isWhole ? runtime.updatedAt : version.updatedAt),
            configuration: version.configuration, environmentVariables: version.environmentVariables)
        let source = found.flatMap { found in
            found.revision.map {
                AnswerSource(
                    rows: RowsRead(runtime: runtime.id, part: .version(version.id)), revision: $0, guarded: found.guarded, endpoint: nil)
            }
        }
        return (response, source)
    }

    public func listAgentRuntimes(
        _ c: OperationContext, _ request: ListAgentRuntimesRequest
    ) async throws -> ListAgentRuntimesResponse {
        let page = try await store.runtimeList(
            c, page: PageRequest(maxResults: request.maxResults ?? 100, nextToken: request.nextToken), filter: request.filter)
        let items = page.items.map { item in
            AgentRuntime(
                agentRuntimeArn: item.runtime.arn.description, agentRuntimeId: item.runtime.runtimeID,
                agentRuntimeVersion: String(item.runtime.lastVersion), agentRuntimeName: item.runtime.name,
                description: item.description, lastUpdatedAt: WireTimestamp(item.runtime.updatedAt), status: item.runtime.status)
        }
        return ListAgentRuntimesResponse(agentRuntimes: items, nextToken: page.nextToken)
    }

    public func listAgentRuntimeVersions(
        _ c: OperationContext, _ request: ListAgentRuntimeVersionsRequest
    ) async throws -> ListAgentRuntimeVersionsResponse {
        let runtime = try await runtime(c, request.agentRuntimeId, .listAgentRuntimeVersions)
        let page = try await store.versionList(
            c, runtime: runtime, page: PageRequest(maxResults: request.maxResults ?? 100, nextToken: request.nextToken))
        let items = page.items.map { version in
            AgentRuntime(
                agentRuntimeArn: version.arn.description, agentRuntimeId: version.runtimeID,
                agentRuntimeVersion: String(version.version), agentRuntimeName: version.runtimeName,
                description: version.configuration.description, lastUpdatedAt: WireTimestamp(version.updatedAt),
                status: version.status)
        }
        return ListAgentRuntimeVersionsResponse(agentRuntimes: items, nextToken: page.nextToken)
    }

    /// The caller's runtime, to do something with it, or with one of its endpoints, that role and
    /// policies allow.
    func runtime(
        _ c: OperationContext, _ id: String, _ action: PolicyAction, endpoint: String? = nil
    ) async throws -> RuntimeRecord {
        let guarded = try await store.runtimeFetchGuarded(c, runtimeID: id, endpoint: endpoint)
        try Self.require(c, action, guarded, endpoint: endpoint)
        guard let guarded else { throw Self.noRuntime(id) }
        return guarded.runtime
    }
}
