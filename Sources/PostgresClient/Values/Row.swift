import CLibPQ

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One row of a result. Columns are read by name; a wrong name, a wrong type or an unexpected NULL
/// throws `PostgresError` of kind `.decoding`.
public struct Row: Sendable {
    let storage: ResultStorage
    let index: CInt

    /// smallint, integer, bigint or xid
    public func int(_ column: StaticString) throws -> Int64 { try required(intOrNil(column), column) }

    /// smallint or integer
    public func int32(_ column: StaticString) throws -> Int32 {
        let value = try int(column)
        guard let narrow = Int32(exactly: value) else { throw mismatch(column, "\(value) does not fit 32 bits") }
        return narrow
    }

    /// real or double precision
    public func double(_ column: StaticString) throws -> Double {
        try required(
            cell(column) { cell in
                switch cell.type {
                case TypeID.float8: return Double(bitPattern: try cell.integer())
                case TypeID.float4: return Double(Float(bitPattern: try cell.integer()))
                default: throw cell.wrongType("a floating-point number")
                }
            }, column)
    }

    /// text, varchar, char, name or uuid; a type of the server's that is sent as text, such as an enum, too.
    public func text(_ column: StaticString) throws -> String { try required(textOrNil(column), column) }

    public func bool(_ column: StaticString) throws -> Bool {
        try required(
            cell(column) { cell in
                guard cell.type == TypeID.bool, cell.bytes.count == 1 else { throw cell.wrongType("a boolean") }
                return cell.bytes[0] != 0
            }, column)
    }

    /// bytea
    public func bytes(_ column: StaticString) throws -> [UInt8] { try required(bytesOrNil(column), column) }

    /// timestamptz; infinity becomes `Date.distantFuture`, -infinity `Date.distantPast`.
    public func timestamp(_ column: StaticString) throws -> Date { try required(timestampOrNil(column), column) }

    /// json or jsonb, as text
    public func json(_ column: StaticString) throws -> String { try required(jsonOrNil(column), column) }

    /// text[] or varchar[], one dimension, no NULL elements
    public func textArray(_ column: StaticString) throws -> [String] {
        try required(
            cell(column) { cell in
                guard cell.type == TypeID.textArray || cell.type == TypeID.varcharArray else { throw cell.wrongType("text[]") }
                return try cell.arrayElements().map { String(decoding: $0, as: UTF8.self) }
            }, column)
    }

    /// bigint[], one dimension, no NULL elements
    public func intArray(_ column: StaticString) throws -> [Int64] {
        try required(
            cell(column) { cell in
                guard cell.type == TypeID.int8Array else { throw cell.wrongType("bigint[]") }
                return try cell.arrayElements().map { Int64(bitPattern: try Cell.bigEndian($0, cell)) }
            }, column)
    }

    public func isNull(_ column: StaticString) throws -> Bool {
        PQgetisnull(storage.result, index, try position(column)) == 1
    }

    public func intOrNil(_ column: StaticString) throws -> Int64? {
        try cell(column) { cell in
            switch cell.type {
            case TypeID.int8: return Int64(bitPattern: try cell.integer())
            case TypeID.int4: return Int64(Int32(bitPattern: try cell.integer()))
            case TypeID.int2: return Int64(Int16(bitPattern: try cell.integer()))
            case TypeID.xid: return Int64(try cell.integer() as UInt32)
            default: throw cell.wrongType("an integer")
            }
        }
    }

    public func textOrNil(_ column: StaticString) throws -> String? {
        try cell(column) { cell in
            switch cell.type {
            case TypeID.uuid:
                guard cell.bytes.count == 16 else { throw cell.wrongType("a uuid") }
                return Cell.uuidText(cell.bytes)
            case TypeID.text, TypeID.varchar, TypeID.bpchar, TypeID.name, TypeID.unknown:
                return String(decoding: cell.bytes, as: UTF8.self)
            case let type where type >= Cell.firstUserType:
                return String(decoding: cell.bytes, as: UTF8.self)  // enum or domain-like types of the schema
            default: throw cell.wrongType("text")
            }
        }
    }

    public func bytesOrNil(_ column: StaticString) throws -> [UInt8]? {
        try cell(column) { cell in
            guard cell.type == TypeID.bytea else { throw cell.wrongType("bytea") }
            return [UInt8](cell.bytes)
        }
    }

    public func timestampOrNil(_ column: StaticString) throws -> Date? {
        try cell(column) { cell in
            guard cell.type == TypeID.timestamptz else { throw cell.wrongType("timestamptz") }
            return Date(postgresMicroseconds: Int64(bitPattern: try cell.integer()))
        }
    }

    public func jsonOrNil(_ column: StaticString) throws -> String? {
        try cell(column) { cell in
            switch cell.type {
            case TypeID.json: return String(decoding: cell.bytes, as: UTF8.self)
            case TypeID.jsonb:
                guard cell.bytes.first == 1 else { throw cell.wrongType("jsonb of version 1") }
                return String(decoding: cell.bytes.dropFirst(), as: UTF8.self)
            default: throw cell.wrongType("json")
            }
        }
    }
}

extension Row {
    private func position(_ column: StaticString) throws -> CInt {
        guard let position = storage.column(column) else { throw mismatch(column, "the result has no such column") }
        return position
    }

    /// `nil` for NULL. The cell's bytes are valid only inside `body`.
    private func cell<T>(_ column: StaticString, _ body: (Cell) throws -> T) throws -> T? {
        let position = try position(column)
        guard PQgetisnull(storage.result, index, position) == 0 else { return nil }
        guard PQfformat(storage.result, position) == 1 else { throw mismatch(column, "not in binary format") }
        return try withExtendedLifetime(storage) {
            let bytes = UnsafeRawBufferPointer(
                start: PQgetvalue(storage.result, index, position),
                count: Int(PQgetlength(storage.result, index, position)))
            return try body(Cell(column: column, type: PQftype(storage.result, position), bytes: bytes))
        }
    }

    private func required<T>(_ value: T?, _ column: StaticString) throws -> T {
        guard let value else { throw mismatch(column, "unexpected NULL") }
        return value
    }

    private func mismatch(_ column: StaticString, _ problem: String) -> PostgresError {
        PostgresError(.decoding, "column \(column): \(problem)")
    }
}
