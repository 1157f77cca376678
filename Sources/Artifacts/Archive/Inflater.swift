import CZlib

/// Unpacks one entry after another, in pieces, with the same two buffers. Not to be shared between
/// threads.
final class Inflater {
    // zlib keeps a pointer to the stream inside its state, so the stream must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private let output: UnsafeMutableRawBufferPointer
    private static let bufferBytes = 256 * 1024

    init() throws(ArchiveError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(byteCount: Self.bufferBytes, alignment: 16)
        output = .allocate(byteCount: Self.bufferBytes, alignment: 16)
        // Negative window: raw deflate, as zip has it, without zlib's own header.
        guard inflateInit2_(stream, -15, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw ArchiveError(.inputOutput, "The archive can't be unpacked: no memory.")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
        output.deallocate()
    }

    /// Hands the entry's bytes to `sink` and checks size and CRC. At most `entry.size` bytes are
    /// ever handed over, whatever the data says.
    func unpack(
        _ entry: ZipEntry, from file: FileReader, _ sink: (UnsafeRawBufferPointer) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        var check = crc32(0, nil, 0)
        var written: Int64 = 0
        let pass = { (bytes: UnsafeRawBufferPointer) throws(ArchiveError) in
            written += Int64(bytes.count)
            guard written <= entry.size else { throw Self.lies(entry) }
            check = crc32(check, bytes.bindMemory(to: UInt8.self).baseAddress, uInt(bytes.count))
            try sink(bytes)
        }
        switch entry.method {
        case .stored: try copy(entry, from: file, pass)
        case .deflated: try inflate(entry, from: file, pass)
        }
        guard written == entry.size else { throw Self.lies(entry) }
        guard UInt32(check) == entry.checksum else {
            throw ArchiveError(
                .damaged, "The zip file is damaged: the checksum of '\(printable(entry.path))' does not fit. Upload it again.")
        }
    }

    private func copy(
        _ entry: ZipEntry, from file: FileReader, _ pass: (UnsafeRawBufferPointer) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        var done: Int64 = 0
        while done < entry.packedSize {
            let piece = try fill(from: file, at: entry.dataOffset + done, remaining: entry.packedSize - done)
            try pass(UnsafeRawBufferPointer(rebasing: input[..<piece]))
            done += Int64(piece)
        }
    }

    private func inflate(
        _ entry: ZipEntry, from file: FileReader, _ pass: (UnsafeRawBufferPointer) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        guard inflateReset(stream) == Z_OK else { throw Self.broken(entry) }
        var read: Int64 = 0
        stream.pointee.avail_in = 0
        var status = Z_OK
        while status != Z_STREAM_END {
            if stream.pointee.avail_in == 0, read < entry.packedSize {
                let piece = try fill(from: file, at: entry.dataOffset + read, remaining: entry.packedSize - read)
                read += Int64(piece)
                stream.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_in = uInt(piece)
            }
            stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = uInt(output.count)
            status = CZlib.inflate(stream, Z_NO_FLUSH)
            // Z_BUF_ERROR: no progress possible, that is, the data ended too early.
            guard status == Z_OK || status == Z_STREAM_END else { throw Self.broken(entry) }
            let produced = output.count - Int(stream.pointee.avail_out)
            if produced > 0 { try pass(UnsafeRawBufferPointer(rebasing: output[..<produced])) }
        }
        guard stream.pointee.avail_in == 0, read == entry.packedSize else { throw Self.broken(entry) }
    }

    private func fill(from file: FileReader, at offset: Int64, remaining: Int64) throws(ArchiveError) -> Int {
        let wanted = Int(min(Int64(input.count), remaining))
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: input[..<wanted]), at: offset)
        guard count == wanted else { throw truncatedArchive }
        return count
    }

    private static func broken(_ entry: ZipEntry) -> ArchiveError {
        ArchiveError(.damaged, "The zip file is damaged: '\(printable(entry.path))' can't be unpacked. Upload it again.")
    }

    private static func lies(_ entry: ZipEntry) -> ArchiveError {
        ArchiveError(
            .damaged,
            "The zip entry '\(printable(entry.path))' does not unpack to the \(entry.size) bytes it announces: it is damaged or a zip bomb."
        )
    }
}
