import Crypto
public import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a list call asks for.
public struct PageRequest: Sendable, Equatable {
    /// 1–100, checked before.
    public var maxResults: Int
    public var nextToken: String?

    public init(maxResults: Int = 100, nextToken: String? = nil) {
        self.maxResults = maxResults
        self.nextToken = nextToken
    }
}

public struct Page<Item: Sendable>: Sendable {
    public var items: [Item]
    /// nil: this was the last page.
    public var nextToken: String?
}

extension Page: Equatable where Item: Equatable {}

/// Opaque `nextToken`s: a cursor, and a MAC over it and over the list it belongs to, so that a token
/// is of no use in another list, account or region, and none can be made up.
public struct PageToken: Sendable {
    private let secrets: SecretBox
    /// Bytes of the MAC that a token carries.
    private static let tagLength = 16

    public init(secrets: SecretBox) { self.secrets = secrets }

    /// The first one makes tokens, all are good: one given out before the master key changed, too.
    private var keys: [SymmetricKey] { secrets.derivedKeys("page tokens") }

    /// - Parameters:
    ///   - cursor: where the next page starts, in the list's own terms.
    ///   - list: everything that the list depends on: kind, account, region, parent.
    public func make(cursor: [String], list: [String]) -> String {
        let payload = Self.encode(cursor)
        // There is always a key that seals.
        return Self.text(payload + (keys.first.map { tag(payload, list, $0) } ?? []))
    }

    /// Throws the ValidationException of contract §7 for anything that `make` did not give out for this list.
    public func cursor(of token: String, list: [String], count: Int) throws(SignalboxError) -> [String] {
        guard let bytes = Self.bytes(token), bytes.count >= Self.tagLength else { throw Self.invalid }
        let payload = Array(bytes.dropLast(Self.tagLength))
        let given = bytes.suffix(Self.tagLength)
        // Constant time: a token must not be found byte by byte.
        let isOurs = keys.contains { key in
            zip(tag(payload, list, key), given).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
        }
        guard isOurs, let cursor = Self.decode(payload), cursor.count == count else { throw Self.invalid }
        return cursor
    }

    private static var invalid: SignalboxError {
        .validation(
            "The nextToken is not valid.", fields: [FieldFailure(name: "nextToken", message: "Not a token that this list returned")])
    }

    private func tag(_ payload: [UInt8], _ list: [String], _ key: SymmetricKey) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Self.encode(list) + [0] + payload, using: key).prefix(Self.tagLength))
    }

    /// Length-prefixed, hence unambiguous.
    private static func encode(_ parts: [String]) -> [UInt8] {
        parts.flatMap { part in Array("\(part.utf8.count):".utf8) + Array(part.utf8) }
    }

    private static func decode(_ bytes: [UInt8]) -> [String]? {
        var rest = bytes[...]
        var parts: [String] = []
        while !rest.isEmpty {
            guard let colon = rest.firstIndex(of: UInt8(ascii: ":")),
                let count = Int(String(decoding: rest[..<colon], as: UTF8.self)), count >= 0,
                rest.distance(from: colon, to: rest.endIndex) > count
            else { return nil }
            let start = colon + 1
            parts.append(String(decoding: rest[start..<(start + count)], as: UTF8.self))
            rest = rest[(start + count)...]
        }
        return parts
    }

    /// base64url without padding: `\S*` and safe in a query.
    private static func text(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func bytes(_ token: String) -> [UInt8]? {
        guard token.utf8.count <= 2048 else { return nil }
        var base64 = token.replacing("-", with: "+").replacing("_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: base64) else { return nil }
        // One text for one token: unused bits and other spellings are refused.
        return text(Array(data)) == token ? Array(data) : nil
    }
}
