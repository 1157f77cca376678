#if canImport(Glibc)
import Glibc
#endif

/// A file read by position. Blocking: use it off the cooperative pool only.
final class FileReader {
    private let descriptor: CInt
    /// Bytes, as they were when the file was opened.
    let size: Int64

    init(path: String) throws(ArchiveError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            throw ArchiveError(.inputOutput, "The archive can't be opened: \(systemMessage(errno)).")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw ArchiveError(.inputOutput, "The archive can't be examined: \(systemMessage(code)).")
        }
        size = Int64(status.st_size)
    }

    deinit { close(descriptor) }

    /// Fills as much of `buffer` as the file has from `offset` on; fewer bytes only at its end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(ArchiveError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + done)
            if count < 0 {
                if errno == EINTR { continue }
                throw ArchiveError(.inputOutput, "The archive can't be read: \(systemMessage(errno)).")
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Exactly `count` bytes from `offset`; a file that ends before is a damaged archive.
    func bytes(_ count: Int, at offset: Int64) throws(ArchiveError) -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= size, Int64(count) <= size - offset else { throw truncatedArchive }
        var bytes = [UInt8](repeating: 0, count: count)
        var read = 0
        var failure: ArchiveError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(ArchiveError) { read = try self.read(into: buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
        guard read == count else { throw truncatedArchive }
        return bytes
    }
}

let truncatedArchive = ArchiveError(
    .damaged, "The zip file is damaged: it ends before the data its directory announces. Upload it again.")

/// What the system says about an error number: "No space left on device".
func systemMessage(_ code: CInt) -> String {
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text)
}

/// Little-endian numbers out of a byte array, bounds checked.
struct LittleEndian {
    let bytes: [UInt8]

    func u16(_ offset: Int) throws(ArchiveError) -> Int {
        guard offset >= 0, offset + 2 <= bytes.count else { throw truncatedArchive }
        return Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
    }

    func u32(_ offset: Int) throws(ArchiveError) -> UInt32 {
        UInt32(try u16(offset)) | UInt32(try u16(offset + 2)) << 16
    }

    /// Refuses what does not fit a signed number: no archive is that large.
    func u64(_ offset: Int) throws(ArchiveError) -> Int64 {
        let value = UInt64(try u32(offset)) | UInt64(try u32(offset + 4)) << 32
        guard let result = Int64(exactly: value) else { throw truncatedArchive }
        return result
    }
}
