import Foundation
import Platform
import Testing

@testable import Sandboxing

/// What becomes of a way out when its sandbox or its supervisor ends.
extension SandboxingTests.Network {
    @Test func nothingIsLeftAfterAnyEnd() async throws {
        try await NetworkLab.with { lab, host, process in
            var addresses: Set<IPv4Address> = []
            for round in 0..<3 {
                let statuses = [try await host.runPublic("a-\(round)"), try await host.runPublic("b-\(round)")]
                let traces = try statuses.map { try Traces(host, $0) }
                let links = try await until("both links are up") {
                    let links = try lab.left().filter { $0.contains("state UP") }
                    return links.count == 2 ? links : nil
                }
                addresses.formUnion(links.compactMap { Self.address($0[...]) })
                #expect(try !Self.areFree(addresses))
                process.kill()
                try process.start()
                try await until("the next supervisor listens") { await host.client.answers() }
                // The kernel takes networks apart in its own time.
                for trace in traces { try await until("round \(round) leaves nothing: \(trace.left)") { trace.left == [] } }
                try await until("round \(round) leaves no link") { try lab.left().filter { $0.contains(": " + WayOut.prefix) } == [] }
            }
            // The filter was replaced, not doubled.
            #expect(try lab.run("nft list tables").split(separator: "\n").filter { $0.contains("signalbox_") }.count == 1)
            _ = try await host.runPublic("stopped")
            addresses.formUnion(try lab.left().compactMap { Self.address($0[...]) })
            try await host.client.stop("stopped", grace: .zero)
            try await until("a stop leaves no link") { try lab.left().filter { $0.contains(": " + WayOut.prefix) } == [] }
            _ = try await host.runPublic("last")
            addresses.formUnion(try lab.left().compactMap { Self.address($0[...]) })
            process.terminate()
            try await until("the supervisor's end leaves nothing") { try lab.left() == [] }
            #expect(addresses.count == 8)
            try await until("all addresses are free") { try Self.areFree(addresses) }
        }
    }

    /// A lock left behind is in the way of a pool of its own.
    static func areFree(_ addresses: Set<IPv4Address>) throws -> Bool {
        let pool = try AddressPool(subnet: WayOutConfiguration.usualSubnet, runtimeDirectory: RuntimeDirectory.path)
        return addresses.allSatisfy { pool.hold($0) }
    }

    /// As an engine whose sandboxes outlive the supervisor uses it.
    @Test func leasesAreKnownAgainFromTheHostAlone() async throws {
        try await NetworkLab.with { lab, host, _ in
            _ = try await host.runPublic("of-another-home")
            let instance = "test" + Identifier.alphanumeric(12)
            let directory = lab.directory
            let networks = try ["kept", "gone"].map { name in
                try lab.run("ip netns add \(lab.host)-\(name)")
                return try System.open("/var/run/netns/\(lab.host)-\(name)", O_RDONLY)
            }
            defer { for name in ["kept", "gone"] { _ = try? lab.run("ip netns delete \(lab.host)-\(name)") } }
            try await lab.thread().run {
                var first: WayOut? = try WayOut(
                    instance: instance, configuration: .init(), runtimeDirectory: directory, logger: Host.quiet)
                let kept = try #require(try first?.open("kept", network: networks[0]))
                let gone = try #require(try first?.open("gone", network: networks[1]))
                // As the kernel does for one that was killed: the locks go, the interfaces stay.
                first = nil
                let second = try WayOut(
                    instance: instance, configuration: .init(), runtimeDirectory: directory, logger: Host.quiet)
                #expect(second.reap(keeping: ["kept", "unknown"]) == [kept])
                #expect(WayOut.leases(instance: instance) == [kept])
                // Its address is in use, the other's is not.
                let pool = try AddressPool(subnet: WayOutConfiguration.usualSubnet, runtimeDirectory: directory)
                #expect(!pool.hold(kept.address) && pool.hold(gone.address))
                second.close(kept)
                second.close(kept)
                #expect(WayOut.leases(instance: instance) == [])
                #expect(pool.hold(kept.address))
                // The kept one's interface is gone; one that has an `eth0` of its own is refused, not tried for ever.
                _ = try second.open("kept", network: networks[0])
                let error = #expect(throws: SystemFailure.self) { try second.open("twice", network: networks[0]) }
                #expect(error?.code == EEXIST)
                second.close(try second.open("again", network: networks[1]))
                second.shutDown()

                // An address that is routed, but locked by nobody, is passed over.
                let subnet = IPv4Range(IPv4Address(0xc613_c800), length: 29)
                let third = try WayOut(
                    instance: instance, configuration: .init(subnet: subnet), runtimeDirectory: directory, logger: Host.quiet)
                defer { third.shutDown() }
                try lab.run("for last in 2 3 5 6; do ip route add 198.19.200.$last/32 dev uplink0; done")
                #expect(try third.open("last", network: networks[1]).address.description == "198.19.200.4")
                #expect(throws: WayOutFailure.self) {
                    try WayOut(
                        instance: instance, configuration: .init(subnet: subnet), runtimeDirectory: directory, logger: Host.quiet)
                }
            }
            // The other home's is untouched.
            #expect(try lab.left().filter { $0.contains("state UP") }.count == 1)
            #expect(try !lab.run("nft list tables").contains(instance))
            #expect(try await host.post("of-another-home", "still") == "still")
        }
    }
}
