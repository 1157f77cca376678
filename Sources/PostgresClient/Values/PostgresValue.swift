#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A typed statement parameter, sent in PostgreSQL's binary format.
public enum PostgresValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// bigint
    case int(Int64)
    /// integer
    case int32(Int32)
    case double(Double)
    case text(String)
    case bytes([UInt8])
    /// timestamptz, microseconds
    case timestamp(Date)
    /// jsonb, as JSON text
    case json(String)
    case textArray([String])
    /// bigint[]
    case intArray([Int64])
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral {
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }

    public static func text(_ value: String?) -> Self { value.map { .text($0) } ?? .null }
    public static func int(_ value: Int64?) -> Self { value.map { .int($0) } ?? .null }
    public static func int(_ value: Int) -> Self { .int(Int64(value)) }
    public static func int(_ value: Int?) -> Self { value.map { .int(Int64($0)) } ?? .null }
    public static func bytes(_ value: [UInt8]?) -> Self { value.map { .bytes($0) } ?? .null }
    public static func timestamp(_ value: Date?) -> Self { value.map { .timestamp($0) } ?? .null }
}
