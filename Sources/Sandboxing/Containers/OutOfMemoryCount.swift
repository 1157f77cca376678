/// The kernel's count of kills for want of memory in a cgroup. Not every container engine tells of them.
struct OutOfMemoryCount: Sendable {
    private let file: String

    /// - Parameter directory: a cgroup of the memory controller.
    init(cgroup directory: String, isUnified: Bool) {
        file = directory + (isUnified ? "/memory.events" : "/memory.oom_control")
    }

    /// `nil`: the process is in no cgroup of memory that can be read from here.
    init?(of pid: Int32) {
        guard let memberships = System.readText("/proc/\(pid)/cgroup"), let mounts = System.readText("/proc/self/mountinfo") else {
            return nil
        }
        for line in memberships.split(separator: "\n") {
            // hierarchy:controllers:path
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let isUnified = fields[0] == "0"
            guard isUnified || fields[1].split(separator: ",").contains("memory") else { continue }
            for mount in Cgroups.mounts(in: mounts) where mount.isUnified == isUnified {
                guard isUnified || mount.controllers.contains(.memory) else { continue }
                let count = OutOfMemoryCount(cgroup: mount.path + fields[2], isUnified: isUnified)
                guard System.exists(count.file) else { continue }
                self = count
                return
            }
        }
        return nil
    }

    func read() -> Int {
        for line in (System.readText(file) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "oom_kill" { return Int(words[1]) ?? 0 }
        }
        return 0
    }
}
