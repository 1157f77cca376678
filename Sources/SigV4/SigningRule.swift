/// How a service forms the canonical path.
public enum SigningRule: Sendable {
    /// Dot segments and doubled slashes are removed, then what is on the wire is percent-encoded once
    /// more: `%3A` becomes `%253A` (contract §1).
    case standard
    /// Encoded once and otherwise left alone: object keys may hold `//` and `..`.
    case s3

    /// Objects are under service `s3`, all else under the standard rule.
    public init(service: String) { self = service == "s3" ? .s3 : .standard }
}

/// The parts of a request that a signature covers, exactly as on the wire.
public struct SigV4Request: Sendable {
    public var method: String
    /// Before the `?`, still encoded.
    public var rawPath: String
    /// After the `?`, without it; empty when there is none.
    public var rawQuery: String
    /// In the order of the wire, names in any case, repeated names allowed.
    public var headers: [(String, String)]

    public init(method: String, rawPath: String, rawQuery: String = "", headers: [(String, String)]) {
        self.method = method
        self.rawPath = rawPath
        self.rawQuery = rawQuery
        self.headers = headers
    }

    /// The value of a header that may be given once; an error when it is given twice.
    func single(_ name: String) throws(SigV4Error) -> String? {
        var found: String?
        for header in headers where ASCII.equalsLowercased(header.0, name) {
            guard found == nil else { throw .incomplete("The header '\(name)' must be given once.") }
            found = header.1
        }
        return found
    }
}

enum ASCII {
    /// Whether `name` in lower case equals `lowercase`; never allocates.
    @inline(__always)
    static func equalsLowercased(_ name: String, _ lowercase: some StringProtocol) -> Bool {
        let left = name.utf8
        let right = lowercase.utf8
        guard left.count == right.count else { return false }
        var other = right.makeIterator()
        for byte in left where lower(byte) != other.next() { return false }
        return true
    }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    static func hasPrefixLowercased(_ name: String, _ prefix: StaticString) -> Bool {
        guard name.utf8.count >= prefix.utf8CodeUnitCount else { return false }
        return prefix.withUTF8Buffer { expected in
            zip(name.utf8, expected).allSatisfy { lower($0) == $1 }
        }
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// RFC 3986 unreserved: what percent-encoding leaves alone.
    @inline(__always)
    static func isUnreserved(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return (letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z")) || isDigit(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "~")
    }
}
