import Foundation
import Platform
import Testing

@testable import Sandboxing

/// A host and a world for sandboxes' networks, in network namespaces made for one test:
///
///     sandboxes ── host ── wire ── world
///                   └─ bridge ── beside (a container of somebody else)
///
/// The supervisor under test runs in `host`. No packet leaves these namespaces.
final class NetworkLab: Sendable {
    static let canRun = geteuid() == 0 && Nft() != nil && (System.program("ip") ?? System.program("/usr/sbin/ip")) != nil

    static let world = "93.184.216.34"
    static let model = "10.50.0.1"
    static let denied = "10.66.0.1"
    static let metadata = "169.254.169.254"
    static let reserved = "240.0.0.9"
    static let wire = "10.99.0.2"
    static let uplink = "10.99.0.1"
    static let second = "10.77.0.1"
    static let beside = "172.30.0.2"
    static let sixth = "fd00:99::2"

    let directory: String
    let host: String
    private let namespaces: [String]
    private let servers: [Process]

    /// Makes it all, runs the body with a supervisor in `host`, takes all away again.
    ///
    /// - Parameter options: the fixture's, for the way out.
    static func with(
        options: [String] = ["denied=10.66.0.0/16", "dns=10.99.0.2"],
        _ body: (NetworkLab, Host, SupervisorProcess) async throws -> Void
    ) async throws {
        let lab = try await NetworkLab()
        let result: Result<Void, any Error>
        do {
            try await Host.withProcess(prefix: lab.inside, options: ["way-out"] + options) { host, process in
                try await body(lab, host, process)
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        lab.end()
        try result.get()
    }

    private init() async throws {
        let name = "sgt" + Identifier.alphanumeric(5).lowercased()
        let directory = try Host.makeHome()
        self.directory = directory
        host = name + "h"
        namespaces = [name + "h", name + "w", name + "b"]
        var servers: [Process] = []
        try Self.shell(Self.script, [host, namespaces[1], namespaces[2]])
        func serve(_ namespace: String, _ name: String, _ places: [String]) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
            process.arguments =
                [
                    "--net=/var/run/netns/" + namespace, Host.python, Host.agents + "/world.py", name, "\(directory)/\(name)",
                    directory + "/log",
                ]
                + places
            process.standardInput = Pipe()
            try process.run()
            servers.append(process)
        }
        let places = [Self.world, Self.model, Self.denied, Self.metadata, Self.reserved, Self.wire, Self.sixth].map { $0 + ":80" }
        try serve(namespaces[1], "world", places + ["dns=" + Self.wire])
        try serve(host, "host", ["0.0.0.0:5432", "0.0.0.0:8000", "dns=127.0.0.1"])
        try serve(namespaces[2], "beside", [Self.beside + ":8000"])
        self.servers = servers
        for name in ["world", "host", "beside"] {
            try await until("\(name) listens") { System.exists("\(directory)/\(name)") }
        }
    }

    /// Before a command that is to run in `host`. Unlike `ip netns exec` it keeps the mounts, and with them the cgroups.
    var inside: [String] { ["/usr/bin/nsenter", "--net=/var/run/netns/" + host] }

    private func end() {
        for server in servers {
            // SIGTERM may be blocked on the thread that started it, and so in it.
            kill(server.processIdentifier, SIGKILL)
            server.waitUntilExit()
        }
        for namespace in namespaces { _ = try? Self.shell("ip netns delete $1", [namespace]) }
        System.removeTree(directory)
    }

    /// What the servers have seen, as `name protocol source payload`.
    var log: [String] { (System.readText(directory + "/log") ?? "").split(separator: "\n").map(String.init) }

    /// A thread of this process that is in `host`, and so are the programs that it starts.
    func thread() async throws -> BlockingThread {
        let network = try System.open("/var/run/netns/" + host, O_RDONLY)
        let thread = BlockingThread(name: "lab")
        try await thread.run {
            // Glibc's module hides it.
            guard let call = dlsym(dlopen(nil, RTLD_NOW), "setns") else { throw SystemFailure("setns", code: ENOSYS) }
            let enter = unsafeBitCast(call, to: (@convention(c) (CInt, CInt) -> CInt).self)
            guard enter(network.number, 0x4000_0000) == 0 else { throw SystemFailure("setns") }
        }
        return thread
    }

    /// In `host`, by root.
    @discardableResult
    func run(_ script: String) throws -> String { try Self.shell(script, [], prefix: inside) }

    /// In a sandbox's network, by root: what no agent may.
    @discardableResult
    func run(in process: Int32, _ script: String) throws -> String {
        try Self.shell(script, [], prefix: ["/usr/bin/nsenter", "--net=/proc/\(process)/ns/net"])
    }

    /// Everything of sandboxes' networks that is in `host`.
    func left() throws -> [String] {
        let links = try run("ip -o link").split(separator: "\n").filter { $0.contains(": " + WayOut.prefix) }
        let rules = try run("nft list ruleset").split(separator: "\n").filter { $0.contains("signalbox") || $0.contains(WayOut.prefix) }
        return (links + rules).map(String.init)
    }

    @discardableResult
    static func shell(_ script: String, _ arguments: [String], prefix: [String] = []) throws -> String {
        let process = Process()
        let command = prefix + ["/bin/sh", "-ec", script, "sh"] + arguments
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed(script: script, text: text) }
        return text
    }

    struct Failed: Error, CustomStringConvertible {
        var script: String
        var text: String
        var description: String { "\(script)\n\(text)" }
    }

    private static let script = """
        PATH=$PATH:/usr/sbin:/sbin
        for name in "$@"; do ip netns add $name; ip -n $name link set lo up; done
        ip -n $1 link add uplink0 type veth peer name wire0 netns $2
        ip -n $1 address add \(uplink)/24 dev uplink0
        ip -n $1 address add fd00:99::1/64 dev uplink0 nodad
        ip -n $1 address add \(second)/32 dev lo
        ip -n $1 link set uplink0 up
        ip -n $2 address add \(wire)/24 dev wire0
        ip -n $2 address add \(sixth)/64 dev wire0 nodad
        for place in \(world) \(model) \(denied) \(metadata) \(reserved); do ip -n $2 address add $place/32 dev lo; done
        ip -n $2 link set wire0 up
        ip -n $1 route add default via \(wire)
        ip -n $1 route add default via \(sixth)
        ip -n $2 route add \(second)/32 via \(uplink)
        ip -n $1 link add br0 type bridge
        ip -n $1 address add 172.30.0.1/24 dev br0
        ip -n $1 link set br0 up
        ip -n $1 link add beside0 type veth peer name eth0 netns $3
        ip -n $1 link set beside0 master br0 up
        ip -n $3 address add \(beside)/24 dev eth0
        ip -n $3 link set eth0 up
        ip -n $3 route add default via 172.30.0.1
        nsenter --net=/var/run/netns/$1 sh -ec 'echo 0 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
        nft add table ip published
        nft add chain ip published entry "{ type nat hook prerouting priority dstnat; }"
        nft add rule ip published entry fib daddr type local tcp dport 9000 dnat to \(beside):8000'
        """
}

/// What an agent found when it tried.
struct Reached: Decodable {
    var interfaces: [String]
    var ipv6: [String]
    var resolver: String
    var changes: [String: String]
    var reached: [String: String]

    init(_ text: String) throws {
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("REACH ") }, "\(text)")
        self = try JSONDecoder().decode(Self.self, from: Data(line.dropFirst(6).utf8))
    }

    subscript(_ name: String) -> String { reached[name] ?? "not tried" }
}

extension Host {
    enum Way: Encodable {
        case tcp(String, Int)
        case udp(String, Int)
        case name(String)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.unkeyedContainer()
            switch self {
            case .tcp(let host, let port), .udp(let host, let port):
                if case .tcp = self { try container.encode("tcp") } else { try container.encode("udp") }
                try container.encode(host)
                try container.encode(port)
            case .name(let name):
                try container.encode("name")
                try container.encode(name)
                try container.encode(80)
            }
        }
    }

    static func json(_ ways: [String: Way]) throws -> String { String(decoding: try JSONEncoder().encode(ways), as: UTF8.self) }

    /// An agent with a way out tries them all.
    func reach(_ id: String, _ ways: [String: Way]) async throws -> Reached {
        var specification = specification(id)
        specification.network = .public
        specification.command = [Self.python, "reach.py", try Self.json(ways)]
        _ = try await client.start(specification)
        _ = try await exit(of: id)
        return try Reached(await client.logTail(id, bytes: 100_000))
    }

    /// An agent with a way out that stays.
    @discardableResult
    func runPublic(_ id: String) async throws -> SandboxStatus {
        try await run(id, network: .public)
    }

    @discardableResult
    func run(_ id: String, network: SandboxNetwork) async throws -> SandboxStatus {
        var specification = specification(id, "everywhere")
        specification.network = network
        let status = try await client.start(specification)
        try await HealthProbe.waitUntilHealthy(supervisor: client, id: id, timeout: .seconds(30))
        return status
    }
}
