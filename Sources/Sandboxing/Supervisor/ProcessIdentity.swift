import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A process told from any later one with its number: by the moment it started.
struct ProcessIdentity: Codable, Sendable, Equatable {
    var pid: Int32
    /// Clock ticks since boot (`/proc/PID/stat`, field 22).
    var startTicks: UInt64

    /// `nil`: no such process.
    static func of(_ pid: Int32) -> ProcessIdentity? {
        guard let fields = fields(of: pid), fields.count > 19, let ticks = UInt64(fields[19]) else { return nil }
        return ProcessIdentity(pid: pid, startTicks: ticks)
    }

    /// `nil`: no such process.
    static func parent(of pid: Int32) -> Int32? {
        guard let fields = fields(of: pid), fields.count > 1 else { return nil }
        return Int32(fields[1])
    }

    /// Of `/proc/PID/stat`, from the third on.
    private static func fields(of pid: Int32) -> [Substring]? {
        // The command's name, in brackets, may hold anything: count from the last bracket.
        guard let line = System.readText("/proc/\(pid)/stat"), let end = line.lastIndex(of: ")") else { return nil }
        return line[line.index(after: end)...].split(separator: " ")
    }

    /// A handle on exactly this process, `nil` if it is gone.
    func open() -> Descriptor? {
        let number = clinux_pidfd_open(pid)
        guard number >= 0 else { return nil }
        let handle = Descriptor(number)
        // Asked after the handle is held: the number can't pass to another process in between unnoticed.
        return Self.of(pid) == self && clinux_pidfd_ended(number) == 0 ? handle : nil
    }

    /// Whether a process that is held by a handle is over, or about to be. One that exits lets go of its namespaces before
    /// its handle tells of the end; the first of a pid namespace waits for all others in between.
    static func isEnding(_ pid: Int32, _ handle: Descriptor) -> Bool {
        if clinux_pidfd_ended(handle.number) != 0 { return true }
        var text: CChar = 0
        return readlink("/proc/\(pid)/ns/net", &text, 1) < 0 && [ENOENT, ESRCH].contains(errno)
    }

    /// Identifies the boot: process numbers mean nothing across it.
    static func boot() -> String {
        (System.readText("/proc/sys/kernel/random/boot_id") ?? "").filter { $0 != "\n" }
    }
}
