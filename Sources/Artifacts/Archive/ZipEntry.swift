/// One member of an archive, its name already found safe.
struct ZipEntry: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case file(isExecutable: Bool)
        case directory
        case link
    }

    enum Method: Sendable, Equatable {
        case stored, deflated
    }

    /// Relative, `/` between components, no `.`, `..` or empty component, no trailing slash.
    var path: String
    var kind: Kind
    var method: Method
    /// Bytes as they stand in the archive.
    var packedSize: Int64
    /// Bytes once unpacked, as announced. More is refused while inflating.
    var size: Int64
    var checksum: UInt32
    /// Where the entry's data starts in the archive.
    var dataOffset: Int64
    /// Seconds since 1970, from the DOS date read as UTC.
    var modified: Int
}
