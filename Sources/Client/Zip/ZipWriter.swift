import Crypto

/// Writes a zip archive that depends on its contents alone: the same files give the same bytes.
///
/// Names are sorted, every time is 1980-01-01 (zip's first), permissions are 0644 or 0755. No
/// ZIP64: an archive past its limits is far past what the server takes (contract §12: 250 MB).
public struct ZipWriter {
    /// A file to pack.
    public struct Entry: Sendable {
        /// Path inside the archive, `/` between components, no leading slash.
        public var name: String
        public var isExecutable: Bool
        /// Called once, when the entry's turn comes, so that one file is in memory at a time.
        public var contents: @Sendable () throws -> [UInt8]

        public init(name: String, isExecutable: Bool = false, contents: @escaping @Sendable () throws -> [UInt8]) {
            self.name = name
            self.isExecutable = isExecutable
            self.contents = contents
        }
    }

    /// What was written.
    public struct Summary: Sendable, Equatable {
        /// Of the archive, lower-case hex.
        public var sha256: String
        /// Bytes of the archive.
        public var size: Int64
        public var fileCount: Int
    }

    /// Why an archive can't be made.
    public enum Failure: Error, Sendable, CustomStringConvertible {
        case tooLarge
        case duplicateName(String)

        public var description: String {
            switch self {
            case .tooLarge: "the archive would hold more than 65,535 files or 4 GiB"
            case .duplicateName(let name): "two files would be named \(name) in the archive"
            }
        }
    }

    /// Packs the entries and hands the archive's bytes to `write`, in order.
    public static func write(_ entries: [Entry], to write: ([UInt8]) throws -> Void) throws -> Summary {
        // By bytes, not by the locale's or Unicode's order: the same everywhere.
        let sorted = entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        for (one, next) in zip(sorted, sorted.dropFirst()) where one.name == next.name {
            throw Failure.duplicateName(one.name)
        }
        guard sorted.count <= 0xffff else { throw Failure.tooLarge }

        var hash = SHA256()
        var offset = 0
        var directory: [UInt8] = []
        func put(_ bytes: [UInt8]) throws {
            hash.update(data: bytes)
            offset += bytes.count
            try write(bytes)
        }
        for entry in sorted {
            let contents = try entry.contents()
            guard contents.count < 0xffff_ffff, offset < 0xffff_ffff else { throw Failure.tooLarge }
            let compressed = try Deflate.compress(contents)
            let isDeflated = compressed.count < contents.count
            let data = isDeflated ? compressed : contents
            let name = Array(entry.name.utf8)
            let header = commonHeader(
                isDeflated: isDeflated, crc: Deflate.crc32(contents), stored: data.count, original: contents.count,
                nameLength: name.count)
            directory += directoryHeader(header, isExecutable: entry.isExecutable, offset: offset) + name
            try put(littleEndian(0x0403_4b50, 4) + header + name)
            try put(data)
        }
        guard offset + directory.count < 0xffff_ffff else { throw Failure.tooLarge }
        let start = offset
        try put(directory)
        // End of central directory: disk numbers, entry counts, size, start, no comment.
        try put(
            littleEndian(0x0605_4b50, 4) + littleEndian(0, 4) + littleEndian(sorted.count, 2)
                + littleEndian(sorted.count, 2) + littleEndian(directory.count, 4) + littleEndian(start, 4)
                + littleEndian(0, 2))
        let digest = hash.finalize().map { hexByte($0) }.joined()
        return Summary(sha256: digest, size: Int64(offset), fileCount: sorted.count)
    }

    /// The part that local and central headers share: from "version needed" to the extra field's length.
    private static func commonHeader(isDeflated: Bool, crc: UInt32, stored: Int, original: Int, nameLength: Int) -> [UInt8] {
        let isUTF8 = 0x0800
        let firstDay = 0x0021
        return littleEndian(20, 2) + littleEndian(isUTF8, 2) + littleEndian(isDeflated ? 8 : 0, 2) + littleEndian(0, 2)
            + littleEndian(firstDay, 2) + littleEndian(Int(crc), 4) + littleEndian(stored, 4) + littleEndian(original, 4)
            + littleEndian(nameLength, 2) + littleEndian(0, 2)
    }

    private static func directoryHeader(_ header: [UInt8], isExecutable: Bool, offset: Int) -> [UInt8] {
        let madeByUnix = (3 << 8) | 20
        let mode = 0o100000 | (isExecutable ? 0o755 : 0o644)
        return littleEndian(0x0201_4b50, 4) + littleEndian(madeByUnix, 2) + header + littleEndian(0, 2)  // comment
            + littleEndian(0, 2) + littleEndian(0, 2)  // disk, internal attributes
            + littleEndian(mode << 16, 4) + littleEndian(offset, 4)
    }

    private static func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}

/// Two lower-case hex digits.
func hexByte(_ byte: UInt8) -> String {
    let digits = Array("0123456789abcdef")
    return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
}
