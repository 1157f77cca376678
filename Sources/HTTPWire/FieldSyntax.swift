/// Syntax of header fields (RFC 9110 §5), shared by both directions.
public enum FieldSyntax {
    /// tchar of RFC 9110 §5.6.2, one bit for each of the first 128 bytes.
    private static let tokenBits: (UInt64, UInt64) = {
        var bits: (UInt64, UInt64) = (0, 0)
        let letters = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        for byte in letters.utf8 {
            if byte < 64 { bits.0 |= 1 << UInt64(byte) } else { bits.1 |= 1 << UInt64(byte - 64) }
        }
        return bits
    }()

    @inline(__always)
    static func isTokenByte(_ byte: UInt8) -> Bool {
        if byte >= 128 { return false }
        return byte < 64 ? tokenBits.0 >> UInt64(byte) & 1 == 1 : tokenBits.1 >> UInt64(byte - 64) & 1 == 1
    }

    public static func isToken(_ name: String) -> Bool {
        !name.isEmpty && all(name, isTokenByte)
    }

    /// No control characters but the horizontal tab.
    public static func isValue(_ value: String) -> Bool { all(value, isValueByte) }

    /// Over the bytes themselves: the view's own iterator costs several times as much.
    @inline(__always)
    private static func all(_ text: String, _ rule: (UInt8) -> Bool) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { bytes in
            for byte in bytes where !rule(byte) { return false }
            return true
        } ?? text.utf8.allSatisfy(rule)
    }

    @inline(__always)
    static func isValueByte(_ byte: UInt8) -> Bool { (byte >= 0x20 && byte != 0x7F) || byte == 0x09 }

    /// Visible ASCII without the fragment's mark.
    static func isTarget(_ target: String) -> Bool {
        all(target) { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
    }

    /// `host[:port]`: no user, no path, no list.
    static func isHost(_ value: String) -> Bool {
        guard !value.isEmpty else { return false }
        return value.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "%"), UInt8(ascii: "~"):
                return true
            default:
                return false
            }
        }
    }

    /// Digits only: no sign, no list, no space. At most 18 of them, so it cannot overflow.
    static func length(_ value: some StringProtocol) -> Int? { length(bytes: value.utf8) }

    static func length(bytes: some Collection<UInt8>) -> Int? {
        guard (1...18).contains(bytes.count) else { return nil }
        var result = 0
        for byte in bytes {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            result = result * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return result
    }
}

/// ASCII case folding only; `lowercase` must already be lower case.
public func equalsIgnoringCase(_ text: String, _ lowercase: String) -> Bool {
    guard text.utf8.count == lowercase.utf8.count else { return false }
    let fast = text.utf8.withContiguousStorageIfAvailable { left in
        lowercase.utf8.withContiguousStorageIfAvailable { right in
            equalsIgnoringCase(UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
        }
    }
    if let result = fast ?? nil { return result }
    return zip(text.utf8, lowercase.utf8).allSatisfy { folded($0) == $1 }
}

func equalsIgnoringCase(bytes: UnsafeRawBufferPointer, _ lowercase: StaticString) -> Bool {
    equalsIgnoringCase(bytes, UnsafeRawBufferPointer(start: lowercase.utf8Start, count: lowercase.utf8CodeUnitCount))
}

func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ lowercase: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count == lowercase.count else { return false }
    for index in 0..<bytes.count where folded(bytes[index]) != lowercase[index] { return false }
    return true
}

@inline(__always)
private func folded(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}
