import CLinux
import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The host's side of sandboxes' networks, for any engine: gives a network namespace a default route to the world, and
/// keeps from it the host, its neighbours and what else ``NetworkFilter`` denies. Root only.
final class WayOut: Sendable {
    /// What all interfaces of all homes' sandboxes begin with.
    static let prefix = "sgb"
    /// What the way out is called inside.
    static let innerInterface = "eth0"
    /// How often other firewalls are looked at while sandboxes are out.
    private static let period = Duration.seconds(15)

    let configuration: WayOutConfiguration
    private let instance: String
    private let logger: Logger
    private let filter: NetworkFilter
    private let nft: Nft
    private let addresses: AddressPool
    private let ownNetwork: Descriptor
    private let names: NameForwarder
    /// The host as the filter knows it. Its lock is held while nft runs.
    private let seen: Mutex<Seen>
    private let open = Mutex<Set<String>>([])
    private let keeper = Mutex<Task<Void, Never>?>(nil)

    private struct Seen {
        var routes: HostRoutes
        var interfaces: Set<String>
        var obstacle: String?
    }

    /// Puts the filter in place. Blocks some milliseconds. Throws ``WayOutFailure`` where this host can't.
    ///
    /// - Parameters:
    ///   - instance: letters and digits that name the home on the host.
    ///   - runtimeDirectory: where supervisors of all homes meet.
    init(
        instance: String, configuration: WayOutConfiguration, runtimeDirectory: String = RuntimeDirectory.path, logger: Logger
    ) throws {
        guard let nft = Nft(), geteuid() == 0 else { throw WayOutFailure(Self.check() ?? "no nft") }
        let routes = HostRoutes()
        if let conflict = routes.conflict(with: configuration.subnet) {
            throw WayOutFailure(
                "sandboxes' addresses \(configuration.subnet) are in the way of \(conflict.network) on \(conflict.interface): choose others with --sandbox-subnet"
            )
        }
        self.nft = nft
        self.instance = instance
        self.configuration = configuration
        self.logger = logger
        filter = NetworkFilter(
            instance: instance, prefix: Self.prefix(of: instance), subnet: configuration.subnet, denied: configuration.denied)
        addresses = try AddressPool(subnet: configuration.subnet, runtimeDirectory: runtimeDirectory)
        let own = clinux_open_own_network()
        guard own >= 0 else { throw SystemFailure("opening the host's network namespace") }
        ownNetwork = Descriptor(own)
        names = try NameForwarder(logger: logger)
        // First the filter, then the forwarding.
        try nft.apply(filter.rules(uplinks: routes.uplinks))
        let obstacle = try ForwardingGate(nft: nft, filter: filter).ensure()
        seen = Mutex(Seen(routes: routes, interfaces: Self.others(), obstacle: obstacle))
        if let obstacle { logger.warning("sandboxes may have no way out: \(obstacle)") }
        try Self.forward(logger)
        keepUp()
    }

    /// Why this host gives sandboxes no way out: a sentence. `nil`: nothing known against it.
    static func check() -> String? {
        if geteuid() != 0 { return "sandboxes have no way out to a network: the supervisor is not root" }
        if Nft() == nil { return "sandboxes have no way out to a network: nft is not installed (apt-get install nftables)" }
        return nil
    }

    /// What stands in the way of all sandboxes just now, as a sentence.
    var warning: String? { seen.withLock { $0.obstacle }.map { "there may be no way out to a network: \($0)" } }

    // MARK: Leases

    /// Gives the namespace an address and a default route. Blocks a millisecond or so, a few more when the host's
    /// interfaces have changed.
    ///
    /// - Parameters:
    ///   - id: the sandbox's; 1–64 of letters, digits, `-`, `_`.
    ///   - network: the namespace, without an interface `eth0`.
    func open(_ id: String, network: Descriptor) throws -> WayOutLease {
        look(force: false)
        while true {
            let address = try addresses.take()
            let lease = WayOutLease(id: id, address: address, interface: Self.interface(address, instance: instance))
            do {
                guard try make(lease, network) else {
                    // Somebody's who has no lock: rather held by us than tried again and again.
                    logger.warning("the address \(address) is in use on this host")
                    continue
                }
                if resolver.isForwarded {
                    do {
                        try names.serve(lease.interface, network: network, own: ownNetwork, servers: resolver.upstream)
                    } catch {
                        remove(lease.interface)
                        throw error
                    }
                }
            } catch {
                addresses.giveBack(address)
                throw error
            }
            open.withLock { _ = $0.insert(lease.interface) }
            return lease
        }
    }

    /// Takes it all back. May be called twice, and when the namespace is gone.
    func close(_ lease: WayOutLease) {
        names.end(lease.interface)
        guard open.withLock({ $0.remove(lease.interface) }) != nil else { return }
        // Before the address, which the next one may get at once. If it can't be removed, the address stays taken.
        if remove(lease.interface) { addresses.giveBack(lease.address) }
    }

    /// At the supervisor's start: removes what an earlier one of this home left, but for the sandboxes `ids`, which live
    /// on. Returns their leases.
    ///
    /// - Parameter networks: the kept sandboxes' namespaces, so that names are served in them again.
    @discardableResult
    func reap(keeping ids: Set<String>, networks: [String: Descriptor] = [:]) -> [WayOutLease] {
        var kept: [WayOutLease] = []
        for lease in Self.leases(instance: instance) {
            guard ids.contains(lease.id), configuration.subnet.contains(lease.address), addresses.hold(lease.address) else {
                logger.notice("removing the network of sandbox \(lease.id) of an earlier supervisor")
                remove(lease.interface)
                continue
            }
            open.withLock { _ = $0.insert(lease.interface) }
            if resolver.isForwarded, let network = networks[lease.id] {
                do {
                    try names.serve(lease.interface, network: network, own: ownNetwork, servers: resolver.upstream)
                } catch {
                    logger.error("names can't be resolved in sandbox \(lease.id): \(error)")
                }
            }
            kept.append(lease)
        }
        return kept
    }

    /// At the supervisor's end: nothing of this home is left on the host but that it forwards.
    func shutDown() {
        keeper.withLock { $0 }?.cancel()
        names.close()
        for lease in Self.leases(instance: instance) { remove(lease.interface) }
        Self.removeFilter(filter, nft, logger)
    }

    /// What an earlier supervisor of the home left, where the next one gives no way out.
    static func removeAll(instance: String, logger: Logger) {
        for lease in leases(instance: instance) { _ = clinux_link_delete(lease.interface) }
        guard let nft = Nft() else { return }
        let filter = NetworkFilter(
            instance: instance, prefix: prefix(of: instance), subnet: WayOutConfiguration.usualSubnet, denied: [])
        guard let tables = try? nft.run(["list", "tables", "inet"]), tables.contains(" \(filter.table)\n") else { return }
        removeFilter(filter, nft, logger)
    }

    private static func removeFilter(_ filter: NetworkFilter, _ nft: Nft, _ logger: Logger) {
        do {
            try ForwardingGate(nft: nft, filter: filter).remove()
            try nft.apply("table inet \(filter.table)\ndelete table inet \(filter.table)\n")
        } catch {
            logger.error("the sandboxes' packet filter could not be removed: \(error)")
        }
    }

    // MARK: Names

    /// For `resolv.conf` inside. At least one, unless the host has none.
    var nameservers: [String] { resolver.nameservers }

    /// The whole of it.
    var resolverFile: String { resolver.file }

    private var resolver: Resolver { Resolver(configuration: configuration) }

    // MARK: Interfaces

    /// False: the address is in use.
    private func make(_ lease: WayOutLease, _ network: Descriptor) throws -> Bool {
        var step: UnsafePointer<CChar>?
        let result = lease.interface.withCString { name in
            Self.alias(lease.id, instance: instance).withCString { alias in
                Self.innerInterface.withCString { inner in
                    var veth = clinux_veth(
                        name: name, alias: alias, inner_name: inner, network: network.number, address: lease.address.number,
                        gateway: addresses.gateway.number)
                    return clinux_veth_open(&veth, ownNetwork.number, &step)
                }
            }
        }
        if result >= 0 { return result == 0 }
        let failure = SystemFailure(step.map { String(cString: $0) } ?? "rtnetlink")
        if failure.code == EOPNOTSUPP { throw WayOutFailure("the kernel has no virtual Ethernet (veth): \(failure)") }
        throw failure
    }

    @discardableResult
    private func remove(_ interface: String) -> Bool {
        if clinux_link_delete(interface) == 0 || errno == ENODEV { return true }
        logger.error("\(SystemFailure("removing the interface \(interface)"))")
        return false
    }

    // MARK: The host's changes

    /// Other interfaces than sandboxes'.
    private static func others() -> Set<String> { Set(HostRoutes.interfaces().filter { !$0.hasPrefix(prefix) }) }

    /// Keeps up with the host: a daemon that starts later brings a firewall of its own.
    private func look(force: Bool) {
        let routes = HostRoutes()
        let interfaces = Self.others()
        seen.withLock { seen in
            let isUnchanged = seen.routes == routes && seen.interfaces == interfaces
            guard force || !isUnchanged else { return }
            do {
                if seen.routes.uplinks != routes.uplinks { try nft.apply(filter.replacement(uplinks: routes.uplinks)) }
                let obstacle = try ForwardingGate(nft: nft, filter: filter).ensure()
                if let obstacle, seen.obstacle != obstacle { logger.warning("sandboxes may have no way out: \(obstacle)") }
                seen = Seen(routes: routes, interfaces: interfaces, obstacle: obstacle)
            } catch {
                logger.error("the sandboxes' packet filter can't be kept up to date: \(error)")
            }
        }
    }

    /// Looks again every now and then, for sandboxes that are out already.
    private func keepUp() {
        let thread = BlockingThread(name: "way-out")
        let task = Task { [weak self] in
            while (try? await Task.sleep(for: Self.period)) != nil {
                guard let self else { return }
                await thread.run {
                    self.names.sweep()
                    if !self.open.withLock({ $0.isEmpty }) { self.look(force: true) }
                }
            }
        }
        keeper.withLock { $0 = task }
    }

    /// Switched on, never off: others may count on it by then.
    private static func forward(_ logger: Logger) throws {
        let path = "/proc/sys/net/ipv4/ip_forward"
        guard System.readText(path)?.first != "1" else { return }
        do {
            try System.put("1", into: path)
        } catch {
            throw WayOutFailure("this host does not forward packets, and that can't be changed: \(error)")
        }
        logger.notice("switched on the forwarding of packets (net.ipv4.ip_forward), for the sandboxes' way out")
    }
}
