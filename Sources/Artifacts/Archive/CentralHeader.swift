#if canImport(Glibc)
import Glibc
#endif

/// One record of the central directory, as it stands there (APPNOTE 4.3.12).
struct CentralHeader {
    private var madeBy: Int
    private var flags: Int
    private var method: Int
    private var time: Int
    private var date: Int
    private var checksum: UInt32
    private var packedSize: Int64
    private var size: Int64
    private var name: ArraySlice<UInt8>
    private var externalAttributes: UInt32
    /// Of the local header.
    private(set) var offset: Int64

    private static let fixedBytes = 46
    private static let localFixedBytes = 30

    var shownName: String { String(decoding: name, as: UTF8.self) }

    /// Reads the record at `position` and moves behind it.
    init(_ directory: LittleEndian, at position: inout Int) throws(ArchiveError) {
        guard try directory.u32(position) == 0x0201_4b50 else {
            throw ArchiveError(.damaged, "The zip file is damaged: its directory can't be read. Upload it again.")
        }
        madeBy = try directory.u16(position + 4)
        flags = try directory.u16(position + 8)
        method = try directory.u16(position + 10)
        time = try directory.u16(position + 12)
        date = try directory.u16(position + 14)
        checksum = try directory.u32(position + 16)
        packedSize = Int64(try directory.u32(position + 20))
        size = Int64(try directory.u32(position + 24))
        let nameEnd = position + Self.fixedBytes + (try directory.u16(position + 28))
        let extraEnd = nameEnd + (try directory.u16(position + 30))
        let end = extraEnd + (try directory.u16(position + 32))
        let disk = try directory.u16(position + 34)
        externalAttributes = try directory.u32(position + 38)
        offset = Int64(try directory.u32(position + 42))
        guard end <= directory.bytes.count else { throw truncatedArchive }
        name = directory.bytes[position + Self.fixedBytes..<nameEnd]
        try readZip64(directory, from: nameEnd, to: extraEnd)
        guard disk == 0 || disk == 0xffff else {
            throw ArchiveError(.unsupported, "The zip file is one part of a split archive. Pack the folder into a single zip.")
        }
        position = end
    }

    /// Sizes and offset that do not fit 32 bits stand in extra field 1 (APPNOTE 4.5.3), in this order
    /// and only where the plain field is all ones.
    private mutating func readZip64(_ directory: LittleEndian, from start: Int, to end: Int) throws(ArchiveError) {
        var position = start
        while position + 4 <= end {
            let tag = try directory.u16(position)
            let length = try directory.u16(position + 2)
            var field = position + 4
            let fieldEnd = field + length
            guard fieldEnd <= end else { throw truncatedArchive }
            if tag == 1 {
                for member in [\CentralHeader.size, \.packedSize, \.offset] where self[keyPath: member] == 0xffff_ffff {
                    guard field + 8 <= fieldEnd else { throw truncatedArchive }
                    self[keyPath: member] = try directory.u64(field)
                    field += 8
                }
                return
            }
            position = fieldEnd
        }
    }

    /// Checks the record against its local header. Returns the entry (nil for the root itself) and
    /// where its data ends.
    func resolve(in file: FileReader, before directory: Int64) throws(ArchiveError) -> (ZipEntry?, Int64) {
        let path = try ZipPath.safe(name)
        let shown = printable(shownName)
        // Bits 0, 6 and 13: encrypted, strongly encrypted, masked headers.
        guard flags & 0x2041 == 0 else {
            throw ArchiveError(.encrypted, "The zip entry '\(shown)' is encrypted. Pack the folder without a password.")
        }
        let unpacking: ZipEntry.Method
        switch method {
        case 0: unpacking = .stored
        case 8: unpacking = .deflated
        default:
            throw ArchiveError(
                .unsupported,
                "The zip entry '\(shown)' is packed with method \(method); only 'stored' and 'deflate' can be read. Pack it with an ordinary zip program."
            )
        }
        let local = LittleEndian(bytes: try file.bytes(Self.localFixedBytes + name.count, at: offset))
        guard try local.u32(0) == 0x0403_4b50, try local.u16(26) == name.count,
            local.bytes[Self.localFixedBytes...] == name, try local.u16(8) == method, try local.u16(6) & 1 == 0
        else {
            throw ArchiveError(.damaged, "The zip file is damaged: the entry '\(shown)' is not where the directory says.")
        }
        let dataOffset = offset + Int64(Self.localFixedBytes + name.count + (try local.u16(28)))
        guard packedSize <= directory, dataOffset + packedSize <= directory else { throw truncatedArchive }
        guard unpacking == .deflated || packedSize == size else {
            throw ArchiveError(.damaged, "The zip file is damaged: the stored entry '\(shown)' has two sizes.")
        }
        let kind = try kind(shown)
        guard kind != .directory || size == 0 else {
            throw ArchiveError(.damaged, "The zip file is damaged: the folder '\(shown)' has content.")
        }
        guard let path else {
            guard kind == .directory else {
                throw ArchiveError(.unsafePath, "The zip entry '\(shown)' has no name of its own.")
            }
            return (nil, dataOffset + packedSize)
        }
        let entry = ZipEntry(
            path: path, kind: kind, method: unpacking, packedSize: packedSize, size: size, checksum: checksum,
            dataOffset: dataOffset, modified: modified)
        return (entry, dataOffset + packedSize)
    }

    /// Unix mode bits count only where the writer was a Unix (3) or macOS (19). setuid and the like
    /// are dropped by looking at nothing but the type and the execute bits.
    private func kind(_ shown: String) throws(ArchiveError) -> ZipEntry.Kind {
        let isFolderName = name.last == UInt8(ascii: "/")
        let mode = [3, 19].contains(madeBy >> 8) ? externalAttributes >> 16 : 0
        switch mode & 0o170000 {
        case 0, 0o100000:
            return isFolderName ? .directory : .file(isExecutable: mode & 0o111 != 0)
        case 0o040000:
            return .directory
        case 0o120000 where !isFolderName:
            return .link
        default:
            throw ArchiveError(
                .specialFile, "The zip entry '\(shown)' is a device, pipe or socket. Only files, folders and links can be unpacked.")
        }
    }

    /// The DOS date, which knows no zone, read as UTC; never before 1980.
    private var modified: Int {
        var fields = tm()
        fields.tm_year = CInt((date >> 9) + 80)
        fields.tm_mon = CInt(max((date >> 5) & 15, 1) - 1)
        fields.tm_mday = CInt(max(date & 31, 1))
        fields.tm_hour = CInt(time >> 11)
        fields.tm_min = CInt((time >> 5) & 63)
        fields.tm_sec = CInt((time & 31) * 2)
        return timegm(&fields)
    }
}
