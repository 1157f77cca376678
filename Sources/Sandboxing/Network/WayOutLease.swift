import CLinux

/// One sandbox's cable to the host. The interface's name holds the address, what is written on it the home and the
/// sandbox, so that whoever finds it knows the lease.
struct WayOutLease: Sendable, Equatable {
    var id: String
    var address: IPv4Address
    /// On the host.
    var interface: String
}

extension WayOut {
    /// Four letters tell homes apart on the host; that it is this home is told by the alias.
    static func prefix(of instance: String) -> String {
        var hash: UInt32 = 2_166_136_261
        for byte in instance.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let digits = String(hash % 1_679_616, radix: 36)
        return prefix + String(repeating: "0", count: 4 - digits.count) + digits
    }

    static func interface(_ address: IPv4Address, instance: String) -> String {
        let digits = String(address.number, radix: 16)
        return prefix(of: instance) + String(repeating: "0", count: 8 - digits.count) + digits
    }

    static func alias(_ id: String, instance: String) -> String { "signalbox:\(instance):\(id)" }

    /// All that the home has on this host, also those of a supervisor that was killed.
    static func leases(instance: String) -> [WayOutLease] {
        let beginning = prefix(of: instance)
        return HostRoutes.interfaces().compactMap { name in
            guard name.hasPrefix(beginning), name.utf8.count == beginning.utf8.count + 8,
                let number = UInt32(name.dropFirst(beginning.count), radix: 16)
            else { return nil }
            var text = [CChar](repeating: 0, count: 256)
            guard clinux_link_alias(name, &text, text.count) == 0 else { return nil }
            let alias = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            let own = Self.alias("", instance: instance)
            // Killed between making and naming it: nothing ran yet.
            guard alias.hasPrefix(own) || alias.isEmpty else { return nil }
            return WayOutLease(id: String(alias.dropFirst(own.count)), address: IPv4Address(number), interface: name)
        }
    }
}
