import CLinux
import Foundation
import Synchronization

@testable import Sandboxing

/// The fixture executable, beside the test bundle.
final class SupervisorProcess: Sendable {
    static let executable: String = {
        let directory = Bundle.module.bundleURL.deletingLastPathComponent()
        return directory.appendingPathComponent("SupervisorFixture").path
    }()

    private let home: String
    private let command: [String]
    private let current = Mutex<ProcessIdentity?>(nil)

    init(home: String, prefix: [String], options: [String] = []) {
        self.home = home
        command = prefix + [Self.executable, "supervise", "--home", home] + options
    }

    /// The fixture's other words.
    init(home: String, command: [String]) {
        self.home = home
        self.command = [Self.executable] + command
    }

    /// Supervisors of a home, those included that wait for another to leave.
    static func count(of home: String) -> Int {
        System.names(in: "/proc").filter { name in
            guard Int32(name) != nil, let line = System.readText("/proc/\(name)/cmdline") else { return false }
            return line.contains("supervise\0--home\0\(home)\0")
        }.count
    }

    var identity: ProcessIdentity? { current.withLock { $0 } }

    func start() throws {
        let log = try System.open(home + "/fixture.log", O_WRONLY | O_CREAT | O_APPEND, mode: 0o666)
        let null = try System.open("/dev/null", O_RDONLY)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle(fileDescriptor: null.number)
        process.standardOutput = FileHandle(fileDescriptor: log.number)
        process.standardError = FileHandle(fileDescriptor: log.number)
        try process.run()
        current.withLock { $0 = ProcessIdentity.of(process.processIdentifier) }
    }

    func signal(_ number: CInt) {
        guard let handle = identity?.open() else { return }
        _ = clinux_pidfd_signal(handle.number, number)
    }

    /// `kill -9`; returns when it is dead.
    func kill() {
        guard let handle = identity?.open() else { return }
        _ = clinux_pidfd_signal(handle.number, SIGKILL)
        while clinux_pidfd_ended(handle.number) == 0 { usleep(1000) }
    }

    /// `kill -9` for it and all that is in its session still.
    func killGroup() {
        let session = getsid(identity?.pid ?? 0)
        kill()
        for name in System.names(in: "/proc") {
            if let pid = Int32(name), session > 1, session != getsid(0), getsid(pid) == session { Glibc.kill(pid, SIGKILL) }
        }
    }

    func terminate() {
        guard let handle = identity?.open() else { return }
        _ = clinux_pidfd_signal(handle.number, SIGTERM)
        let deadline = ContinuousClock.now + .seconds(60)
        while clinux_pidfd_ended(handle.number) == 0, ContinuousClock.now < deadline { usleep(1000) }
        kill()
    }
}
