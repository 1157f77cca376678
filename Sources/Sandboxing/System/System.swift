import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Files and directories, with failures as errors.
enum System {
    /// Opens close-on-exec.
    static func open(_ path: String, _ flags: CInt, mode: mode_t = 0o600) throws(SystemFailure) -> Descriptor {
        let number = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw SystemFailure("open \(path)") }
        return Descriptor(number)
    }

    static func pipe(nonblockingRead: Bool = true) throws(SystemFailure) -> (read: Descriptor, write: Descriptor) {
        var ends: [CInt] = [-1, -1]
        guard clinux_pipe(&ends, 0) == 0 else { throw SystemFailure("pipe") }
        if nonblockingRead { _ = fcntl(ends[0], F_SETFL, O_RDONLY | O_NONBLOCK) }
        return (Descriptor(ends[0]), Descriptor(ends[1]))
    }

    static func memoryFile(_ bytes: some Collection<UInt8>) throws(SystemFailure) -> Descriptor {
        let copy = Array(bytes)
        let number = copy.withUnsafeBytes { clinux_memory_file($0.baseAddress, $0.count) }
        guard number >= 0 else { throw SystemFailure("memfd_create") }
        return Descriptor(number)
    }

    /// A whole file of moderate size; `nil` when it can't be read.
    static func read(_ path: String) -> [UInt8]? {
        guard let file = try? open(path, O_RDONLY) else { return nil }
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = Glibc.read(file.number, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            if count == 0 { return result }
            result.append(contentsOf: chunk[..<count])
        }
    }

    static func readText(_ path: String) -> String? {
        read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Replaces a file's content; a reader sees the old one or the new one.
    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(SystemFailure) {
        let temporary = path + ".new"
        do {
            let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
            // Whatever the umask is.
            guard fchmod(file.number, mode) == 0 else { throw SystemFailure("chmod \(temporary)") }
            try writeAll(bytes, to: file.number, what: temporary)
        }
        guard rename(temporary, path) == 0 else { throw SystemFailure("rename \(temporary)") }
    }

    /// Writes into a file that exists, such as a cgroup's.
    static func put(_ text: String, into path: String) throws(SystemFailure) {
        let file = try open(path, O_WRONLY)
        try writeAll(Array(text.utf8), to: file.number, what: path)
    }

    private static func writeAll(_ bytes: [UInt8], to number: CInt, what: String) throws(SystemFailure) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemFailure("write \(what)")
            }
            done += count
        }
    }

    static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(SystemFailure) {
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw SystemFailure("mkdir \(path)") }
    }

    /// Names in a directory, without `.` and `..`; empty when it can't be read.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        return names(from: directory)
    }

    static func names(from directory: OpaquePointer) -> [String] {
        var result: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { result.append(name) }
        }
        return result
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isDirectory(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }

    /// Target of a symbolic link, `nil` if it is none.
    static func linkTarget(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
    }

    /// Where a program is, as `execvp` would find it.
    static func program(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
