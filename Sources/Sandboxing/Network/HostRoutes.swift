#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The host's routes and addresses of IPv4, as far as the filter needs them.
struct HostRoutes: Equatable, Sendable {
    /// Interfaces by which a gateway is reached: ways to the world, not to containers beside us.
    var uplinks: Set<String> = []
    /// Networks of other interfaces than sandboxes'.
    var networks: [String: [IPv4Range]] = [:]

    /// - Parameter table: as in `/proc/net/route`.
    init(_ table: String = System.readText("/proc/thread-self/net/route") ?? "", prefix: String = WayOut.prefix) {
        for line in table.split(separator: "\n").dropFirst() {
            let fields = line.split { $0 == "\t" || $0 == " " }
            guard fields.count > 7, !fields[0].hasPrefix(prefix), let destination = UInt32(fields[1], radix: 16),
                let gateway = UInt32(fields[2], radix: 16), let mask = UInt32(fields[7], radix: 16)
            else { continue }
            // Its numbers are in the order of the network, read as the processor's own.
            let first = IPv4Address(UInt32(bigEndian: destination))
            // A default route without a gateway is a tunnel's.
            if gateway != 0 || mask == 0 { uplinks.insert(String(fields[0])) }
            if mask != 0 {
                networks[String(fields[0]), default: []].append(IPv4Range(first, length: mask.nonzeroBitCount))
            }
        }
    }

    /// The first network that is in the way of `subnet`.
    func conflict(with subnet: IPv4Range) -> (interface: String, network: IPv4Range)? {
        for (interface, ranges) in networks.sorted(by: { $0.key < $1.key }) {
            // Halves and quarters of the world are how tunnels put themselves before the default route.
            if let range = ranges.first(where: { $0.length >= 8 && $0.overlaps(subnet) }) { return (interface, range) }
        }
        return nil
    }

    /// Addresses of the host itself.
    static func ownAddresses() -> Set<IPv4Address> {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var result: Set<IPv4Address> = []
        var entry = list
        while let current = entry {
            entry = current.pointee.ifa_next
            guard let address = current.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else { continue }
            address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                _ = result.insert(IPv4Address(UInt32(bigEndian: address.pointee.sin_addr.s_addr)))
            }
        }
        return result
    }

    /// Names of all interfaces.
    static func interfaces() -> [String] {
        guard let list = if_nameindex() else { return [] }
        defer { if_freenameindex(list) }
        var result: [String] = []
        var entry = list
        while let name = entry.pointee.if_name {
            result.append(String(cString: name))
            entry += 1
        }
        return result
    }
}
