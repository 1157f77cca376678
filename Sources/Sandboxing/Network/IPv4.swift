/// An address of IPv4, in host order.
public struct IPv4Address: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var number: UInt32

    public init(_ number: UInt32) { self.number = number }

    /// `nil`: not four decimal numbers of at most 255.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        number = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let byte = UInt8(part) else {
                return nil
            }
            number = number << 8 | UInt32(byte)
        }
    }

    public var description: String { "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)" }

    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// Addresses with a common beginning: `10.0.0.0/8`.
public struct IPv4Range: Sendable, Hashable, CustomStringConvertible {
    public let first: IPv4Address
    /// Bits that all have in common, 0 to 32.
    public let length: Int

    public init(_ first: IPv4Address, length: Int) {
        self.length = min(max(length, 0), 32)
        self.first = IPv4Address(first.number & Self.mask(self.length))
    }

    /// An address, or one with `/LENGTH`. `nil`: neither, or bits set behind the length.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first.flatMap({ IPv4Address($0) }) else { return nil }
        var length = 32
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]), given <= 32 else { return nil }
            length = given
        }
        self.init(first, length: length)
        guard self.first == first else { return nil }
    }

    public var last: IPv4Address { IPv4Address(first.number | ~Self.mask(length)) }

    public func contains(_ address: IPv4Address) -> Bool { first <= address && address <= last }

    public func overlaps(_ other: IPv4Range) -> Bool { first <= other.last && other.first <= last }

    public var description: String { "\(first)/\(length)" }

    private static func mask(_ length: Int) -> UInt32 { length == 0 ? 0 : ~0 << UInt32(32 - length) }
}
