#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// bubblewrap's command line: an allow-list of what a sandbox sees.
struct BubblewrapArguments {
    /// Host paths as bubblewrap reaches them.
    struct Paths {
        var base: String
        var work: String
        var bundle: String?
    }

    static let defaultPath = "/usr/local/bin:/usr/bin:/bin"

    /// Everything but the agent's command, for `--args`: an environment on the command line could be read by
    /// everybody on the host.
    ///
    /// - Parameter resolver: descriptor of a `resolv.conf` of its own.
    static func hidden(_ specification: SandboxSpecification, paths: Paths, bound: [String], resolver: Int?) -> [String] {
        let size = "\(max(specification.limits.temporaryBytes, 1 << 20))"
        let identity = "\(BaseFiles.userID)"
        var list = [
            "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
            "--unshare-cgroup-try", "--hostname", "sandbox", "--uid", identity, "--gid", identity,
            "--new-session", "--die-with-parent", "--cap-drop", "ALL",
        ]
        list += system()
        list += ["--ro-bind", paths.base, "/etc"]
        for name in bound { list += ["--ro-bind-try", "/etc/" + name, "/etc/" + name] }
        if let resolver { list += ["--ro-bind-data", "\(resolver)", "/etc/resolv.conf"] }
        list += ["--proc", "/proc", "--dev", "/dev"]
        list += ["--perms", "1777", "--size", size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
        list += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]
        list += ["--dir", "/run", "--dir", "/var", "--symlink", "/tmp", "/var/tmp", "--symlink", "/run", "/var/run"]
        list += ["--bind", paths.work, SandboxSpecification.workPath]
        if let bundle = paths.bundle { list += ["--ro-bind", bundle, SandboxSpecification.bundlePath] }
        list += ["--remount-ro", "/"]
        list += [
            "--chdir", paths.bundle == nil ? SandboxSpecification.workPath : SandboxSpecification.bundlePath,
            "--clearenv",
        ]
        var environment = ["HOME": SandboxSpecification.workPath, "PATH": defaultPath]
        environment.merge(specification.environment) { $1 }
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) { list += ["--setenv", name, value] }
        return list
    }

    /// `/usr` and what leads into it: links where the host has merged them, directories elsewhere.
    private static func system() -> [String] {
        var list = ["--ro-bind", "/usr", "/usr"]
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            if let target = System.linkTarget("/" + name) {
                list += ["--symlink", target, "/" + name]
            } else if System.isDirectory("/" + name) {
                list += ["--ro-bind", "/" + name, "/" + name]
            }
        }
        return list
    }
}
