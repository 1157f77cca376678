import CLinux
import Glibc

/// What `postmaster.pid` says. Source: PostgreSQL, `src/include/utils/pidfile.h`.
struct PostmasterFile: Equatable {
    var pid: pid_t
    var dataDirectory: String
    var port: Int
    var socketDirectory: String
    /// `starting`, `stopping`, `ready` or `standby`.
    var status: String

    init?(_ content: String) {
        let lines = content.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 2, let pid = pid_t(lines[0]), pid > 1 else { return nil }
        func line(_ index: Int) -> String { lines.count > index ? lines[index] : "" }
        self.pid = pid
        dataDirectory = lines[1]
        port = Int(line(3)) ?? 5432
        socketDirectory = line(4)
        status = line(7).filter { $0 != " " }
    }
}

/// The living main process of one data directory, told apart from whatever else may have its number.
struct Postmaster {
    let pid: pid_t
    let dataDirectory: String

    /// The one that `postmaster.pid` names, when that process really is it.
    static func running(dataDirectory: String) -> (Postmaster, PostmasterFile)? {
        guard let content = FileSystem.read("\(dataDirectory)/postmaster.pid"), let file = PostmasterFile(content) else { return nil }
        let postmaster = Postmaster(pid: file.pid, dataDirectory: dataDirectory)
        return postmaster.isRunning ? (postmaster, file) : nil
    }

    /// A postmaster works in its data directory and keeps its command line; its children have
    /// titles such as `postgres: checkpointer`. A zombie has neither.
    var isRunning: Bool {
        guard FileSystem.link("/proc/\(pid)/cwd") == dataDirectory,
            let commandLine = FileSystem.read("/proc/\(pid)/cmdline"), let program = commandLine.split(separator: "\0").first
        else { return false }
        let name = program.split(separator: "/").last
        return name == "postgres" || name == "postmaster"
    }

    /// Signals this process and no later owner of its number: the descriptor is taken first, the
    /// identity checked after.
    func signal(_ number: CInt) {
        let descriptor = signalbox_pidfd_of(pid)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard isRunning else { return }
        // Kernels before 5.3 have no such descriptors.
        if descriptor >= 0 { _ = signalbox_pidfd_kill(descriptor, number) } else { kill(pid, number) }
    }

    /// True when it ended in time. Blocks.
    func waitForEnd(_ time: Duration) -> Bool {
        let limit = ContinuousClock.now.advanced(by: time)
        while isRunning {
            if ContinuousClock.now >= limit { return false }
            usleep(10_000)
        }
        return true
    }

    /// A lock file of a dead postmaster whose number another process of the same user now has would
    /// keep PostgreSQL from starting. Removed only when that process lives and nothing on this
    /// machine works in the data directory any more.
    static func removeStaleLock(dataDirectory: String) {
        let path = "\(dataDirectory)/postmaster.pid"
        guard let content = FileSystem.read(path), let file = PostmasterFile(content),
            FileSystem.exists("/proc/\(file.pid)"), !isInUse(dataDirectory)
        else { return }
        unlink(path)
    }

    private static func isInUse(_ dataDirectory: String) -> Bool {
        guard let processes = opendir("/proc") else { return true }
        defer { closedir(processes) }
        while let entry = readdir(processes) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if pid_t(name) != nil, FileSystem.link("/proc/\(name)/cwd") == dataDirectory { return true }
        }
        return false
    }
}
