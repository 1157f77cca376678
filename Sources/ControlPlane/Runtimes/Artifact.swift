import AgentCoreModel
import Artifacts
import Platform

extension ControlPlane {
    /// The bytes that a configuration names, pinned by their hash (docs/architecture.md, decision 4). Of a container image
    /// nil: what its reference stands for is found out, and pinned, when the version is prepared.
    func resolve(
        _ c: OperationContext, _ tx: StoreTransaction, _ artifact: AgentRuntimeArtifact
    ) async throws -> ArtifactReference? {
        guard let code = artifact.codeConfiguration else { return nil }
        guard let location = code.code.s3 else {
            throw Self.refused("agentRuntimeArtifact.codeConfiguration.code", "The archive must be named by 's3'.")
        }
        let found = try await artifactResolve(
            c, tx, bucket: location.bucket, key: location.prefix, versionID: location.versionId)
        guard let found else {
            let version = location.versionId.map { " in version '\($0)'" } ?? ""
            throw Self.refused(
                "agentRuntimeArtifact.codeConfiguration.code.s3",
                "The object 's3://\(location.bucket)/\(location.prefix)'\(version) does not exist. Upload it first, to this "
                    + "server's S3 endpoint.")
        }
        return found
    }

    private static func refused(_ member: String, _ message: String) -> SignalboxError {
        .validation(message, fields: [FieldFailure(name: member, message: message)])
    }
}
