/// Constraints of a shape as data: the validator, the conformance dump and later the OpenAPI
/// document all read the same value. Source: botocore's `service-2.json` and contract §3.
public struct Schema: Sendable {
    /// The shape's name in botocore's model.
    public let name: String
    public let kind: Kind
    /// Never echoed in messages or logs.
    public let isSensitive: Bool

    public indirect enum Kind: Sendable {
        /// Lengths count Unicode scalars; `values` non-empty makes it an enumeration.
        case string(length: Limits, pattern: Pattern?, values: [String])
        case integer(Limits)
        case boolean
        /// ISO-8601 text (contract §1, `DateTimestamp`).
        case timestamp
        /// Seconds since 1970 as a JSON number (contract §1, `Timestamp`).
        case epochTimestamp
        /// Raw bytes of a body.
        case blob(length: Limits)
        case list(of: Schema, count: Limits)
        case map(key: Schema, value: Schema, count: Limits)
        case structure([Member])
        /// A structure of which exactly one member is set.
        case union([Member])
        /// Any JSON.
        case document
    }

    /// Inclusive bounds; a side that the model leaves open is nil.
    public struct Limits: Sendable, Equatable {
        public var minimum: Int?
        public var maximum: Int?

        public static let none = Limits(minimum: nil, maximum: nil)

        public init(minimum: Int?, maximum: Int?) {
            self.minimum = minimum
            self.maximum = maximum
        }
        init(_ range: ClosedRange<Int>) { self.init(minimum: range.lowerBound, maximum: range.upperBound) }
        init(_ range: PartialRangeFrom<Int>) { self.init(minimum: range.lowerBound, maximum: nil) }
    }

    public struct Member: Sendable {
        public let name: String
        public let schema: Schema
        public let isRequired: Bool
        public let location: Location
        /// SDKs fill it with a fresh UUID when the caller gives none.
        public let isIdempotencyToken: Bool
        /// Why a request that carries this member is refused: losing it silently would mislead.
        public let refusal: String?
    }

    /// Where a member travels.
    public enum Location: Sendable, Equatable {
        case body
        case path
        case query(String)
        /// A map: every query parameter whose name begins so, the rest of the name being the key.
        case queryMap(prefix: String)
        case header(String)
        /// The raw body is the member.
        case payload
        case statusCode
    }

    init(_ name: String, _ kind: Kind, sensitive: Bool = false) {
        self.name = name
        self.kind = kind
        self.isSensitive = sensitive
    }

    /// Members of a structure or union; empty for the rest.
    public var members: [Member] {
        switch kind {
        case .structure(let members), .union(let members): members
        default: []
        }
    }
}

/// A wire shape: a Codable structure whose properties have the wire's names.
public protocol Shape: Codable, Sendable, Equatable {
    static var schema: Schema { get }
}

extension Schema {
    static func string(
        _ name: String, _ length: ClosedRange<Int>? = nil, minimum: Int? = nil, pattern: StaticString? = nil,
        sensitive: Bool = false
    ) -> Schema {
        let limits = length.map { Limits($0) } ?? Limits(minimum: minimum, maximum: nil)
        return Schema(name, .string(length: limits, pattern: pattern.map { Pattern($0) }, values: []), sensitive: sensitive)
    }

    static func enumeration<Value: CaseIterable & RawRepresentable<String>>(_ name: String, _ type: Value.Type) -> Schema {
        Schema(name, .string(length: .none, pattern: nil, values: type.allCases.map(\.rawValue)))
    }

    static func integer(_ name: String, _ range: ClosedRange<Int>? = nil) -> Schema {
        Schema(name, .integer(range.map { Limits($0) } ?? .none))
    }

    static func list(_ name: String, of element: Schema, _ count: ClosedRange<Int>) -> Schema {
        Schema(name, .list(of: element, count: Limits(count)))
    }
    static func list(_ name: String, of element: Schema, atLeast minimum: Int? = nil) -> Schema {
        Schema(name, .list(of: element, count: Limits(minimum: minimum, maximum: nil)))
    }

    static func map(_ name: String, _ key: Schema, _ value: Schema, _ count: ClosedRange<Int>, sensitive: Bool = false) -> Schema {
        Schema(name, .map(key: key, value: value, count: Limits(count)), sensitive: sensitive)
    }

    static func structure(_ name: String, _ members: [Member]) -> Schema { Schema(name, .structure(members)) }
    static func union(_ name: String, _ members: [Member]) -> Schema { Schema(name, .union(members)) }

    static let boolean = Schema("Boolean", .boolean)
    static let plainString = Schema.string("String")
    static let dateTimestamp = Schema("DateTimestamp", .timestamp)
    static let epochTimestamp = Schema("Timestamp", .epochTimestamp)
}

extension Schema.Member {
    static func required(_ name: String, _ schema: Schema, in location: Schema.Location = .body) -> Self {
        Self(name: name, schema: schema, isRequired: true, location: location, isIdempotencyToken: false, refusal: nil)
    }
    static func optional(_ name: String, _ schema: Schema, in location: Schema.Location = .body) -> Self {
        Self(name: name, schema: schema, isRequired: false, location: location, isIdempotencyToken: false, refusal: nil)
    }
    static func idempotencyToken(_ name: String, _ schema: Schema, in location: Schema.Location = .body) -> Self {
        Self(name: name, schema: schema, isRequired: false, location: location, isIdempotencyToken: true, refusal: nil)
    }
    /// A member known by name only, refused when present.
    static func refused(_ name: String, because reason: String) -> Self {
        Self(
            name: name, schema: Schema("Document", .document), isRequired: false, location: .body,
            isIdempotencyToken: false, refusal: reason)
    }
}
