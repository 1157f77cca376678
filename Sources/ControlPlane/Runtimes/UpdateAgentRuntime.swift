public import AgentCoreModel
import Lifecycle
public import Platform
import Store

extension ControlPlane {
    /// The next version, with the whole configuration of the request; DEFAULT is to follow it.
    public func updateAgentRuntime(
        _ c: OperationContext, _ request: UpdateAgentRuntimeRequest
    ) async throws -> UpdateAgentRuntimeResponse {
        var unnamed = request
        unnamed.clientToken = nil
        return try await change(
            c, .updateAgentRuntime, of: request.agentRuntimeId, token: request.clientToken, request: unnamed
        ) { tx, runtime in
            let previous = try await store.versionFetch(c, in: tx, runtime: runtime.id)
            try Self.checkEnvironmentSize(request, platformVersion: previous?.configuration.platformVersion)
            let (updated, version) = try await appendVersion(c, tx, runtime) {
                NextVersion(
                    configuration: VersionConfiguration(request, previous: previous?.configuration),
                    environmentVariables: request.environmentVariables ?? [:],
                    artifact: try await resolve(c, tx, request.agentRuntimeArtifact))
            }
            let response = UpdateAgentRuntimeResponse(
                agentRuntimeArn: updated.arn.description, agentRuntimeId: updated.runtimeID,
                workloadIdentityDetails: WorkloadIdentityDetails(updated.arn), agentRuntimeVersion: String(version.version),
                createdAt: WireTimestamp(updated.createdAt), lastUpdatedAt: WireTimestamp(updated.updatedAt),
                status: updated.status)
            return Changed(response, from: previous?.audited, to: version.audited)
        }
    }

    /// The rule that depends on a member which an update may leave as it is.
    private static func checkEnvironmentSize(_ request: UpdateAgentRuntimeRequest, platformVersion: String?) throws(SignalboxError) {
        let failures = EnvironmentRules.sizeFailures(
            request.environmentVariables ?? [:], platformVersion: request.platformVersion ?? platformVersion)
        guard failures.isEmpty else {
            throw .validation(
                failures.map(\.message).joined(separator: "; "),
                fields: failures.map { FieldFailure(name: $0.member, message: $0.message) })
        }
    }

    /// What the next version is made of.
    struct NextVersion: Sendable {
        var configuration: VersionConfiguration
        var environmentVariables: [String: String]
        var artifact: ArtifactReference?
        /// A version whose image this one runs, too, wherever the tag has gone since.
        var sameImageAs: Int64?
    }

    /// Takes a locked runtime to UPDATING with a new version that DEFAULT is to follow. `content` is
    /// asked once quota and state allow it.
    func appendVersion(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, rollbackTo: Int? = nil,
        stopSessions: Bool = false, content: () async throws -> NextVersion
    ) async throws -> (RuntimeRecord, VersionRecord) {
        guard try await store.versionCount(c, in: tx, runtime: runtime.id) < quotas.versions else {
            throw Self.quota("versions of an agent runtime", quotas.versions)
        }
        if case .failure(let illegal) = RuntimeMachine.table.apply(.updateRequested, to: runtime.status) {
            throw SignalboxError.conflict("\(illegal)")
        }
        let next = try await content()
        guard try await store.runtimeTransition(c, in: tx, runtime: runtime.id, event: .updateRequested) else {
            throw SignalboxError.internal("a locked runtime changed its status")
        }
        let version = try await store.versionAppend(
            c, in: tx, runtime: runtime, configuration: next.configuration, environmentVariables: next.environmentVariables,
            artifact: next.artifact)
        if let other = next.sameImageAs { try await store.versionPin(c, in: tx, version: version.id, sameAs: other) }
        let follows = try await lockEndpoint(c, tx, runtime, EndpointRecord.defaultName)
        let targeted = try await store.endpointTarget(
            c, in: tx, endpoint: follows.id, version: version.version, rollbackTo: rollbackTo, stopSessions: stopSessions)
        guard targeted != nil, let updated = try await store.runtimeFetch(c, in: tx, id: runtime.id) else {
            throw SignalboxError.internal("DEFAULT of \(runtime.runtimeID) is \(follows.status) while its runtime may be updated")
        }
        try await enqueue(c, tx, .prepareVersion, version.id)
        return (updated, version)
    }
}
