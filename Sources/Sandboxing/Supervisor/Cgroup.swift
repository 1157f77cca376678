import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// One sandbox's cgroup: a directory of the same name in each hierarchy.
struct Cgroup: Sendable {
    private let members: [(path: String, hierarchy: Cgroups.Hierarchy)]

    init(members: [(String, Cgroups.Hierarchy)]) { self.members = members.map { (path: $0.0, hierarchy: $0.1) } }

    var isEmptyHanded: Bool { members.isEmpty }

    func create(_ limits: SandboxLimits) throws(SystemFailure) {
        for (path, hierarchy) in members {
            try System.makeDirectory(path, mode: 0o755)
            for controller in hierarchy.controllers {
                try limit(controller, path, hierarchy.isUnified, limits)
            }
        }
    }

    private func limit(
        _ controller: Cgroups.Controller, _ path: String, _ isUnified: Bool, _ limits: SandboxLimits
    ) throws(SystemFailure) {
        // 100 ms period: the kernel's default. The quota's floor is 1 ms.
        let quota = max(1000, Int64(limits.cpus * 100_000))
        switch (controller, isUnified) {
        case (.pids, _): try System.put("\(limits.pids)", into: path + "/pids.max")
        case (.cpu, true): try System.put("\(quota) 100000", into: path + "/cpu.max")
        case (.cpu, false):
            try System.put("100000", into: path + "/cpu.cfs_period_us")
            try System.put("\(quota)", into: path + "/cpu.cfs_quota_us")
        case (.memory, true):
            try System.put("\(limits.memoryBytes)", into: path + "/memory.max")
            // Swap would only make an agent out of memory slow; half a sandbox is of no use to anybody.
            try? System.put("0", into: path + "/memory.swap.max")
            try? System.put("1", into: path + "/memory.oom.group")
        case (.memory, false):
            try System.put("\(limits.memoryBytes)", into: path + "/memory.limit_in_bytes")
            try? System.put("\(limits.memoryBytes)", into: path + "/memory.memsw.limit_in_bytes")
            try? System.put("0", into: path + "/memory.swappiness")
        }
    }

    /// Ways in: files into which a process writes "0" (version 1), and a directory in which it is born (version 2).
    func entrances() throws(SystemFailure) -> (files: [Descriptor], birth: Descriptor?) {
        var files: [Descriptor] = []
        var birth: Descriptor?
        for (path, hierarchy) in members {
            if hierarchy.isUnified, birth == nil {
                birth = try System.open(path, O_RDONLY | O_DIRECTORY)
            } else {
                files.append(try System.open(path + "/cgroup.procs", O_WRONLY))
            }
        }
        return (files, birth)
    }

    /// On the host's numbering. Any of them may have ended meanwhile.
    func processes() -> [Int32] {
        guard let path = members.first?.path else { return [] }
        return (System.readText(path + "/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
    }

    /// How often the kernel killed in it for want of memory.
    func outOfMemoryKills() -> Int {
        for (path, hierarchy) in members where hierarchy.controllers.contains(.memory) {
            return OutOfMemoryCount(cgroup: path, isUnified: hierarchy.isUnified).read()
        }
        return 0
    }

    /// Stops giving processor time to its members, or gives it again. False: only version 2 can.
    func freeze(_ frozen: Bool) throws(SystemFailure) -> Bool {
        guard let member = members.first(where: { $0.hierarchy.isUnified }) else { return false }
        try System.put(frozen ? "1" : "0", into: member.path + "/cgroup.freeze")
        return true
    }

    /// SIGKILL for every member, those that are forked meanwhile included. Waits until none is left, for
    /// `seconds` at most; returns whether it is so. Blocks.
    @discardableResult
    func kill(seconds: Double = 5) -> Bool {
        for (path, hierarchy) in members where hierarchy.isUnified {
            try? System.put("1", into: path + "/cgroup.kill")
        }
        for _ in 0..<Int(seconds * 500) {
            let left = members.flatMap { member in
                (System.readText(member.path + "/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
                    .map { (pid: $0, path: member.path) }
            }
            if left.isEmpty { return true }
            for (pid, path) in left { killMember(pid, of: path) }
            usleep(2000)
        }
        return false
    }

    private func killMember(_ pid: Int32, of path: String) {
        let number = clinux_pidfd_open(pid)
        guard number >= 0 else { return }
        let handle = Descriptor(number)
        // The number may have passed to another process before the handle was opened: is it still a member?
        let members = (System.readText(path + "/cgroup.procs") ?? "").split(separator: "\n")
        if members.contains(Substring("\(pid)")) { _ = clinux_pidfd_signal(handle.number, SIGKILL) }
    }

    /// Removes the directories. Members that are still on their way out get a second. Blocks.
    func remove() {
        for (path, _) in members {
            for _ in 0..<500 {
                if rmdir(path) == 0 || errno != EBUSY { break }
                usleep(2000)
            }
        }
    }
}
