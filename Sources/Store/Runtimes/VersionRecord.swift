public import AgentCoreModel
public import Platform
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The image that a version runs, whatever becomes of its tag.
public struct VersionImage: Sendable, Equatable {
    /// `sha256:…`: hash of the image's configuration, the same on every host.
    public var id: String
    /// `name@sha256:…`, where it can be pulled from; nil: it is in no registry.
    public var source: String?

    public init(id: String, source: String?) {
        self.id = id
        self.source = source
    }
}

/// A version with its runtime's identity, its configuration and its status. Sensitive: holds the
/// environment's values in the clear.
public struct VersionRecord: Sendable {
    public var id: Int64
    public var runtime: Int64
    public var runtimeID: String
    public var account: String
    public var region: String
    public var runtimeName: String
    public var version: Int
    public var configuration: VersionConfiguration
    public var environmentVariables: [String: String]
    /// nil for a container image.
    public var artifact: ArtifactReference?
    /// What a container image's reference stood for when the version was prepared; nil before, and for an archive.
    public var image: VersionImage?
    public var status: AgentRuntimeStatus
    public var failureReason: String?
    /// What is being done now, for people.
    public var preparation: String?
    public var preparedAt: Date?
    public var createdAt: Date
    /// Of status and preparation; the rest never changes.
    public var updatedAt: Date

    public init(
        id: Int64, runtime: Int64, runtimeID: String, account: String, region: String, runtimeName: String, version: Int,
        configuration: VersionConfiguration, environmentVariables: [String: String], artifact: ArtifactReference?,
        image: VersionImage? = nil, status: AgentRuntimeStatus, failureReason: String? = nil, preparation: String? = nil,
        preparedAt: Date? = nil,
        createdAt: Date, updatedAt: Date
    ) {
        self.id = id
        self.runtime = runtime
        self.runtimeID = runtimeID
        self.account = account
        self.region = region
        self.runtimeName = runtimeName
        self.version = version
        self.configuration = configuration
        self.environmentVariables = environmentVariables
        self.artifact = artifact
        self.image = image
        self.status = status
        self.failureReason = failureReason
        self.preparation = preparation
        self.preparedAt = preparedAt
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }
}

extension VersionRecord: CustomStringConvertible, CustomReflectable {
    /// Without configuration and environment, so that none ever stands in a log.
    public var description: String { "version \(version) of \(runtimeID) (\(status.rawValue))" }
    public var customMirror: Mirror { Mirror(self, children: ["runtimeID": runtimeID, "version": version, "status": status]) }
}

extension Store {
    /// From a row of version_detail.
    func versionRecord(_ row: Row) throws -> VersionRecord {
        let runtimeID = try row.text("runtime_id")
        let version = try row.number("version")
        return VersionRecord(
            id: try row.int("id"), runtime: try row.int("runtime"), runtimeID: runtimeID, account: try row.text("account"),
            region: try row.text("region"), runtimeName: try row.text("runtime_name"), version: version,
            configuration: try configurations.configuration(try row.bytes("configuration")),
            environmentVariables: try environment(row, runtimeID: runtimeID, version: version),
            artifact: try row.intOrNil("artifact").map {
                ArtifactReference(id: $0, sha256: try row.text("artifact_sha256"), size: try row.int("artifact_size"))
            },
            image: try row.textOrNil("image_id").map { VersionImage(id: $0, source: try row.textOrNil("image_source")) },
            status: try row.status("status"), failureReason: try row.textOrNil("failure_reason"),
            preparation: try row.textOrNil("preparation"), preparedAt: try row.timestampOrNil("prepared_at"),
            createdAt: try row.timestamp("created_at"), updatedAt: try row.timestamp("updated_at"))
    }

    private func environment(_ row: Row, runtimeID: String, version: Int) throws -> [String: String] {
        guard let ciphertext = try row.bytesOrNil("environment_ciphertext") else { return [:] }
        let sealed = SealedSecret(ciphertext: ciphertext, keyID: try row.text("environment_key_id"))
        let plaintext = try secrets.open(sealed, binding: Self.binding(environmentOf: runtimeID, version: version))
        return try JSONDecoder().decode([String: String].self, from: Data(plaintext))
    }

    /// nil for an empty environment.
    func sealed(environment: [String: String], runtimeID: String, version: Int) throws -> SealedSecret? {
        if environment.isEmpty { return nil }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return try secrets.seal(
            Array(try encoder.encode(environment)), binding: Self.binding(environmentOf: runtimeID, version: version))
    }

    static func binding(environmentOf runtimeID: String, version: Int) -> String {
        "environment of version \(version) of \(runtimeID)"
    }
}
