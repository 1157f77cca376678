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

/// The places in a home that belong to the command line. Rooms own their own: `pg/`, `bundles/`, `sandboxes/`.
struct HomeDirectory: Sendable, Equatable {
    /// Absolute.
    let path: String

    /// Access key that `dev` made.
    var developmentKey: String { path + "/keys/dev.json" }
    /// Where the server that runs on this home answers.
    var serverFile: String { path + "/run/server.json" }
    var lock: String { path + "/run/server.lock" }

    /// Makes what is missing. The home may be walked through by the users of PostgreSQL and of the
    /// sandboxes; keys are for the owner alone.
    func prepare() throws {
        for (directory, mode) in [(path, 0o711), (path + "/run", 0o755), (path + "/keys", 0o700)] {
            do {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
            } catch {
                throw CommandError(
                    "can't make \(directory): \(String(cString: strerror(errno))); give a home that you may write to: --home DIR")
            }
        }
    }

    /// Writes a file that appears whole or not at all.
    func write(_ text: String, to file: String, mode: mode_t) throws {
        let temporary = file + ".\(getpid())"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw CommandError("can't write \(file): \(String(cString: strerror(errno)))") }
        let isWhole = writeAll(descriptor, text.utf8) && fsync(descriptor) == 0
        close(descriptor)
        guard isWhole, rename(temporary, file) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw CommandError("can't write \(file): \(reason)")
        }
    }
}
