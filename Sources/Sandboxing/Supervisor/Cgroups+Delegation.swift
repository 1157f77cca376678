import CLinux

extension Cgroups {
    /// The supervisor's own version 2 cgroup, when the service manager leaves what is below it to us (systemd's
    /// `Delegate=`, which marks it; systemd.io/CGROUP_DELEGATION). `nil`: it doesn't, and what is to be made is made
    /// at the top.
    ///
    /// A cgroup with limits for its children may hold no processes: the supervisor moves into one of those children.
    static func delegated(on mount: String, own: String = System.readText("/proc/self/cgroup") ?? "") -> String? {
        guard let line = own.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }), line != "0::/" else { return nil }
        let path = mount + line.dropFirst(3)
        let isMarked = clinux_attribute_is_set(path, "trusted.delegate") != 0 || clinux_attribute_is_set(path, "user.delegate") != 0
        guard isMarked, (try? System.makeDirectory(path + "/supervisor", mode: 0o755)) != nil,
            (try? System.put("0", into: path + "/supervisor/cgroup.procs")) != nil
        else { return nil }
        return path
    }
}
