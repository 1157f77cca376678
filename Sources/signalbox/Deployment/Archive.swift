import Client

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A folder packed for deployment, in a file.
struct Archive: Sendable, Equatable {
    /// The server takes no larger one (contract §12).
    static let maximumSize: Int64 = 250_000_000

    var path: String
    var summary: ZipWriter.Summary

    /// Packs a folder and the packages installed for it; where both have a file, the folder's counts.
    ///
    /// - Parameters:
    ///   - packages: folder of installed packages, if there are any.
    ///   - path: file to write.
    static func pack(_ folder: Folder, packages: Folder?, to path: String) throws -> Archive {
        var entries = Dictionary(try packages?.entries().map { ($0.name, $0) } ?? [], uniquingKeysWith: { first, _ in first })
        for entry in try folder.entries() { entries[entry.name] = entry }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandError("can't write \(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let summary = try ZipWriter.write(Array(entries.values)) { bytes in
            guard writeAll(descriptor, bytes) else {
                throw CommandError("can't write \(path): \(String(cString: strerror(errno)))")
            }
        }
        guard summary.size <= maximumSize else {
            throw CommandError(
                "the archive has \(summary.size.inBytes) and the most that can be deployed is 250 MB; "
                    + "leave files out by \(IgnoreRules.fileName)")
        }
        return Archive(path: path, summary: summary)
    }

    /// Gives `body` a function that reads the file piece by piece.
    func read<Value>(_ body: (_ next: (Int) throws -> [UInt8]) async throws -> Value) async throws -> Value {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandError("can't read \(path)") }
        defer { close(descriptor) }
        return try await body { count in try readUpTo(descriptor, count) }
    }
}

/// Reads until that many bytes are there or the file ends.
func readUpTo(_ descriptor: CInt, _ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
        let wanted = min(count - bytes.count, 1 << 16)
        let piece = try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
            while true {
                filled = read(descriptor, buffer.baseAddress, wanted)
                if filled >= 0 { return }
                filled = 0
                guard errno == EINTR else { throw CommandError("reading failed: \(String(cString: strerror(errno)))") }
            }
        }
        if piece.isEmpty { break }
        bytes += piece
    }
    return bytes
}

extension Int64 {
    /// `12 KiB`, for people.
    var inBytes: String {
        switch self {
        case ..<1024: "\(self) bytes"
        case ..<(1024 * 1024): "\((self + 512) / 1024) KiB"
        default: "\((self + (1 << 19)) >> 20) MiB"
        }
    }
}
