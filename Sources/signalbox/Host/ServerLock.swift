#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// One server per home: two would share a replica's identity and its sandboxes.
///
/// A record lock of the system: it goes with the process, however that ends, and tells who holds it.
enum ServerLock {
    /// Holds the lock while `body` runs, or says who has it.
    static func with<Value: Sendable>(_ home: HomeDirectory, _ body: () async throws -> Value) async throws -> Value {
        let descriptor = open(home.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw CommandError("can't open \(home.lock): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var range = wholeFile()
        guard fcntl(descriptor, F_SETLK, &range) == 0 else {
            let holder = holder(of: home).map { "process \($0)" } ?? "another process"
            throw CommandError(
                "Signalbox already runs on \(home.path) (\(holder)); stop it first, or give this one another --home and --listen")
        }
        return try await body()
    }

    /// Process that serves this home; nil when none does.
    static func holder(of home: HomeDirectory) -> pid_t? {
        let descriptor = open(home.lock, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        // Closing any descriptor of the file would drop a lock of our own: a holder must not ask.
        defer { close(descriptor) }
        var range = wholeFile()
        guard fcntl(descriptor, F_GETLK, &range) == 0, range.l_type != CShort(F_UNLCK) else { return nil }
        return range.l_pid
    }

    private static func wholeFile() -> flock {
        flock(l_type: CShort(F_WRLCK), l_whence: CShort(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }
}
