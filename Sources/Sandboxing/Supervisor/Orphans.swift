import CLinux
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// First processes of sandboxes that were stopped before the supervisor had a handle on them.
enum Orphans {
    private static let adopters = Mutex(0)

    /// Makes this process the parent of its orphans while any supervisor runs in it.
    static func adopt(_ on: Bool) {
        adopters.withLock { count in
            count += on ? 1 : -1
            _ = clinux_adopt_orphans(count > 0 ? 1 : 0)
        }
    }

    /// The engine's own processes are started under this name, so that they can be found without a handle. An agent
    /// cannot give it to others; one that takes it is killed with them.
    ///
    /// - Parameter id: `nil`: what all names of the home begin with.
    static func marker(instance: String, id: String?) -> String { "bwrap:signalbox:\(instance):\(id ?? "")" }

    /// Kills what runs under `marker`, or under a name that begins with it if it ends in a colon. Blocks until all
    /// have ended, some seconds at most. Returns how many it found.
    @discardableResult
    static func end(marker: String) -> Int {
        var ending: [Int32: Descriptor] = [:]
        // Until a look finds no more: the first may just be starting the second.
        for _ in 0..<1000 {
            var isAnyAlive = false
            for name in System.names(in: "/proc") {
                guard let pid = Int32(name), isNamed(pid, marker) else { continue }
                let number = clinux_pidfd_open(pid)
                guard number >= 0 else { continue }
                let handle = Descriptor(number)
                // Asked again once the handle is held, so that it can't be another process under that number.
                guard isNamed(pid, marker), clinux_pidfd_ended(handle.number) == 0 else { continue }
                isAnyAlive = true
                ending[pid] = handle
                _ = clinux_pidfd_signal(handle.number, SIGKILL)
            }
            if !isAnyAlive { break }
            usleep(2000)
        }
        return ending.count
    }

    private static func isNamed(_ pid: Int32, _ marker: String) -> Bool {
        guard let line = System.read("/proc/\(pid)/cmdline") else { return false }
        let wanted = Array(marker.utf8)
        return marker.hasSuffix(":") ? line.starts(with: wanted) : line.prefix { $0 != 0 }.elementsEqual(wanted)
    }

    /// Reaps bubblewrap's dead that have become our children. Blocks for a moment: one may be dying just now.
    ///
    /// - Parameter userID: the sandbox's own uid; `nil`: the supervisor's.
    static func reap(userID: UInt32?) {
        for _ in 0..<20 {
            var dying = false
            for name in System.names(in: "/proc") {
                guard let pid = Int32(name), let state = ours(pid, userID) else { continue }
                guard state == "Z" else {
                    dying = true
                    continue
                }
                let number = clinux_pidfd_open(pid)
                guard number >= 0 else { continue }
                let handle = Descriptor(number)
                var code: CInt = 0
                var signal: CInt = 0
                _ = clinux_pidfd_reap(handle.number, &code, &signal)
            }
            if !dying { return }
            usleep(5000)
        }
    }

    /// The process's state letter if it is such an orphan. A uid of the sandbox's own leaves no doubt; without one
    /// it must not lead a session, as our direct children do: rather a dead entry too many than another's exit code.
    private static func ours(_ pid: Int32, _ userID: UInt32?) -> Substring? {
        guard let line = System.readText("/proc/\(pid)/stat"), let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        guard fields.count > 4, fields[1] == "\(getpid())", line[..<end].hasSuffix("(bwrap") else { return nil }
        guard let userID else { return fields[3] == "\(pid)" ? nil : fields[0] }
        let uid = System.readText("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("Uid:") }?
            .split(separator: "\t").dropFirst().first
        return uid.flatMap { UInt32($0) } == userID ? fields[0] : nil
    }
}
