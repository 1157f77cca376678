import Platform

/// Names and ids as the wire writes them (contract §3). Checked by hand because invocations pass
/// here; the patterns that the validator shows are the same.
public enum WireID {
    /// `<name>-<10 letters or digits>`, for runtimes and endpoints alike.
    public static func make(name: String) -> String { "\(name)-\(Identifier.alphanumeric(10))" }

    /// `[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}`
    public static func isRuntimeID(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        let length = bytes.count
        guard length >= 12, length <= 111 else { return false }
        var index = 0
        for byte in bytes {
            let isValid =
                switch index {
                case 0: isLetter(byte)
                case length - 11: byte == UInt8(ascii: "-")
                case (length - 10)...: isLetter(byte) || isDigit(byte)
                default: isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_")
                }
            guard isValid else { return false }
            index += 1
        }
        return true
    }

    /// `[a-zA-Z][a-zA-Z0-9_]{0,47}`: names of runtimes and endpoints.
    public static func isName(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, isLetter(first), bytes.count <= 48 else { return false }
        return bytes.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
    }

    /// The number of a version's wire form: "1" to "99999", no leading zero.
    public static func versionNumber(_ text: some StringProtocol) -> Int? {
        let bytes = text.utf8
        guard (1...5).contains(bytes.count), bytes.first != UInt8(ascii: "0"), bytes.allSatisfy(isDigit) else { return nil }
        return Int(text)
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
    }
    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    static func isAccount(_ text: some StringProtocol) -> Bool { text.utf8.count == 12 && text.utf8.allSatisfy(isDigit) }
}
