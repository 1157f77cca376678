import CLinux

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#endif

/// A directory beside the finished bundles in which one is made. All of it is blocking.
///
/// Whoever makes a bundle holds a lock on the directory, which the kernel drops with its process; a
/// directory without a lock is what a crash left.
struct BundleWorkspace: Sendable {
    static let prefix = ".unpacking-"

    let path: String
    private let lock: CInt

    var archive: String { path + "/archive.zip" }
    var tree: String { path + "/tree" }

    /// Makes and locks `<directory>/.unpacking-<name>`.
    init(in directory: String, name: String) throws(ArchiveError) {
        path = directory + "/" + Self.prefix + name
        while true {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Self.failed("make a directory for the bundle", errno) }
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else {
                if errno == ENOENT { continue }
                throw Self.failed("open the bundle's directory", errno)
            }
            var status = stat()
            // A sweep may have removed it between the two steps; then it has no name any more.
            if flock(descriptor, LOCK_EX) == 0, fstat(descriptor, &status) == 0, status.st_nlink > 0 {
                lock = descriptor
                return
            }
            close(descriptor)
        }
    }

    /// Opens the empty archive file; the caller closes the descriptor.
    func createArchive() throws(ArchiveError) -> CInt {
        let descriptor = open(archive, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failed("write the archive", errno) }
        return descriptor
    }

    /// Checks the archive and unpacks it, all or nothing as seen from outside this directory.
    func unpack(_ limits: ArchiveLimits) throws(ArchiveError) {
        let zip = try ZipArchive(file: FileReader(path: archive), limits: limits)
        // chmod: the umask may be tight, and the sandbox's own user must be able to enter.
        guard mkdir(tree, 0o755) == 0, chmod(tree, 0o755) == 0 else { throw Self.failed("make the bundle's directory", errno) }
        try ZipExtractor(archive: zip, directory: tree).run()
    }

    /// Puts the tree on disk for good, then gives it its final name. Another process may have been
    /// faster: then its tree, made of the same bytes, is the one.
    func publish(as destination: String) throws(ArchiveError) {
        try sync()
        guard rename(tree, destination) == 0 || errno == EEXIST || errno == ENOTEMPTY else {
            throw Self.failed("put the bundle in its place", errno)
        }
        if let parent = ZipPath.parent(destination) {
            let descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Self.failed("open the directory of bundles", errno) }
            fsync(descriptor)
            close(descriptor)
        }
    }

    /// Removes what was noted beside an earlier tree of that name: it does not hold for a new one.
    func removeNotes(of destination: String) throws {
        guard let parent = ZipPath.parent(destination) else { return }
        let prefix = destination.dropFirst(parent.utf8.count + 1) + "."
        for name in try FileManager.default.contentsOfDirectory(atPath: parent) where name.hasPrefix(prefix) {
            try FileManager.default.removeItem(atPath: parent + "/" + name)
        }
    }

    /// Returns once everything written in the directory's file system is on disk.
    func sync() throws(ArchiveError) {
        guard signalbox_sync_filesystem(lock) == 0 else { throw Self.failed("write the bundle to disk", errno) }
    }

    /// Removes what is left of the workspace and its lock.
    func remove() {
        try? FileManager.default.removeItem(atPath: path)
        close(lock)
    }

    /// Removes every workspace whose maker is gone.
    static func removeLeftovers(in directory: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) where name.hasPrefix(prefix) {
            let path = directory + "/" + name
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { try? FileManager.default.removeItem(atPath: path) }
            close(descriptor)
        }
    }

    private static func failed(_ what: String, _ code: CInt) -> ArchiveError {
        ArchiveError(.inputOutput, "The server can't \(what): \(systemMessage(code)).")
    }
}
