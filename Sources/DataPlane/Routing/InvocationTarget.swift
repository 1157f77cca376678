public import Platform
public import Store

/// What an invocation's request target names.
public struct InvocationTarget: Sendable, Equatable {
    public enum Agent: Sendable, Equatable {
        case arn(region: String, account: String, runtimeID: String)
        /// A bare id, with the account from the query if it was given (contract §5).
        case id(String, account: String?)
    }

    public var agent: Agent
    /// Endpoint name; `DEFAULT` unless given.
    public var qualifier: String
    /// The agent as the caller wrote it, decoded, for messages.
    public var text: String
    /// Target before and after the question mark, as on the wire: what was signed.
    public var rawPath: String
    public var rawQuery: String

    /// Whether a path is an invocation's, judged from the right: ARNs may stand in it unencoded.
    public static func matches(_ target: String) -> Bool {
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard path.starts(with: "/runtimes/".utf8) else { return false }
        guard hasSuffix(path, "/invocations") || hasSuffix(path, "/invocations/") else { return false }
        // An endpoint may be called `invocations`, an agent cannot be called `runtime-endpoints`.
        return !hasSuffix(path, "/runtime-endpoints/invocations") && !hasSuffix(path, "/runtime-endpoints/invocations/")
    }

    private static func hasSuffix(_ path: Substring.UTF8View, _ suffix: String) -> Bool {
        path.count >= "/runtimes/".utf8.count + suffix.utf8.count && path.suffix(suffix.utf8.count).elementsEqual(suffix.utf8)
    }

    /// For the runtime a path names when it is `/runtimes/{agent}/{operation}`, such as `stopruntimesession`.
    public init(_ target: String, operation: String = "invocations") throws(SignalboxError) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        rawPath = String(parts[0])
        rawQuery = parts.count > 1 ? String(parts[1]) : ""
        var middle = parts[0]
        if middle.hasSuffix("/") { middle.removeLast() }
        middle = middle.dropFirst("/runtimes/".count).dropLast(operation.count + 1)
        guard let decoded = PercentCoding.decode(middle) else {
            throw Self.malformed(String(middle), member: "agentRuntimeArn")
        }
        text = decoded
        let query = try Self.query(rawQuery)
        qualifier = query.qualifier ?? "DEFAULT"
        if decoded.hasPrefix("arn:") {
            guard let arn = Self.arn(decoded) else { throw Self.malformed(decoded, member: "agentRuntimeArn") }
            agent = arn
        } else {
            guard Self.isRuntimeID(decoded[...]) else { throw Self.malformed(decoded, member: "agentRuntimeArn") }
            agent = .id(decoded, account: query.account)
        }
    }

    public var runtimeID: String {
        switch agent {
        case .arn(_, _, let id), .id(let id, _): id
        }
    }

    /// The route for a caller. Another region's agent does not exist for it; whether another tenant's
    /// does is for policies to say (ADR 5).
    public func routeKey(for account: String, region: String) throws(SignalboxError) -> RouteKey {
        var owner = account
        switch agent {
        case .arn(let arnRegion, let arnAccount, _):
            guard arnRegion == region else { throw notFound(account: account, region: region) }
            owner = arnAccount
        case .id(_, let named): owner = named ?? account
        }
        return RouteKey(account: owner, region: region, runtimeID: runtimeID, endpointName: qualifier)
    }

    /// Wording of the service (contract §4), the same for what does not exist and for what a caller may not know of.
    public func notFound(account: String, region: String) -> SignalboxError {
        let agentText: String
        switch agent {
        case .arn: agentText = text
        case .id(let id, let named): agentText = "arn:aws:bedrock-agentcore:\(region):\(named ?? account):runtime/\(id)"
        }
        return .notFound("No endpoint or agent found with qualifier '\(qualifier)' for agent '\(agentText)'")
    }

    // MARK: Parsing

    private static func arn(_ text: String) -> Agent? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[1] == "aws" || (parts[1].hasPrefix("aws-") && parts[1].utf8.count > 4),
            parts[2] == "bedrock-agentcore", !parts[3].isEmpty,
            parts[3].utf8.allSatisfy({ isLower($0) || isDigit($0) || $0 == UInt8(ascii: "-") }),
            parts[4].utf8.count == 12, parts[4].utf8.allSatisfy(isDigit), parts[5].hasPrefix("runtime/")
        else { return nil }
        let id = parts[5].dropFirst("runtime/".count)
        guard isRuntimeID(id) else { return nil }
        return .arn(region: String(parts[3]), account: String(parts[4]), runtimeID: String(id))
    }

    /// `[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}` (contract §3).
    static func isRuntimeID(_ id: Substring) -> Bool {
        let bytes = Array(id.utf8)
        guard (12...111).contains(bytes.count), isLetter(bytes[0]) else { return false }
        let dash = bytes.count - 11
        guard bytes[dash] == UInt8(ascii: "-") else { return false }
        return bytes[..<dash].allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
            && bytes[(dash + 1)...].allSatisfy { isLetter($0) || isDigit($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    private static func isLower(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
    private static func isLetter(_ byte: UInt8) -> Bool { isLower(byte | 0x20) }

    private static func query(_ raw: String) throws(SignalboxError) -> (qualifier: String?, account: String?) {
        var qualifier: String?
        var account: String?
        for pair in raw.split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides[0] == "qualifier" || sides[0] == "accountId" else { continue }
            guard let value = PercentCoding.decode(sides.count > 1 ? sides[1] : "") else {
                throw malformed(String(pair), member: String(sides[0]))
            }
            if sides[0] == "qualifier" {
                // Which of two is meant cannot be known.
                guard qualifier == nil else { throw .validation("The query parameter 'qualifier' is given more than once.") }
                qualifier = value.isEmpty ? nil : value
            } else {
                guard account == nil else { throw .validation("The query parameter 'accountId' is given more than once.") }
                guard value.utf8.count == 12, value.utf8.allSatisfy(isDigit) else {
                    throw malformed(value, member: "accountId", pattern: "[0-9]{12}")
                }
                account = value
            }
        }
        return (qualifier, account)
    }

    private static let arnPattern =
        "arn:aws(-[^:]+)?:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:runtime/[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}"

    private static func malformed(_ value: String, member: String, pattern: String = arnPattern) -> SignalboxError {
        // A caller's 10 KB need not come back whole.
        let shown = value.unicodeScalars.count > 256 ? String(String.UnicodeScalarView(value.unicodeScalars.prefix(256))) + "…" : value
        return constraint(shown, member: member, "Member must satisfy regular expression pattern: \(pattern)")
    }

    /// One broken constraint in the service's wording (contract §4).
    static func constraint(_ value: String, member: String, _ rule: String) -> SignalboxError {
        .validation(
            "1 validation error detected: Value '\(value)' at '\(member)' failed to satisfy constraint: \(rule)",
            fields: [FieldFailure(name: member, message: rule)])
    }
}

/// Percent-decoding, once: what is still encoded afterwards was encoded twice and stays so.
enum PercentCoding {
    /// nil: a malformed escape, or not UTF-8.
    static func decode(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(nibble), let low = iterator.next().flatMap(nibble) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
