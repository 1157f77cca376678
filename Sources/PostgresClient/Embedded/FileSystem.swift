import Glibc

/// The few file system calls that the embedded cluster needs, with errors that name the path.
enum FileSystem {
    static func status(_ path: String, followingLinks: Bool = true) -> stat? {
        var status = stat()
        return (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 ? status : nil
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isDirectory(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFDIR }

    /// Makes `path` and its missing parents.
    static func makeDirectories(_ path: String, mode: mode_t) throws {
        if let status = status(path) {
            guard isDirectory(status) else { throw EmbeddedClusterError("\(path) is not a directory") }
            return
        }
        if let parent = parent(path) { try makeDirectories(parent, mode: 0o755) }
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure("cannot make the directory \(path)") }
    }

    /// Without symbolic links; the path must exist.
    static func resolved(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw failure("cannot resolve \(path)") }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func parent(_ path: String) -> String? {
        guard path != "/", let slash = path.lastIndex(of: "/") else { return nil }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func link(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBufferPointer { bytes in
            bytes.baseAddress?.withMemoryRebound(to: CChar.self, capacity: bytes.count) { readlink(path, $0, bytes.count) } ?? -1
        }
        return count < 0 ? nil : String(decoding: buffer[0..<count], as: UTF8.self)
    }

    /// Whole small files, those of /proc too.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count > 0 { content += chunk[0..<count] } else if count == 0 || errno != EINTR { break }
        }
        return String(decoding: content, as: UTF8.self)
    }

    static func removeTree(_ path: String) {
        _ = try? ChildProcess.run([Executables.find("rm") ?? "/bin/rm", "-rf", "--", path])
    }

    static func failure(_ what: String) -> EmbeddedClusterError {
        EmbeddedClusterError("\(what): \(ChildProcess.errorText(errno))")
    }
}
