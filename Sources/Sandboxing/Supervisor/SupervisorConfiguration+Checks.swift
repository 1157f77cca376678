import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension SupervisorConfiguration {
    /// With a server of another user, refuses directories that this user could change: it could put links where
    /// the supervisor writes.
    func checkDirectories() throws(SignalboxError) {
        guard let clientUserID, clientUserID != geteuid() else { return }
        let directory = String(socketPath[..<(socketPath.lastIndex(of: "/") ?? socketPath.startIndex)])
        for path in [home, directory] {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            guard status.st_uid == geteuid(), status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
                throw SignalboxError(
                    .conflict,
                    "\(path) must belong to the supervisor's user, and nobody else may write to it: a server of another user "
                        + "needs a home of its own")
            }
        }
    }
}
