/// Who resolves names for sandboxes: the host's name servers where a sandbox may reach them, else, inside its own
/// namespace, ``NameForwarder``.
struct Resolver: Equatable, Sendable {
    /// Where the forwarder listens in each sandbox, as systemd-resolved does on hosts.
    static let forwarder = IPv4Address(0x7f00_0035)

    /// What goes into `resolv.conf` inside.
    let nameservers: [String]
    /// Whom the forwarder asks.
    let upstream: [String]
    /// Search list and options of the host.
    let rest: [String]

    var isForwarded: Bool { nameservers == [Self.forwarder.description] }

    var file: String {
        (rest + nameservers.map { "nameserver \($0)" }).joined(separator: "\n") + "\n"
    }

    /// - Parameters:
    ///   - hostFile: the host's `resolv.conf`.
    ///   - own: the host's addresses.
    init(configuration: WayOutConfiguration, hostFile: String? = nil, own: Set<IPv4Address> = HostRoutes.ownAddresses()) {
        let lines = (hostFile ?? Self.hostFile()).split(separator: "\n").map { $0.split { $0 == " " || $0 == "\t" } }
        let found = lines.filter { $0.first == "nameserver" && $0.count > 1 }.map { String($0[1]) }
        // As resolv.conf(5) has it: without any, the host's own.
        let wanted = configuration.nameServers.isEmpty ? (found.isEmpty ? ["127.0.0.1"] : found) : configuration.nameServers
        let denied = NetworkFilter.alwaysDenied + [configuration.subnet] + configuration.denied
        let reachable = wanted.filter { text in
            guard let address = IPv4Address(text) else { return false }
            return !own.contains(address) && !denied.contains { $0.contains(address) }
        }
        nameservers = reachable.isEmpty ? [Self.forwarder.description] : Array(reachable.prefix(3))
        upstream = Array(wanted.prefix(3))
        rest = lines.filter { ["search", "domain", "options"].contains($0.first) }.map { $0.joined(separator: " ") }
    }

    private static func hostFile() -> String {
        let text = System.readText("/etc/resolv.conf") ?? ""
        // systemd-resolved's stub: the servers behind it are in its other file, and can be asked without a detour.
        guard text.contains("nameserver 127.0.0.53"), let other = System.readText("/run/systemd/resolve/resolv.conf") else {
            return text
        }
        return other
    }
}
