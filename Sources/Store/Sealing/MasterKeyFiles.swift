import Platform

#if canImport(Glibc)
import Glibc
#endif

/// The files of a home's master keys: `keys/master.key`, and those that were added, `keys/master/<id>.key`.
///
/// Mode 0600 in directories of mode 0700.
struct MasterKeyFiles: Sendable {
    private let home: String
    private var directory: String { home + "/keys" }
    private var first: String { directory + "/master.key" }
    private var added: String { directory + "/master" }

    init(home: String) { self.home = home }

    /// Two processes that start at once end up with the same key: the file appears whole, by a
    /// link of a finished temporary file, and the loser reads the winner's.
    func readOrCreate() throws -> [MasterKey] {
        let found = try read()
        if !found.isEmpty { return found }
        try Self.makeDirectory(home)
        try Self.makeDirectory(directory)
        try create(Self.randomBytes(32), at: first)
        let made = try read()
        guard !made.isEmpty else { throw Self.failure("read", first) }
        return made
    }

    /// The first one first, then the others by id.
    func read() throws -> [MasterKey] {
        var keys: [MasterKey] = []
        if let bytes = try Self.read(first) { keys.append(try MasterKey(bytes)) }
        for name in try Self.names(added).sorted() where name.hasSuffix(".key") {
            guard let bytes = try Self.read("\(added)/\(name)") else { continue }
            let key = try MasterKey(bytes)
            guard name == "\(key.id).key" else {
                throw SignalboxError(.internal, "\(added)/\(name) holds master key \(key.id): restore it from a backup")
            }
            if !keys.contains(where: { $0.id == key.id }) { keys.append(key) }
        }
        return keys
    }

    func add() throws -> (id: String, path: String) {
        let bytes = Self.randomBytes(32)
        let key = try MasterKey(bytes)
        try Self.makeDirectory(directory)
        try Self.makeDirectory(added)
        let path = "\(added)/\(key.id).key"
        try create(bytes, at: path)
        return (key.id, path)
    }

    func remove(_ id: String) throws {
        var paths = ["\(added)/\(id).key"]
        if let bytes = try Self.read(first), try MasterKey(bytes).id == id { paths.append(first) }
        for path in paths where unlink(path) != 0 && errno != ENOENT { throw Self.failure("remove", path) }
    }

    private func create(_ bytes: [UInt8], at path: String) throws {
        let temporary = "\(path).\(Identifier.alphanumeric(10))"
        try Self.write(bytes, to: temporary)
        defer { unlink(temporary) }
        if link(temporary, path) != 0, errno != EEXIST { throw Self.failure("make", path) }
        try Self.synchronize(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
    }

    /// Empty when there is no such directory.
    private static func names(_ directory: String) throws -> [String] {
        guard let stream = opendir(directory) else {
            if errno == ENOENT { return [] }
            throw failure("read", directory)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
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
