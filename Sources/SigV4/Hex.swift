/// Lower-case hexadecimal, as signatures and hashes are written.
enum Hex {
    static func append(_ bytes: some Sequence<UInt8>, to output: inout [UInt8]) {
        for byte in bytes {
            output.append(digit(byte >> 4))
            output.append(digit(byte & 15))
        }
    }

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(64)
        append(bytes, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @inline(__always)
    static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x57 + nibble }

    @inline(__always)
    static func upperDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 0x30 + nibble : 0x37 + nibble }

    /// Value of a digit of either case.
    static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x57
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x37
        default: nil
        }
    }

    /// The 32 bytes of 64 lower-case digits.
    static func digest(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count == 64 else { return nil }
        var output = [UInt8](repeating: 0, count: 32)
        for index in 0..<32 {
            let first = text[2 * index]
            let second = text[2 * index + 1]
            guard let high = value(first), let low = value(second), ASCII.lower(first) == first, ASCII.lower(second) == second
            else { return nil }
            output[index] = high << 4 | low
        }
        return output
    }
}
