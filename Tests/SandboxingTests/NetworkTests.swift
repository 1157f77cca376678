import Foundation
import Testing

@testable import Sandboxing

extension SandboxingTests {
    /// What a sandbox with a way out reaches and what it doesn't, tried by an agent.
    @Suite(.serialized, .enabled(if: NetworkLab.canRun, "needs root, ip and nft")) struct Network {
        @Test func agentReachesTheWorldAndNothingElse() async throws {
            try await NetworkLab.with { lab, host, _ in
                let neighbour = try await host.runPublic("neighbour")
                #expect(neighbour.warning == nil)
                #expect(try lab.run("cat /proc/sys/net/ipv4/ip_forward") == "1\n")
                let address = try #require(try lab.run("ip -o link").split(separator: "\n").compactMap(Self.address).first)
                let allowed: [String: Host.Way] = [
                    "world": .tcp(NetworkLab.world, 80), "world by UDP": .udp(NetworkLab.world, 80),
                    "private": .tcp(NetworkLab.model, 80),
                ]
                // Each of them answers whoever is not a sandbox.
                let refused: [String: Host.Way] = [
                    "uplink of the host": .tcp(NetworkLab.uplink, 8000), "PostgreSQL of the host": .tcp(NetworkLab.uplink, 5432),
                    "other address of the host": .tcp(NetworkLab.second, 8000), "gateway": .tcp("198.19.0.1", 8000),
                    "PostgreSQL of the gateway": .tcp("198.19.0.1", 5432), "denied": .tcp(NetworkLab.denied, 80),
                    "denied by UDP": .udp(NetworkLab.denied, 80), "metadata": .tcp(NetworkLab.metadata, 80),
                    "reserved": .tcp(NetworkLab.reserved, 80), "container": .tcp(NetworkLab.beside, 8000),
                    "bridge": .tcp("172.30.0.1", 8000), "IPv6": .tcp(NetworkLab.sixth, 80),
                ]
                let control = try Reached(
                    lab.run("\(Host.python) \(Host.agents)/reach.py '\(Host.json(refused))' unchanged"))
                for name in refused.keys { #expect(control[name].first != "r", "\(name): \(control[name])") }

                var all = allowed.merging(refused) { $1 }
                all["neighbour"] = .tcp("\(address)", 8080)
                all["published port"] = .tcp(NetworkLab.uplink, 9000)
                all["published port on the gateway"] = .tcp("198.19.0.1", 9000)
                all["name"] = .name("model.example")
                all["long name"] = .name("many.example")
                let found = try await host.reach("probe", all)
                #expect(found.interfaces == ["eth0", "lo"])
                #expect(found.ipv6 == [])
                // By the host's address: the world can't route ours.
                #expect(found["world"] == "world \(NetworkLab.uplink)")
                #expect(found["world by UDP"] == "world \(NetworkLab.uplink)")
                #expect(found["private"] == "world \(NetworkLab.uplink)")
                #expect(found["name"] == NetworkLab.world)
                #expect(found["long name"].split(separator: " ").count == 200)
                for name in all.keys where allowed[name] == nil && !name.hasSuffix("name") {
                    #expect(found[name].hasPrefix("refused: "), "\(name): \(found[name])")
                }
                // Told at once, not after a while.
                for (name, way) in refused where name != "IPv6" {
                    if case .tcp = way { #expect(found[name] == "refused: ConnectionRefusedError 111", "\(name): \(found[name])") }
                }
                #expect(found.resolver.contains("nameserver \(NetworkLab.wire)\n"))
                let refusals = ["address", "down", "name", "raw", "packet"].map { found.changes[$0] ?? "" }
                #expect(refusals.allSatisfy { $0.hasPrefix("refused: ") }, "\(found.changes)")
                // The neighbour is there all the time, and the supervisor's own door leads to it.
                #expect(try await host.post("neighbour", "still") == "still")
            }
        }

        /// Of an interface's line; nil: it is no sandbox's.
        static func address(_ line: Substring) -> IPv4Address? {
            guard let start = line.range(of: ": " + WayOut.prefix) else { return nil }
            let digits = line[start.upperBound...].dropFirst(4).prefix(8)
            return UInt32(digits, radix: 16).map { IPv4Address($0) }
        }

        /// Even if an agent could: only root may do this in its network.
        @Test func nothingLeavesUnderAnothersAddress() async throws {
            try await NetworkLab.with { lab, host, _ in
                let status = try await host.runPublic("spoofer")
                let other = try await host.runPublic("other")
                let pid = try #require(status.processID)
                let own = try Self.ownAddress(lab, pid)
                let neighbours = try Self.ownAddress(lab, try #require(other.processID))
                #expect(own != neighbours)
                let sources = [
                    "own": own, "neighbour": neighbours, "unused": "198.19.100.100", "host": NetworkLab.uplink,
                    "container": NetworkLab.beside, "stranger": "192.0.2.77", "gateway": "198.19.0.1",
                ]
                for (name, address) in sources {
                    try lab.run(
                        in: pid,
                        """
                        test \(address) = \(own) || ip address add \(address)/32 dev eth0
                        \(Host.python) -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("\(address)", 0)); \
                        s.sendto(b"as-\(name)", ("\(NetworkLab.world)", 80))'
                        test \(address) = \(own) || ip address delete \(address)/32 dev eth0
                        """)
                }
                // IPv6, which both ends may speak now: the host forwards it, and is told where to by hand.
                try lab.run(
                    in: pid,
                    """
                    ip address add fd00:98::77/64 dev eth0 nodad
                    ip neighbour replace fd00:98::1 lladdr \(Self.hardware(own)) dev eth0 nud permanent
                    ip -6 route add \(NetworkLab.sixth)/128 via fd00:98::1
                    \(Host.python) -c 'import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); \
                    s.sendto(b"as-six", ("\(NetworkLab.sixth)", 80))'
                    """)
                // What was sent after all the others has arrived.
                try lab.run(
                    in: pid,
                    """
                    \(Host.python) -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("\(own)", 0)); \
                    s.settimeout(10); s.sendto(b"as-last", ("\(NetworkLab.world)", 80)); s.recv(100)'
                    """)
                let arrived = lab.log.filter { $0.contains(" as-") }.compactMap { $0.split(separator: " ").last }
                #expect(Set(arrived) == ["as-own", "as-last"], "\(lab.log)")
            }
        }

        /// Of the host's end: it is made from the address.
        static func hardware(_ address: String) throws -> String {
            let number = try #require(IPv4Address(address)).number
            let bytes = [24, 16, 8, 0].map { String(number >> UInt32($0) & 255, radix: 16) }
            return "02:5b:" + bytes.joined(separator: ":")
        }

        static func ownAddress(_ lab: NetworkLab, _ pid: Int32) throws -> String {
            let line = try lab.run(in: pid, "ip -4 -o address show dev eth0")
            return String(try #require(line.split(separator: " ").dropFirst(3).first))
        }

        /// Names where the host's own resolver is on its loopback, as systemd-resolved is.
        @Test func namesAreForwardedWhereTheirServerIsOutOfReach() async throws {
            try await NetworkLab.with(options: ["dns=127.0.0.99,127.0.0.1"]) { lab, host, _ in
                var ways: [String: Host.Way] = [
                    "name": .name("model.example"), "long": .name("many.example"), "unknown": .name("no.example"),
                ]
                ways["server"] = .udp("198.19.0.1", 53)
                let found = try await host.reach("probe", ways)
                #expect(found.resolver.contains("nameserver 127.0.0.53\n"))
                #expect(found["name"] == NetworkLab.world)
                #expect(found["long"].split(separator: " ").count == 200)
                #expect(found["unknown"].hasPrefix("refused: gaierror"), "\(found.reached)")
                #expect(found["server"].hasPrefix("refused: "))
                let status = try await host.runPublic("stays")
                let traces = try Traces(host, status)
                try await host.client.stop("stays", grace: .zero)
                #expect(traces.left == [])
            }
        }

        @Test func otherFirewallsAreOpenedForSandboxesAlone() async throws {
            try await NetworkLab.with { lab, host, process in
                func attempt(_ id: String) async throws -> String {
                    try await host.reach(id, ["world": .tcp(NetworkLab.world, 80)])["world"]
                }
                #expect(try await attempt("before") == "world \(NetworkLab.uplink)")
                // As ufw leaves it, and made after the supervisor has started. The interface stands for a daemon's.
                try lab.run("nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'")
                try lab.run("ip link add br9 type bridge")
                #expect(try await attempt("dropped") == "world \(NetworkLab.uplink)")
                // As Docker leaves it.
                try lab.run(
                    "nft 'flush chain ip filter FORWARD; add chain ip filter DOCKER-USER; add rule ip filter FORWARD jump DOCKER-USER'")
                try lab.run("ip link delete br9")
                #expect(try await attempt("docker") == "world \(NetworkLab.uplink)")
                #expect(try lab.run("nft list chain ip filter DOCKER-USER").contains("\"sgb"))
                #expect(try !lab.run("nft list chain ip filter FORWARD").contains("\"sgb"))
                if System.program("iptables") ?? System.program("/usr/sbin/iptables") != nil {
                    // It still reads its own table, ours in it.
                    let rules = try lab.run("PATH=$PATH:/usr/sbin; iptables -S DOCKER-USER")
                    #expect(rules.contains("-i sgb") && rules.contains("-o sgb"), "\(rules)")
                    try lab.run("PATH=$PATH:/usr/sbin; iptables-save | iptables-restore")
                }
                // What is denied stays so.
                let found = try await host.reach("denied", ["denied": .tcp(NetworkLab.denied, 80)])
                #expect(found["denied"].hasPrefix("refused: "))
                // Once each, however often it was looked at.
                let rules = try lab.run("nft list chain ip filter DOCKER-USER").split(separator: "\n").filter { $0.contains("\"sgb") }
                #expect(rules.count == 2, "\(rules)")
                process.terminate()
                #expect(try lab.left() == [])
            }
        }

        @Test func sandboxesWithoutAWayOutAreAsBefore() async throws {
            try await NetworkLab.with { lab, host, _ in
                let (exit, log) = try await host.command(
                    "none", [Host.python, "reach.py", try Host.json(["world": .tcp(NetworkLab.world, 80)])])
                let found = try Reached(log)
                #expect(exit.code == 0 && found.interfaces == ["lo"])
                #expect(found["world"].hasPrefix("refused: "))
            }
            // Switched off: it starts, and says what it lacks.
            try await Host.with { host in
                var specification = host.specification("off")
                specification.network = .public
                let status = try await host.client.start(specification)
                #expect(status.warning?.contains("switched off") == true, "\(status)")
                try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "off", timeout: .seconds(30))
            }
        }

        /// Printed, not judged: other work shares the machine.
        @Test func whatItCosts() async throws {
            try await NetworkLab.with { lab, host, _ in
                var plain: [Duration] = []
                var wired: [Duration] = []
                var stops: [[Duration]] = [[], []]
                for round in 0..<30 {
                    for network in [SandboxNetwork.none, .public] {
                        var specification = host.specification("\(network.rawValue)-\(round)")
                        specification.network = network
                        var start = ContinuousClock.now
                        _ = try await host.client.start(specification)
                        try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: specification.id, timeout: .seconds(30))
                        let taken = ContinuousClock.now - start
                        if network == .none { plain.append(taken) } else { wired.append(taken) }
                        start = ContinuousClock.now
                        try await host.client.stop(specification.id, grace: .zero)
                        stops[network == .none ? 0 : 1].append(ContinuousClock.now - start)
                    }
                }
                func median(_ list: [Duration]) -> Duration { list.sorted()[list.count / 2] }
                print(
                    "cold start with a way out: \(median(wired)), without: \(median(plain)); stop: \(median(stops[1])), \(median(stops[0]))"
                )
                for network in [SandboxNetwork.none, .public] {
                    let began = ContinuousClock.now
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<20 {
                            group.addTask { _ = try await host.run("many-\(network.rawValue)-\(number)", network: network) }
                        }
                        try await group.waitForAll()
                    }
                    print("20 at once, network \(network.rawValue): \(ContinuousClock.now - began)")
                }
                #expect(try lab.left().filter { $0.contains("state UP") }.count == 20)
            }
        }
    }
}
