import Glibc

/// Whom PostgreSQL runs as. It refuses to run as root, so root hands it to another user.
struct ServiceUser: Sendable, Equatable {
    var id: uid_t
    var group: gid_t
    var name: String

    /// Ourselves; for root the owner of an existing data directory, else `postgres`, else `nobody`.
    static func choose(dataDirectory: String) throws -> Self {
        let own = geteuid()
        let owner = FileSystem.status(dataDirectory)
        guard own == 0 else {
            if let owner, owner.st_uid != own {
                throw EmbeddedClusterError(
                    "\(dataDirectory) belongs to user \(owner.st_uid), and this is user \(own): run as that user, or choose another SIGNALBOX_HOME"
                )
            }
            return Self(id: own, group: getegid(), name: "user \(own)")
        }
        if let owner, owner.st_uid != 0 { return Self(id: owner.st_uid, group: owner.st_gid, name: "user \(owner.st_uid)") }
        guard let user = find("postgres") ?? find("nobody") else {
            throw EmbeddedClusterError(
                "PostgreSQL does not run as root, and there is neither a user postgres nor nobody: adduser --system postgres")
        }
        return user
    }

    private static func find(_ name: String) -> Self? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return Self(id: entry.pw_uid, group: entry.pw_gid, name: name)
    }

    /// Makes `path` a directory that this user owns and nobody else enters.
    func own(_ path: String) throws {
        try FileSystem.makeDirectories(path, mode: 0o700)
        guard chown(path, id, group) == 0, chmod(path, 0o700) == 0 else {
            throw FileSystem.failure("cannot give \(path) to \(name)")
        }
    }

    /// Every directory above `path` must let this user through. The home itself is ours to open (for
    /// passing through, not for listing); those above it are not.
    func checkAccess(home: String) throws {
        guard id != geteuid() else { return }
        if let status = FileSystem.status(home), !mayPass(status), chmod(home, status.st_mode & 0o7777 | 0o011) != 0 {
            throw FileSystem.failure("cannot let \(name) pass through \(home)")
        }
        var path = home
        while let parent = FileSystem.parent(path) {
            guard let status = FileSystem.status(parent), mayPass(status) else {
                throw EmbeddedClusterError(
                    "PostgreSQL runs as \(name), who may not pass through \(parent): choose another SIGNALBOX_HOME, or chmod o+x \(parent)")
            }
            path = parent
        }
    }

    private func mayPass(_ status: stat) -> Bool {
        if status.st_uid == id { return status.st_mode & S_IXUSR != 0 }
        if status.st_gid == group { return status.st_mode & S_IXGRP != 0 }
        return status.st_mode & S_IXOTH != 0
    }
}
