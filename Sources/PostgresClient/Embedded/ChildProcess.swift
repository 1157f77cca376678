import CLinux
import Glibc
import Synchronization

/// Small programs and the postmaster, started in sessions of their own with a clean environment.
/// Everything here blocks: call it on a `DetachedThread`.
enum ChildProcess {
    /// Standard output and error together, and what waitpid said.
    struct Outcome {
        var succeeded: Bool
        var output: String
    }

    /// Runs to the end.
    static func run(_ command: [String], as user: ServiceUser? = nil) throws -> Outcome {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw EmbeddedClusterError("no pipe: \(errorText(errno))") }
        defer { close(ends[0]) }
        let pid: pid_t
        do {
            defer { close(ends[1]) }
            pid = try spawn(command, as: user, output: ends[1])
        }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(ends[0], &chunk, chunk.count)
            if count > 0 { output += chunk[0..<count] } else if count == 0 || errno != EINTR { break }
        }
        let status = waitFor(pid)
        return Outcome(succeeded: status == 0, output: String(decoding: output, as: UTF8.self))
    }

    /// Starts `command` with its working directory at `/`.
    static func spawn(_ command: [String], as user: ServiceUser?, output: CInt) throws -> pid_t {
        var command = command
        if let user, user.id != geteuid() {
            guard let setpriv = Executables.find("setpriv") else {
                throw EmbeddedClusterError(
                    "setpriv is missing, which starts PostgreSQL as another user than root: apt-get install util-linux")
            }
            command = [setpriv, "--reuid=\(user.id)", "--regid=\(user.group)", "--clear-groups", "--"] + command
        }
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(input) }
        let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "HOME=/", "TZ=UTC"]
        let arguments = command.map { strdup($0) }
        let variables = environment.map { strdup($0) }
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid: pid_t = 0
        let error = signalbox_spawn_session(&pid, command[0], arguments + [nil], variables + [nil], "/", input, output)
        guard error == 0 else { throw EmbeddedClusterError("\(command[0]) could not be started: \(errorText(error))") }
        return pid
    }

    /// The raw wait status.
    @discardableResult
    static func waitFor(_ pid: pid_t) -> CInt {
        var status: CInt = 0
        while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
        return status
    }

    static func errorText(_ number: CInt) -> String { String(cString: strerror(number)) }
}

/// Programs of the system.
enum Executables {
    static var searchPath: [String] {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").map(String.init)
    }

    static func find(_ name: String) -> String? {
        (searchPath + ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]).map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
