/// Other firewalls of the host that forward nothing unless told: Docker's and ufw's. A packet has to pass every
/// table, so that ours can't let through what theirs drops; theirs needs a rule for our interfaces.
struct ForwardingGate: Sendable {
    let nft: Nft
    let filter: NetworkFilter

    /// Tells our rules among theirs. Comments don't outlive iptables-save and iptables-restore.
    private var mark: String { "\"\(filter.prefix)*\"" }

    /// Makes sure that the rules are where they are needed. Returns what stands in the way all the same.
    func ensure() throws -> String? {
        let chains = try nft.run(["list", "chains"])
        let forwarding = Self.forwarding(in: chains)
        if forwarding.contains(where: { $0.table == "ip filter" && $0.drops }) {
            let forward = try nft.run(["list", "chain", "ip", "filter", "FORWARD"])
            // The place that Docker leaves for rules of others, before its own.
            let target = forward.contains("jump DOCKER-USER") ? "DOCKER-USER" : "FORWARD"
            let present = target == "FORWARD" ? forward : try nft.run(["list", "chain", "ip", "filter", target])
            if !present.contains(mark) {
                // As iptables would have made them: of a table with anything else in it, `ct` too, iptables wouldn't list
                // a single rule any more. Who may connect to a sandbox is decided by our own table.
                try nft.apply(
                    """
                    insert rule ip filter \(target) oifname \(mark) counter accept
                    insert rule ip filter \(target) iifname \(mark) counter accept

                    """)
            }
        }
        guard let other = forwarding.first(where: { $0.table != "ip filter" && $0.drops }) else { return nil }
        return "the chain \(other.chain) of the host's nftables table \(other.table) drops what is forwarded; it needs a rule"
            + " that accepts iifname \"\(WayOut.prefix)*\""
    }

    /// Takes our rules out again.
    func remove() throws {
        for chain in ["DOCKER-USER", "FORWARD"] {
            guard let list = try? nft.run(["-a", "list", "chain", "ip", "filter", chain]) else { continue }
            let handles = list.split(separator: "\n").filter { $0.contains(mark) }
                .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
            if !handles.isEmpty {
                try nft.apply(handles.map { "delete rule ip filter \(chain) handle \($0)\n" }.joined())
            }
        }
    }

    struct Chain: Equatable {
        var table: String
        var chain: String
        var drops: Bool
    }

    /// The chains of IPv4 that every forwarded packet passes, from `nft list chains`.
    static func forwarding(in list: String) -> [Chain] {
        var result: [Chain] = []
        var table = ""
        var chain = ""
        for line in list.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            if words.first == "table", words.count > 2 { table = words[1...2].joined(separator: " ") }
            if words.first == "chain", words.count > 1 { chain = String(words[1]) }
            guard let hook = words.firstIndex(of: "hook"), hook + 1 < words.count, words[hook + 1] == "forward" else { continue }
            guard table.hasPrefix("ip ") || table.hasPrefix("inet ") else { continue }
            result.append(Chain(table: table, chain: chain, drops: line.contains("policy drop")))
        }
        return result
    }
}
