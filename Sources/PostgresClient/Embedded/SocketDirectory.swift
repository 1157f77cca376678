import Glibc

/// Where a cluster's unix socket lives: a directory that only PostgreSQL's user and root enter.
/// That permission is the whole authentication, so sandboxes must never see it.
enum SocketDirectory {
    /// Bytes of `sun_path`, less the final zero.
    static let longestPath = 107
    static let port = 5432

    /// Inside the cluster's directory when the path is short enough for a socket, else a short one.
    /// A comma would separate hosts in a connection string.
    static func prepare(clusterDirectory: String, user: ServiceUser) throws -> String {
        let preferred = "\(clusterDirectory)/run"
        if "\(preferred)/.s.PGSQL.\(port)".utf8.count <= longestPath, !preferred.contains(",") {
            try user.own(preferred)
            return preferred
        }
        let fallback = "\(runtimeDirectory())/signalbox-\(fingerprint(clusterDirectory))"
        // In a directory that others may write to, only one that is already safe may be taken over.
        if mkdir(fallback, 0o700) != 0 {
            guard errno == EEXIST, let status = FileSystem.status(fallback, followingLinks: false), FileSystem.isDirectory(status),
                status.st_uid == user.id || status.st_uid == geteuid(), status.st_mode & 0o077 == 0
            else {
                throw EmbeddedClusterError("\(fallback), which shall hold PostgreSQL's socket, is not a private directory of \(user.name)")
            }
        }
        try user.own(fallback)
        return fallback
    }

    private static func runtimeDirectory() -> String {
        if geteuid() == 0, access("/run", W_OK) == 0 { return "/run" }
        if let own = getenv("XDG_RUNTIME_DIR").map({ String(cString: $0) }), own.utf8.count < 60, access(own, W_OK) == 0 { return own }
        return "/tmp"
    }

    /// FNV-1a: the same home finds the same directory again.
    static func fingerprint(_ path: String) -> String {
        let hash = path.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
