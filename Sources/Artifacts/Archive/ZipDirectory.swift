/// Where an archive's central directory stands, found from its end record.
struct ZipDirectory {
    var offset: Int64
    var size: Int64
    var entries: Int64

    private static let endRecordBytes = 22
    private static let longestComment = 65_535

    /// Reads the end record, and the zip64 one where the plain one refers to it.
    ///
    /// Strict: the directory must end exactly where its end record begins, and the end record where
    /// the file ends, so that no two readers can see two different archives in one file.
    init(of file: FileReader) throws(ArchiveError) {
        let tailBytes = Int(min(file.size, Int64(Self.endRecordBytes + Self.longestComment)))
        let tailOffset = file.size - Int64(tailBytes)
        let tail = LittleEndian(bytes: try file.bytes(tailBytes, at: tailOffset))
        guard let end = try Self.endRecord(in: tail) else {
            throw ArchiveError(
                .notAnArchive, "The object is not a zip file (no end-of-directory record). Upload a zip of the agent's folder.")
        }
        var recordOffset = tailOffset + Int64(end)
        let disks = (try tail.u16(end + 4), try tail.u16(end + 6))
        entries = Int64(try tail.u16(end + 10))
        size = Int64(try tail.u32(end + 12))
        offset = Int64(try tail.u32(end + 16))
        let isZip64 = entries == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff
        if isZip64, end >= 20, try tail.u32(end - 20) == 0x0706_4b50 {
            recordOffset = try tail.u64(end - 20 + 8)
            let record = LittleEndian(bytes: try file.bytes(56, at: recordOffset))
            guard try record.u32(0) == 0x0606_4b50, try record.u32(16) == 0, try record.u32(20) == 0 else {
                throw ArchiveError(.damaged, "The zip file is damaged: its zip64 end record is not where it should be.")
            }
            entries = try record.u64(32)
            size = try record.u64(40)
            offset = try record.u64(48)
        } else if disks != (0, 0) {
            throw ArchiveError(.unsupported, "The zip file is one part of a split archive. Pack the folder into a single zip.")
        }
        guard offset <= file.size, size <= file.size, offset + size == recordOffset else {
            throw ArchiveError(
                .damaged,
                "The zip file is damaged, or something stands before or after it: its directory is not where the end record says.")
        }
    }

    /// Index of the last record whose comment reaches exactly to the end of the file.
    private static func endRecord(in tail: LittleEndian) throws(ArchiveError) -> Int? {
        var index = tail.bytes.count - endRecordBytes
        while index >= 0 {
            if tail.bytes[index] == 0x50, try tail.u32(index) == 0x0605_4b50,
                index + endRecordBytes + (try tail.u16(index + 20)) == tail.bytes.count
            {
                return index
            }
            index -= 1
        }
        return nil
    }
}
