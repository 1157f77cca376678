public import AgentCoreModel
import Lifecycle
public import Platform
import Store

/// Input of a rollback: an operation of Signalbox's own.
public struct RollbackAgentRuntimeEndpointRequest: Codable, Sendable, Equatable {
    public var agentRuntimeId: String
    public var endpointName: String
    /// Sessions still pinned to the version left are asked to stop when the endpoint has moved.
    public var stopSessions: Bool
    public var clientToken: String?

    public init(agentRuntimeId: String, endpointName: String, stopSessions: Bool = false, clientToken: String? = nil) {
        self.agentRuntimeId = agentRuntimeId
        self.endpointName = endpointName
        self.stopSessions = stopSessions
        self.clientToken = clientToken
    }
}

/// The endpoint as it stands at the 202, and the version whose configuration it returns to.
public struct RollbackAgentRuntimeEndpointResponse: Codable, Sendable, Equatable {
    public var agentRuntimeArn: String
    public var agentRuntimeEndpointArn: String
    public var endpointName: String
    public var status: AgentRuntimeEndpointStatus
    public var liveVersion: String?
    public var targetVersion: String
    /// Equal to targetVersion, but for DEFAULT, where targetVersion is a copy of it.
    public var rollbackTo: String
    public var createdAt: WireTimestamp
    public var lastUpdatedAt: WireTimestamp
}

extension ControlPlane {
    /// Back to the version that was READY before, by the endpoint's history (`RollbackPlan`).
    public func rollbackAgentRuntimeEndpoint(
        _ c: OperationContext, _ request: RollbackAgentRuntimeEndpointRequest
    ) async throws -> RollbackAgentRuntimeEndpointResponse {
        var unnamed = request
        unnamed.clientToken = nil
        return try await change(
            c, .updateAgentRuntimeEndpoint, of: request.agentRuntimeId, endpoint: request.endpointName,
            operation: "RollbackAgentRuntimeEndpoint", token: request.clientToken, request: unnamed
        ) { tx, runtime in
            let endpoint = try await lockEndpoint(c, tx, runtime, request.endpointName)
            let plan: RollbackPlan
            switch try await store.endpointRollbackPlan(c, in: tx, endpoint: endpoint) {
            case .success(let found): plan = found
            case .failure(let refusal): throw SignalboxError.conflict("\(refusal)")
            }
            try await carryOut(c, tx, runtime, endpoint, plan, stopSessions: request.stopSessions)
            guard let after = try await store.endpointFetch(c, in: tx, id: endpoint.id) else {
                throw SignalboxError.internal("a locked endpoint vanished")
            }
            let response = RollbackAgentRuntimeEndpointResponse(
                agentRuntimeArn: after.runtimeARN.description, agentRuntimeEndpointArn: after.arn.description,
                endpointName: after.name, status: after.status, liveVersion: after.liveVersion.map(String.init),
                targetVersion: String(after.targetVersion), rollbackTo: String(plan.version),
                createdAt: WireTimestamp(after.createdAt), lastUpdatedAt: WireTimestamp(after.updatedAt))
            var to = after.audited.object ?? [:]
            to["rollbackTo"] = .string(String(plan.version))
            to["stopSessions"] = .bool(request.stopSessions)
            return Changed(response, from: endpoint.audited, to: .object(to))
        }
    }

    private func carryOut(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, _ endpoint: EndpointRecord,
        _ plan: RollbackPlan, stopSessions: Bool
    ) async throws {
        switch plan {
        case .clear:
            // Nothing ever ran on the version left.
            try await store.endpointClear(c, in: tx, endpoint: endpoint.id).orIllegal(endpoint)
        case .move(let version):
            try await store.endpointTarget(
                c, in: tx, endpoint: endpoint.id, version: version, rollbackTo: version, stopSessions: stopSessions
            ).orIllegal(endpoint)
            try await enqueue(c, tx, .settleEndpoint, endpoint.id)
        case .copy(let number):
            _ = try await appendVersion(c, tx, runtime, rollbackTo: number, stopSessions: stopSessions) {
                guard let version = try await store.versionFetch(c, in: tx, runtime: runtime.id, version: number) else {
                    throw Self.noVersion(number, runtime.runtimeID)
                }
                return NextVersion(
                    configuration: version.configuration, environmentVariables: version.environmentVariables,
                    artifact: version.artifact, sameImageAs: version.id)
            }
        }
    }
}

extension RollbackPlan {
    /// The version returned to.
    var version: Int {
        switch self {
        case .clear(let version), .move(let version), .copy(let version): version
        }
    }
}
