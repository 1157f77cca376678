/// Which way out sandboxes get, and which they don't. A supervisor keeps to what it was started with.
public struct WayOutConfiguration: Sendable, Equatable {
    /// Benchmarks' own addresses (RFC 2544): never routed on the internet and in nobody's plan of private networks, as
    /// 10/8, 172.16/12, 192.168/16 and 100.64/10 are. Of their upper half the lower part: the lower half is used by
    /// proxies that invent addresses, the end by virtual machines of desktops.
    public static let usualSubnet = IPv4Range(IPv4Address(0xc613_0000), length: 17)

    /// False: every sandbox has its own loopback and nothing else.
    public var isOn: Bool
    /// Addresses of sandboxes on this host. The first is the gateway of all of them.
    public var subnet: IPv4Range
    /// Destinations denied besides those that always are (``NetworkFilter/alwaysDenied``).
    public var denied: [IPv4Range]
    /// Name servers for sandboxes; empty: the host's.
    public var nameServers: [String]

    /// Whether this can be one of ``nameServers``: an address of IPv4 or IPv6.
    public static func isNameServer(_ text: String) -> Bool { NameServer(text) != nil }

    public init(
        isOn: Bool = true, subnet: IPv4Range = Self.usualSubnet, denied: [IPv4Range] = [], nameServers: [String] = []
    ) {
        self.isOn = isOn
        self.subnet = subnet
        self.denied = denied
        self.nameServers = nameServers
    }
}
