import Foundation
import Testing

@testable import Sandboxing

extension SandboxingTests {
    /// promises.md, row 12: what an agent sees and may do, asked by an agent.
    @Suite(.serialized) struct Isolation {
        struct Found: Decodable {
            var caps: [String: UInt64]
            var noNewPrivs: Int
            var seccomp: Int
            var uid: Int
            var uidMap: [String]
            var processes: [Int]
            var descriptors: [Int]
            var root: [String]
            var etc: [String]
            var environment: [String: String]
            var cwd: String
            var interfaces: [String]
            var routes: [String]
            var hostname: String
            var namespaces: [String: String]
        }

        enum Way: Encodable {
            case port(Int)
            /// A unix socket's path, `@` for an abstract one.
            case path(String)

            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                switch self {
                case .port(let number): try container.encode(number)
                case .path(let path): try container.encode(path)
                }
            }
        }

        @Test func agentIsConfined() async throws {
            try await Host.with { host in
                let neighbour = try await host.run("neighbour", "write-work")
                #expect(System.readText("\(host.home)/sandboxes/neighbour/work/secret.txt") == "only mine")
                let targets = [
                    "home": host.home, "socket": host.home + "/supervisor.sock",
                    "neighbour": "\(host.home)/sandboxes/neighbour/work/secret.txt",
                    "own log": "\(host.home)/sandboxes/probe/log", "PostgreSQL": "/var/run/postgresql",
                    "PostgreSQL in run": "/run/postgresql", "root": "/root", "homes": "/home", "sys": "/sys",
                    "host passwd": "/etc/shadow", "docker": "/var/run/docker.sock",
                    "neighbour process": "/proc/\(neighbour.processID ?? 0)/environ",
                    "runtime directory": "/run/signalbox", "disk": "/dev/vda", "memory": "/dev/mem", "tun": "/dev/net/tun",
                    "vsock": "/dev/vsock",
                ]
                // Listeners as the host has them, each within reach of this process.
                try System.makeDirectory(host.home + "/pg")
                let door = host.home + "/pg/.s.PGSQL.5432"
                let abstract = "signalbox-test-\(getpid())-" + host.home.suffix(8)
                let loopback = try Listener.loopback()
                let listeners = [try Listener.unix(door), try Listener.unix("@" + abstract), loopback.listener]
                defer { for listener in listeners { listener.close() } }
                let ways: [String: Way] = [
                    "host port": .port(loopback.port), "neighbour port": .port(8080), "PostgreSQL socket": .path(door),
                    "abstract socket": .path("@" + abstract), "supervisor socket": .path(host.home + "/supervisor.sock"),
                ]
                var specification = host.specification("probe")
                specification.command =
                    [Host.python, "probe.py"]
                    + [try JSONEncoder().encode(targets), try JSONEncoder().encode(ways)].map { String(decoding: $0, as: UTF8.self) }
                specification.environment = ["SECRET": "mine", "LD_LIBRARY_PATH": "/nowhere"]
                let status = try await host.client.start(specification)
                let hostUser = status.processID.map(Ownership.of)
                let exit = try await host.exit(of: "probe")
                let log = try await host.client.logTail("probe", bytes: 100_000)
                #expect(exit.code == 0, "\(log)")
                let line = try #require(log.split(separator: "\n").first { $0.hasPrefix("PROBE ") }).dropFirst(6)
                let found = try JSONDecoder().decode(Found.self, from: Data(line.utf8))
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                let raw = try #require(object as? [String: Any])
                func text(_ key: String) -> String { raw[key].map { "\($0)" } ?? "missing" }

                #expect(found.caps.values.allSatisfy { $0 == 0 }, "\(found.caps)")
                #expect(found.noNewPrivs == 1)
                #expect(found.seccomp == 2)
                #expect(found.uid == 1000)
                if geteuid() == 0 {
                    #expect(hostUser.map(UserIDs.preferred.contains) == true, "\(String(describing: hostUser))")
                    #expect(hostUser != neighbour.processID.map(Ownership.of))
                    #expect(found.uidMap.last == "1", "one uid, its own")
                }
                #expect(found.processes == [1, 2])
                #expect(found.descriptors == [0, 1, 2, 3], "3 is the listing's own")
                #expect(
                    Set(found.root).isSubset(of: [
                        "bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "proc", "dev", "tmp", "run", "var", "mnt",
                    ]))
                #expect(Set(found.etc).isDisjoint(with: ["shadow", "gshadow", "ssh", "sudoers", "machine-id"]))
                #expect(found.environment["SECRET"] == "mine")
                #expect(Set(found.environment.keys).isSubset(of: ["SECRET", "LD_LIBRARY_PATH", "HOME", "PATH", "PWD", "LC_CTYPE"]))
                #expect(found.environment["HOME"] == "/mnt/work")
                #expect(found.cwd == "/var/task")
                #expect(found.interfaces == ["lo"])
                #expect(found.routes == [])
                #expect(found.hostname == "sandbox")
                #expect(text("parentEnvironment") == "")
                for (name, namespace) in found.namespaces {
                    #expect(namespace.hasPrefix("\(name):["))
                    #expect(namespace != System.linkTarget("/proc/self/ns/\(name)"), "\(name): the host's")
                    #expect(namespace != System.linkTarget("/proc/\(neighbour.processID ?? 0)/ns/\(name)"), "\(name): the neighbour's")
                }
                #expect(found.namespaces.count == 6)
                for way in ways.keys { #expect(text("connect \(way)").hasPrefix("refused"), "\(way)") }
                for target in targets.keys { #expect(text("see \(target)").hasPrefix("refused"), "\(target)") }
                for place in ["/usr", "bundle", "root", "etc", "dev"] { #expect(text("write \(place)").hasPrefix("refused"), "\(place)") }
                for place in ["work", "tmp", "shm"] { #expect(text("write \(place)") == "written", "\(place): \(text("write \(place)"))") }
                for way in ["connect out", "vsock", "packet", "dns"] { #expect(text(way).hasPrefix("refused"), "\(way)") }
                #expect(text("subprocess") == "works")
                for call in [
                    "mount", "umount2", "setns", "ptrace", "bpf", "keyctl", "perf_event_open", "userfaultfd", "chroot", "init_module",
                    "quotactl", "acct", "swapon", "reboot", "add_key", "unshare user", "clone user", "io_uring_setup",
                    "personality no-random",
                ] {
                    #expect(text(call) == "\(EPERM)", "\(call)")
                }
                #expect(text("clone3") == "\(ENOSYS)")
                #expect(text("future call") == "\(ENOSYS)")
                #expect(text("personality question") == "allowed")
                #if arch(x86_64)
                #expect(text("x32 getpid") == "\(EPERM)")
                #endif
            }
        }

        @Test func hostSeesNoSecretAndTheParentHoldsNothing() async throws {
            try await Host.with { host in
                var specification = host.specification("quiet")
                specification.environment["TOKEN"] = "very-secret-value"
                let status = try await host.client.start(specification)
                try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "quiet")
                let first = try #require(status.processID)
                let outer = try #require(StateFile.read("\(host.home)/sandboxes/quiet")?.outer?.pid)
                for pid in [first, outer] {
                    #expect(System.readText("/proc/\(pid)/cmdline")?.contains("very-secret-value") == false)
                    #expect(System.readText("/proc/\(pid)/environ") == "")
                }
                #expect(System.readText("\(host.home)/sandboxes/quiet/state.json")?.contains("very-secret-value") == false)
                // Descriptors of bubblewrap's processes, which have the agent's uid: nothing of the supervisor's.
                for pid in [first, outer] {
                    let targets = System.names(in: "/proc/\(pid)/fd").compactMap { System.linkTarget("/proc/\(pid)/fd/\($0)") }
                    #expect(
                        targets.allSatisfy { target in
                            target == "/dev/null" || target.hasPrefix("pipe:") || target == "anon_inode:[eventfd]"
                                || target == "anon_inode:[signalfd]"
                        }, "\(targets)")
                }
            }
        }

        @Test func everySandboxHasItsOwnPort8080() async throws {
            try await Host.with { host in
                try await host.run("a")
                try await host.run("b")
                #expect(try await host.post("a", "to a") == "to a")
                #expect(try await host.post("b", "to b") == "to b")
                try await host.client.stop("a", grace: .zero)
                #expect(try await host.post("b", "still") == "still")
            }
        }

        @Test func workDirectoriesCanBeRemovedWhateverStandsInThem() async throws {
            try await Host.with { host in
                let victim = host.home + "/victim"
                try System.makeDirectory(victim)
                try System.write([1], to: victim + "/file")
                let script = """
                    import os
                    os.chdir('/mnt/work'); os.symlink('\(victim)', 'link'); os.mkdir('locked'); open('locked/f','w'); os.chmod('locked', 0)
                    for i in range(3000):
                        os.mkdir('d'); open('f','w').close(); os.chdir('d')
                    print('made')
                    """
                let (exit, log) = try await host.python("deep", script)
                #expect(exit.code == 0 && log == "made\n", "\(log)")
                try await until("it is removed") { !System.exists(host.home + "/sandboxes/deep/work") }
                #expect(System.exists(victim + "/file"))
            }
        }
    }
}

/// Sockets that something on the host listens on.
enum Listener {
    static func loopback() throws -> (listener: Descriptor, port: Int) {
        let listener = Descriptor(socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let done = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener.number, $0, size) == 0 && listen(listener.number, 8) == 0 && getsockname(listener.number, $0, &size) == 0
            }
        }
        guard done else { throw SystemFailure("listening on loopback") }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// `@` stands for the abstract name space.
    static func unix(_ name: String) throws -> Descriptor {
        let listener = Descriptor(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(name.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { path in
            for (index, byte) in bytes.enumerated() { path[index] = byte }
            if name.hasPrefix("@") { path[0] = 0 }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (name.hasPrefix("@") ? 0 : 1))
        let done = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener.number, $0, length) == 0 && listen(listener.number, 8) == 0
            }
        }
        guard done else { throw SystemFailure("listening on \(name)") }
        return listener
    }
}
