import Testing

@testable import Sandboxing

/// What the way out reads and writes, without a network.
@Suite struct NetworkTextTests {
    @Test func rangesAreReadStrictly() {
        #expect(IPv4Range("10.0.0.0/8")?.description == "10.0.0.0/8")
        #expect(IPv4Range("192.0.2.7")?.description == "192.0.2.7/32")
        #expect(IPv4Range("0.0.0.0/0")?.contains(IPv4Address(.max)) == true)
        for text in [
            "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0", "10.0.0.0.0", "256.0.0.1", "a.b.c.d", "", "+1.0.0.0", "10.0.0.0/+8",
        ] {
            #expect(IPv4Range(text) == nil, "\(text)")
        }
        let range = IPv4Range(IPv4Address(0xc613_0000), length: 17)
        #expect(range.description == "198.19.0.0/17" && range.last.description == "198.19.127.255")
        #expect(IPv4Range("198.19.64.0/24")?.overlaps(range) == true)
        #expect(IPv4Range("198.19.249.0/24")?.overlaps(range) == false)
    }

    @Test func routesTellUplinksFromNetworksBesideUs() {
        let table = """
            Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
            eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
            eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
            tun0\t00000080\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
            sgbabcdc6130003\t030013C6\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
            """
        let routes = HostRoutes(table)
        #expect(routes.uplinks == ["eth0"])
        #expect(routes.networks["docker0"] == [IPv4Range(IPv4Address(0xac11_0000), length: 16)])
        #expect(routes.networks["sgbabcdc6130003"] == nil)
        #expect(routes.conflict(with: WayOutConfiguration.usualSubnet) == nil)
        #expect(routes.conflict(with: IPv4Range(IPv4Address(0xac11_8000), length: 24))?.interface == "docker0")
    }

    @Test func resolversInReachAreUsedAndOthersForwarded() throws {
        func resolver(_ file: String, _ change: (inout WayOutConfiguration) -> Void = { _ in }) -> Resolver {
            var configuration = WayOutConfiguration()
            change(&configuration)
            return Resolver(configuration: configuration, hostFile: file, own: [IPv4Address(0x0a00_0005)])
        }
        let direct = resolver("search example.org\nnameserver 10.0.0.1\nnameserver fd00::1\nnameserver 127.0.0.1\noptions ndots:2\n")
        #expect(direct.file == "search example.org\noptions ndots:2\nnameserver 10.0.0.1\n")
        #expect(!direct.isForwarded)
        for server in ["127.0.0.53", "169.254.169.253", "fd00::1", "10.0.0.5", "198.19.0.1"] {
            let found = resolver("nameserver \(server)\n")
            #expect(found.nameservers == ["127.0.0.53"] && found.upstream == [server] && found.isForwarded, "\(server)")
        }
        #expect(resolver("").upstream == ["127.0.0.1"])
        let denied = try #require(IPv4Range("10.0.0.0/24"))
        #expect(resolver("nameserver 10.0.0.1\n") { $0.denied = [denied] }.isForwarded)
        #expect(resolver("nameserver 10.0.0.1\n") { $0.nameServers = ["9.9.9.9"] }.nameservers == ["9.9.9.9"])
    }

    @Test func forwardingChainsOfOtherTablesAreFound() {
        let list = """
            table ip filter {
            \tchain FORWARD {
            \t\ttype filter hook forward priority filter; policy drop;
            \t}
            \tchain DOCKER-USER {
            \t}
            }
            table ip6 filter {
            \tchain FORWARD {
            \t\ttype filter hook forward priority filter; policy drop;
            \t}
            }
            table inet own {
            \tchain passing {
            \t\ttype filter hook forward priority filter; policy accept;
            \t}
            }
            """
        #expect(
            ForwardingGate.forwarding(in: list) == [
                .init(table: "ip filter", chain: "FORWARD", drops: true), .init(table: "inet own", chain: "passing", drops: false),
            ])
    }

    @Test func interfacesNameTheirHomeAndAddress() {
        let name = WayOut.interface(IPv4Address(0xc613_0003), instance: "abcdefgh12345678")
        #expect(name.hasPrefix(WayOut.prefix(of: "abcdefgh12345678")) && name.hasSuffix("c6130003") && name.utf8.count == 15)
        #expect(WayOut.prefix(of: "abcdefgh12345678") != WayOut.prefix(of: "abcdefgh12345679"))
    }

    @Test func addressesAreSharedByAllSupervisors() throws {
        let directory = try Host.makeHome()
        defer { System.removeTree(directory) }
        let subnet = IPv4Range(IPv4Address(0xc613_0000), length: 29)
        let first = try AddressPool(subnet: subnet, runtimeDirectory: directory)
        let second = try AddressPool(subnet: subnet, runtimeDirectory: directory)
        #expect(first.gateway.description == "198.19.0.1")
        let taken = [try first.take(), try second.take(), try first.take(), try second.take(), try first.take()]
        // Of eight: the network, the gateway and the broadcast address are nobody's.
        #expect(taken.map(\.number).sorted() == Array(0xc613_0002...0xc613_0006))
        #expect(throws: WayOutFailure.self) { try second.take() }
        second.giveBack(taken[0])
        #expect(throws: WayOutFailure.self) { try second.take() }
        first.giveBack(taken[0])
        #expect(second.hold(taken[0]))
        #expect(!first.hold(taken[0]))
        #expect(throws: (any Error).self) { try AddressPool(subnet: IPv4Range(IPv4Address(0), length: 30), runtimeDirectory: directory) }
    }
}
