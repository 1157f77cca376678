import CLinux
public import Logging
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Makes sure that a supervisor serves a home.
public enum SupervisorLauncher {
    /// Returns the socket's path once a supervisor answers on it. If none does, starts
    /// `executable supervise --home HOME` in a session of its own, so that neither the death of this process nor
    /// Ctrl-C in its terminal ends it; its output goes to `<home>/supervisor.log`.
    ///
    /// - Parameter arguments: instead of `supervise --home HOME`.
    public static func ensureRunning(
        executable: String, home: String, arguments: [String]? = nil, timeout: Duration = .seconds(10), logger: Logger
    ) async throws -> String {
        let path = SupervisorConfiguration.socketPath(home: home)
        if await answers(path) { return path }
        let logPath = home + "/supervisor.log"
        let arguments = arguments ?? ["supervise", "--home", home]
        try System.makeDirectory(home)
        // Of several at once one launches. A second supervisor would not only be in vain: should the first be told
        // to leave early, it would take its place with nobody to tell it.
        let turn = try System.open(home + "/supervisor.launch", O_RDWR | O_CREAT)
        defer { turn.close() }
        try await BlockingThread(name: "launcher").run {
            while flock(turn.number, LOCK_EX) != 0 {
                guard errno == EINTR else { throw SystemFailure("locking \(home)/supervisor.launch") }
            }
        }
        if await answers(path) { return path }
        try await BlockingThread(name: "launcher").run { try launch(executable, arguments, log: logPath) }
        logger.info("started a supervisor", metadata: ["log": "\(logPath)"])
        if try await waitForAnswer(path, timeout) { return path }
        let tail = System.readText(logPath)?.split(separator: "\n").suffix(5).joined(separator: "\n") ?? ""
        throw SignalboxError.unavailable(
            "The supervisor did not come up within \(timeout).", context: "last lines of \(logPath): \(tail)")
    }

    /// Waits for a supervisor that somebody else starts.
    public static func awaitRunning(socketPath: String, timeout: Duration) async throws {
        guard try await waitForAnswer(socketPath, timeout) else {
            throw SignalboxError.unavailable("No supervisor answered on \(socketPath) within \(timeout).")
        }
    }

    private static func waitForAnswer(_ path: String, _ timeout: Duration) async throws -> Bool {
        let deadline = ContinuousClock.now + timeout
        var pause = Duration.milliseconds(2)
        while ContinuousClock.now < deadline {
            if await answers(path) { return true }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(50))
        }
        return false
    }

    /// Starts a supervisor again whenever the one that serves the home has died, until the task is
    /// cancelled. The new one reaps what the dead one left.
    public static func keepRunning(executable: String, home: String, arguments: [String]? = nil, logger: Logger) async {
        // That a connection is lost is logged by those whose work it carries.
        let quiet = Logger(label: "signalbox.launcher") { _ in SwiftLogNoOpLogHandler() }
        let client = SupervisorClient(socketPath: SupervisorConfiguration.socketPath(home: home), logger: quiet)
        let events = client.events()
        await withDiscardingTaskGroup { group in
            group.addTask { await client.run() }
            for await event in events where event == .lost {
                var pause = Duration.milliseconds(100)
                while !Task.isCancelled {
                    do {
                        _ = try await ensureRunning(executable: executable, home: home, arguments: arguments, logger: logger)
                        break
                    } catch {
                        logger.error("no supervisor could be started", metadata: ["error": "\(error)"])
                        try? await Task.sleep(for: pause)
                        pause = min(pause * 2, .seconds(5))
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Whether a supervisor answers on the socket, without waiting for one.
    public static func answers(_ path: String) async -> Bool {
        guard access(path, F_OK) == 0 else { return false }
        let client = SupervisorClient(socketPath: path, logger: Logger(label: "signalbox.launcher") { _ in SwiftLogNoOpLogHandler() })
        return await client.answers()
    }

    private static func launch(_ executable: String, _ arguments: [String], log: String) throws {
        guard let program = System.program(executable) else { throw SystemFailure("no program \(executable)", code: ENOENT) }
        let output = try System.open(log, O_WRONLY | O_CREAT | O_APPEND)
        var texts = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        let result = texts.withUnsafeMutableBufferPointer {
            clinux_spawn_detached(program, UnsafePointer($0.baseAddress), UnsafePointer(environ), output.number)
        }
        guard result == 0 else { throw SystemFailure("starting \(program)") }
    }
}
