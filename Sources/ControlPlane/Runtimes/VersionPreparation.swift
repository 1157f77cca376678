public import AgentCoreModel
public import Platform
import Store

/// How far the preparation of a version is, and what it found: Signalbox's own.
public struct VersionPreparation: Encodable, Sendable, Equatable {
    /// What a container image's reference stands for in this version.
    public struct Image: Encodable, Sendable, Equatable {
        /// `sha256:…` of the image's configuration.
        public var id: String
        /// `name@sha256:…`, where it can be pulled from.
        public var source: String?
    }

    public var agentRuntimeId: String
    public var agentRuntimeVersion: String
    public var status: AgentRuntimeStatus
    /// What is being done now, for people; absent when nothing is.
    public var preparation: String?
    public var failureReason: String?
    public var image: Image?
}

extension ControlPlane {
    public func versionPreparation(
        _ c: OperationContext, _ request: GetAgentRuntimeRequest
    ) async throws -> VersionPreparation {
        let runtime = try await runtime(c, request.agentRuntimeId, .getAgentRuntime)
        let number = try request.agentRuntimeVersion.map { text throws(SignalboxError) in try Self.number(text) }
        guard let version = try await store.versionFetch(c, runtime: runtime.id, version: number) else {
            throw number.map { Self.noVersion($0, runtime.runtimeID) } ?? Self.noRuntime(runtime.runtimeID)
        }
        return VersionPreparation(
            agentRuntimeId: runtime.runtimeID, agentRuntimeVersion: String(version.version), status: version.status,
            preparation: version.preparation, failureReason: version.failureReason,
            image: version.image.map { VersionPreparation.Image(id: $0.id, source: $0.source) })
    }
}
