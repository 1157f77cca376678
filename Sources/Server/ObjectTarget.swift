import Artifacts

/// What a path-style request names: `/_s3`, `/_s3/{bucket}` or `/_s3/{bucket}/{key…}`, and its query.
///
/// Read from the path as it came on the wire: a key may hold empty components and slashes at its
/// ends, which routers normalise away, and is percent-decoded exactly once.
struct ObjectTarget: Equatable {
    static let prefix = "/_s3"

    /// Whether a request's target is the prefix, or below it.
    static func isOne(_ target: String) -> Bool {
        guard target.utf8.starts(with: prefix.utf8) else { return false }
        return [nil, UInt8(ascii: "/"), UInt8(ascii: "?")].contains(target.utf8.dropFirst(prefix.utf8.count).first)
    }

    var bucket: String?
    var key: String?
    private var query: [(name: String, value: String)] = []

    /// `target`: path and query of the request line. Throws `InvalidArgument` for bad escapes.
    init(_ target: String) throws(ObjectError) {
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = (halves.first ?? "").dropFirst(Self.prefix.count)
        let parts = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        // The first part is what stands before the slash behind the prefix: nothing.
        if parts.count > 1, !parts[1].isEmpty { bucket = try Self.decoded(parts[1]) }
        if parts.count > 2, !parts[2].isEmpty { key = try Self.decoded(parts[2]) }
        guard bucket != nil || key == nil else { throw ObjectError(.invalidBucketName, "The specified bucket is not valid.") }
        guard halves.count > 1 else { return }
        for pair in halves[1].split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query.append(
                (try Self.decoded(sides[0], plusIsSpace: true), try Self.decoded(sides.count > 1 ? sides[1] : "", plusIsSpace: true)))
        }
    }

    static func == (left: ObjectTarget, right: ObjectTarget) -> Bool {
        left.bucket == right.bucket && left.key == right.key
            && left.query.elementsEqual(right.query, by: { $0.name == $1.name && $0.value == $1.value })
    }

    /// The value of a query parameter: empty for `?uploads`, nil when absent.
    subscript(_ name: String) -> String? { query.first { $0.name == name }?.value }

    func has(_ name: String) -> Bool { self[name] != nil }

    /// A whole number in a query parameter. Throws `InvalidArgument`.
    func number(_ name: String) throws(ObjectError) -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), number >= 0 else {
            throw ObjectError(.invalidArgument, "Provided \(name) not an integer or within integer range")
        }
        return number
    }

    /// Parts of the S3 API that are asked for by a query parameter and not there.
    private static let unsupported: Set<String> = [
        "accelerate", "acl", "analytics", "attributes", "cors", "encryption", "intelligent-tiering", "inventory",
        "legal-hold", "lifecycle", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy",
        "policyStatus", "publicAccessBlock", "replication", "requestPayment", "restore", "retention", "select", "tagging",
        "torrent", "versioning", "versions", "website",
    ]

    /// Throws `NotImplemented` when the request asks for such a part.
    func checkSupported() throws(ObjectError) {
        if let name = query.first(where: { Self.unsupported.contains($0.name) })?.name {
            throw ObjectError(.notImplemented, "A header or query you provided implies functionality that is not implemented: \(name).")
        }
    }

    private static func decoded(_ text: Substring, plusIsSpace: Bool = false) throws(ObjectError) -> String {
        let invalid = ObjectError(.invalidArgument, "Couldn't parse the specified URI.")
        var result: [UInt8] = []
        var bytes = Array(text.utf8)[...]
        func digit(_ byte: UInt8) -> UInt8? {
            UnicodeScalar(byte).properties.isASCIIHexDigit ? UInt8(String(UnicodeScalar(byte)), radix: 16) : nil
        }
        while let byte = bytes.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = bytes.popFirst().flatMap(digit), let low = bytes.popFirst().flatMap(digit) else { throw invalid }
                result.append(high << 4 | low)
            } else {
                result.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        guard let decoded = String(validating: result, as: UTF8.self) else { throw invalid }
        return decoded
    }

    /// `encoding-type=url` of the list operations: everything but unreserved characters and `/`.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x2f, 0x5f, 0x7e: result.append(byte)
            default: result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
