import Platform

#if canImport(Glibc)
import Glibc
#endif

extension SecretBox {
    /// Reads `<home>/keys/master.key`, or makes it (mode 0600, in a directory of mode 0700).
    ///
    /// Two processes that start at once end up with the same key: the file appears whole, by a
    /// link of a finished temporary file, and the loser reads the winner's.
    public static func openOrCreate(home: String) throws -> SecretBox {
        let directory = home + "/keys"
        let path = directory + "/master.key"
        if let key = try read(path) { return try SecretBox(masterKey: key) }
        try makeDirectory(home)
        try makeDirectory(directory)
        let temporary = "\(path).\(Identifier.alphanumeric(10))"
        try write(randomBytes(32), to: temporary)
        defer { unlink(temporary) }
        if link(temporary, path) != 0, errno != EEXIST { throw failure("make", path) }
        try synchronize(directory)
        guard let key = try read(path) else { throw failure("read", path) }
        return try SecretBox(masterKey: key)
    }

    /// nil: there is no such file.
    private static func read(_ path: String) throws -> [UInt8]? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        defer { close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw failure("examine", path) }
        guard information.st_mode & 0o077 == 0 else {
            throw SignalboxError(.internal, "\(path) can be read by others: run chmod 600 on it")
        }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw failure("read", path) }
        guard count == 32 else {
            throw SignalboxError(.internal, "\(path) has \(count) bytes instead of 32: restore it from a backup")
        }
        return Array(bytes.prefix(count))
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("make", path) }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw failure("write", path)
        }
    }

    private static func makeDirectory(_ path: String) throws {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw failure("make", path) }
    }

    private static func synchronize(_ directory: String) throws {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("write", directory) }
    }

    private static func randomBytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    private static func failure(_ verb: String, _ path: String) -> SignalboxError {
        SignalboxError(.internal, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
