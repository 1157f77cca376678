/// Percent-encoding of path segments and query parts (RFC 3986, as AWS SDKs use it).
public enum PercentEncoding {
    /// Decodes once. nil when a `%` is not followed by two hexadecimal digits or the result is not
    /// UTF-8. `+` stays `+`.
    public static func decode(_ text: some StringProtocol) -> String? {
        let utf8 = text.utf8
        guard utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var output: [UInt8] = []
        output.reserveCapacity(utf8.count)
        var index = utf8.startIndex
        while index < utf8.endIndex {
            let byte = utf8[index]
            utf8.formIndex(after: &index)
            guard byte == UInt8(ascii: "%") else {
                output.append(byte)
                continue
            }
            guard index < utf8.endIndex, let high = Hexadecimal.value(utf8[index]) else { return nil }
            utf8.formIndex(after: &index)
            guard index < utf8.endIndex, let low = Hexadecimal.value(utf8[index]) else { return nil }
            utf8.formIndex(after: &index)
            output.append(high << 4 | low)
        }
        return String(validating: output, as: UTF8.self)
    }

    /// Encodes everything but `A-Z a-z 0-9 - _ . ~`, as SDKs encode a path parameter.
    public static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count + 16)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"): output.append(byte)
            case _ where WireID.isLetter(byte) || WireID.isDigit(byte): output.append(byte)
            default:
                output.append(UInt8(ascii: "%"))
                output.append(digits[Int(byte >> 4)])
                output.append(digits[Int(byte & 15)])
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// The parts of a raw query, decoded once, in their order; nil when one is malformed. A part
    /// without `=` has an empty value. `+` stays `+`, as SDKs write spaces `%20`.
    public static func query(_ raw: some StringProtocol) -> [(String, String)]? {
        var parts: [(String, String)] = []
        for part in raw.split(separator: "&", omittingEmptySubsequences: true) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(sides[0]), let value = decode(sides.count == 2 ? sides[1] : "") else { return nil }
            parts.append((name, value))
        }
        return parts
    }
}
