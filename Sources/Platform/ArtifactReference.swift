/// Bytes kept in PostgreSQL under their hash: an uploaded archive or object.
public struct ArtifactReference: Sendable, Hashable, Codable {
    /// Row id.
    public var id: Int64
    /// Lower-case hex.
    public var sha256: String
    /// Bytes.
    public var size: Int64

    public init(id: Int64, sha256: String, size: Int64) {
        self.id = id
        self.sha256 = sha256
        self.size = size
    }
}
