/// What sandboxes' packets may do on the host, as a table of nftables: one for each home, so that one command removes it.
struct NetworkFilter: Sendable {
    /// Never a destination: this host, the link with its metadata services, groups, reserved numbers.
    static let alwaysDenied = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"].compactMap {
        IPv4Range($0)
    }

    /// Letters and digits.
    let instance: String
    /// What the names of this home's interfaces begin with.
    let prefix: String
    let subnet: IPv4Range
    let denied: [IPv4Range]

    var table: String { "signalbox_\(instance)" }

    /// Replaces the table at one blow, so that there is no moment without.
    func rules(uplinks: Set<String>) -> String {
        let list = (Self.alwaysDenied + [subnet] + denied).map(\.description).joined(separator: ", ")
        let ours = "iifname \"\(prefix)*\""
        return """
            table inet \(table)
            delete table inet \(table)
            table inet \(table) {
              set uplinks { type ifname; \(Self.elements(uplinks)) }
              set denied { type ipv4_addr; flags interval; auto-merge; elements = { \(list) } }
              # At once, so that no agent waits for what it never gets. The kernel sends few messages of ICMP, resets at will.
              chain refuse {
                meta l4proto tcp reject with tcp reset
                reject with icmp type admin-prohibited
              }
              chain entry {
                type filter hook prerouting priority raw; policy accept;
                \(ours) jump from_sandbox
              }
              chain from_sandbox {
                meta nfproto != ipv4 drop
                ip saddr != \(subnet) drop comment "another's address"
                fib saddr . iif oif missing drop comment "another sandbox's address"
                fib daddr type { local, broadcast, anycast, multicast } goto refuse comment "this host"
                ip daddr @denied goto refuse
              }
              chain arriving {
                type filter hook input priority filter; policy accept;
                \(ours) drop
              }
              chain passing {
                type filter hook forward priority filter; policy accept;
                \(ours) oifname "\(WayOut.prefix)*" goto refuse comment "other sandboxes"
                \(ours) meta oifkind { "bridge", "veth" } oifname != @uplinks goto refuse comment "containers beside us"
                oifname "\(prefix)*" ct state established,related accept
                oifname "\(prefix)*" drop
              }
              chain leaving {
                type nat hook postrouting priority srcnat; policy accept;
                ip saddr \(subnet) oifname != "\(WayOut.prefix)*" masquerade
              }
            }

            """
    }

    func replacement(uplinks: Set<String>) -> String {
        let clear = "flush set inet \(table) uplinks\n"
        let names = uplinks.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
        return uplinks.isEmpty ? clear : clear + "add element inet \(table) uplinks { \(names) }\n"
    }

    private static func elements(_ uplinks: Set<String>) -> String {
        guard !uplinks.isEmpty else { return "" }
        return "elements = { \(uplinks.sorted().map { "\"\($0)\"" }.joined(separator: ", ")) }"
    }
}
