#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A sandbox's output on disk, within a number of bytes: the current file and the one before it, half each.
struct LogFile {
    private let path: String
    private let half: Int
    private var file: Descriptor?
    private var size = 0

    static func current(_ directory: String) -> String { directory + "/log" }
    static func previous(_ directory: String) -> String { directory + "/log.1" }

    init(directory: String, limit: Int64) {
        path = directory
        half = max(4096, Int(limit) / 2)
    }

    /// A disk that refuses loses the bytes; the agent must not notice.
    mutating func write(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            if size >= half { rotate() }
            if file == nil {
                file = try? System.open(Self.current(path), O_WRONLY | O_CREAT | O_APPEND)
                // Not empty when the sandbox outlived the supervisor that began it.
                size = file.map { Int(max(0, lseek($0.number, 0, SEEK_END))) } ?? 0
                if size >= half { continue }
            }
            guard let file else { return }
            let part = rest.prefix(half - size)
            let count = part.withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            size += count
            rest = rest.dropFirst(count)
        }
    }

    private mutating func rotate() {
        file = nil
        rename(Self.current(path), Self.previous(path))
    }

    /// The last bytes of both files.
    static func tail(_ directory: String, bytes: Int) -> String {
        let last = end(of: current(directory), bytes)
        let missing = bytes - last.count
        let first = missing > 0 ? end(of: previous(directory), missing) : []
        return String(decoding: first + last, as: UTF8.self)
    }

    private static func end(of path: String, _ bytes: Int) -> [UInt8] {
        guard let file = try? System.open(path, O_RDONLY | O_NOFOLLOW) else { return [] }
        let size = lseek(file.number, 0, SEEK_END)
        let start = max(0, size - off_t(bytes))
        var result = [UInt8](repeating: 0, count: max(0, Int(size - start)))
        let count = result.withUnsafeMutableBytes { pread(file.number, $0.baseAddress, $0.count, start) }
        return Array(result.prefix(max(0, count)))
    }
}
