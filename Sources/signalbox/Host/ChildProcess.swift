import Dispatch

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

/// A program run to its end, without a shell. It shares our process group, so Ctrl-C ends it too.
enum ChildProcess {
    struct Result: Sendable {
        /// 128 + signal when a signal ended it, as shells say.
        var status: Int32
        /// Standard output and standard error, as they came.
        var output: String

        var succeeded: Bool { status == 0 }
    }

    /// Runs `arguments[0]`, found in PATH. A program that can't be started has status 127.
    static func run(_ arguments: [String], environment extra: [String: String] = [:]) async throws -> Result {
        let log = FileManager.default.temporaryDirectory.path + "/signalbox-" + UUID().uuidString.lowercased() + ".log"
        defer { unlink(log) }
        guard let pid = spawn(arguments, extra, log) else {
            return Result(status: 127, output: "\(arguments.first ?? ""): not found")
        }
        let status = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // waitpid blocks: a thread of its own, not one of the pool's.
                DispatchQueue(label: "signalbox.child").async { continuation.resume(returning: wait(pid)) }
            }
        } onCancel: {
            kill(pid, SIGTERM)
        }
        try Task.checkCancellation()
        let output = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) }
        return Result(status: status, output: output ?? "")
    }

    private static func spawn(_ arguments: [String], _ extra: [String: String], _ log: String) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let environment = ProcessInfo.processInfo.environment.merging(extra) { _, new in new }
        var argv = arguments.map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var pid: pid_t = 0
        return posix_spawnp(&pid, arguments.first ?? "", &actions, nil, &argv, &envp) == 0 ? pid : nil
    }

    private static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { return 127 }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }
}
