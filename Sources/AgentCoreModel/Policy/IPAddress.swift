#if canImport(Glibc)
import Glibc
#endif

/// An IPv4 or IPv6 address; one of IPv4 written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 one.
public struct IPAddress: Sendable, Hashable {
    /// 4 or 16, in network order.
    let bytes: [UInt8]

    /// nil: not an address. A zone (`%eth0`) is dropped.
    public init?(_ text: some StringProtocol) {
        let text = String(text.prefix { $0 != "%" })
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let all = withUnsafeBytes(of: &six) { Array($0) }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        bytes = all.starts(with: mapped) ? Array(all[12...]) : all
    }
}

/// A range of addresses, `192.0.2.0/24`; one address stands for itself.
struct IPRange: Sendable, Hashable {
    let base: IPAddress
    /// Leading bits that count.
    let bits: Int

    init?(_ text: String) {
        let sides = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = IPAddress(sides[0]), !sides[0].contains("%") else { return nil }
        self.base = base
        if sides.count == 1 {
            bits = base.bytes.count * 8
        } else {
            guard sides[1].utf8.count <= 3, !sides[1].isEmpty, sides[1].utf8.allSatisfy(WireID.isDigit), let bits = Int(sides[1]),
                bits <= base.bytes.count * 8
            else { return nil }
            self.bits = bits
        }
    }

    func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == base.bytes.count else { return false }
        for index in 0..<(bits / 8) where address.bytes[index] != base.bytes[index] { return false }
        guard bits % 8 != 0 else { return true }
        return (address.bytes[bits / 8] ^ base.bytes[bits / 8]) >> UInt8(8 - bits % 8) == 0
    }
}
