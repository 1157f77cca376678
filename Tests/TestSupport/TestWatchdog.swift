import CLinux
import Foundation
import Synchronization

/// Stops the test cluster and removes its directory when the test process ends, however it ends: a
/// shell in a session of its own waits for the end of a pipe that only this process holds open.
final class TestWatchdog: Sendable {
    private static let current = Mutex<(pid: pid_t, pipe: CInt)?>(nil)

    init(directory: String) throws {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
        // The shell alone gets the reading end; neither end may leak into a sandbox or PostgreSQL.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let script = """
            cat >/dev/null
            pid=$(head -n 1 "$1/pg/data/postmaster.pid" 2>/dev/null)
            if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/pg/data" ]; then
              kill -QUIT "$pid"
              n=0
              while [ -e "/proc/$pid" ] && [ $n -lt 500 ]; do sleep 0.02; n=$((n + 1)); done
            fi
            rm -rf -- "$1"
            """
        let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer {
            close(output)
            close(ends[0])
        }
        let words = ["/bin/sh", "-c", script, "sh", directory]
        let variables = ["PATH=/usr/bin:/bin"]
        let arguments = words.map { strdup($0) }
        let environment = variables.map { strdup($0) }
        defer { for pointer in arguments + environment { free(pointer) } }
        var pid: pid_t = 0
        let error = signalbox_spawn_session(&pid, "/bin/sh", arguments + [nil], environment + [nil], "/", ends[0], output)
        guard error == 0 else { throw POSIXError(.ENOENT) }
        Self.current.withLock { $0 = (pid, ends[1]) }
    }

    /// From now on a normal exit waits for the clean-up.
    func arm() {
        atexit {
            guard let (pid, pipe) = TestWatchdog.current.withLock({ $0 }) else { return }
            close(pipe)
            var status: CInt = 0
            waitpid(pid, &status, 0)
        }
    }
}
