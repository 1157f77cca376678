#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The sandbox's `/etc`: one directory for all sandboxes of a home, written at the supervisor's start.
enum BaseFiles {
    /// Name and home of the agent's user inside. The host's uid differs from sandbox to sandbox.
    static let userID = 1000

    /// Bound from the host, where it has them, onto directories of the same name.
    static let bound = ["ssl/certs", "pki/tls/certs", "pki/ca-trust/extracted", "alternatives"]

    private static let written: [(name: String, text: String)] = [
        (
            "passwd",
            "root:x:0:0:root:/:/bin/false\nagent:x:1000:1000:agent:\(SandboxSpecification.workPath):/bin/sh\n"
                + "nobody:x:65534:65534:nobody:/:/bin/false\n"
        ),
        ("group", "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n"),
        ("hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"),
        ("resolv.conf", "# This sandbox has no way out.\noptions timeout:1 attempts:1\n"),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"),
    ]

    private static let copied = ["ld.so.cache", "mime.types", "services", "protocols", "ssl/openssl.cnf"]

    static func write(to directory: String) throws(SystemFailure) {
        try makeOpen(directory)
        for name in bound where System.isDirectory("/etc/" + name) {
            var path = directory
            for part in name.split(separator: "/") {
                path += "/\(part)"
                try makeOpen(path)
            }
        }
        for (name, text) in written { try System.write(Array(text.utf8), to: directory + "/" + name, mode: 0o644) }
        for name in copied {
            guard let bytes = System.read("/etc/" + name) else { continue }
            if name.contains("/") { try makeOpen(directory + "/ssl") }
            try System.write(bytes, to: directory + "/" + name, mode: 0o644)
        }
        // The same zone as the host, by name: the data is below /usr.
        if let zone = System.linkTarget("/etc/localtime"), zone.hasPrefix("/usr/") || zone.hasPrefix("../usr/") {
            let link = directory + "/localtime"
            unlink(link)
            guard symlink(zone, link) == 0 else { throw SystemFailure("symlink \(link)") }
        }
        let release = directory + "/os-release"
        unlink(release)
        guard symlink("../usr/lib/os-release", release) == 0 else { throw SystemFailure("symlink \(release)") }
    }

    /// Readable by every sandbox's uid, whatever the umask.
    private static func makeOpen(_ path: String) throws(SystemFailure) {
        try System.makeDirectory(path, mode: 0o755)
        guard chmod(path, 0o755) == 0 else { throw SystemFailure("chmod \(path)") }
    }
}
