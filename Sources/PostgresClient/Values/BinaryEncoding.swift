import CLibPQ

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Object ids of the built-in types that the client speaks. Source: PostgreSQL, `pg_type.dat`.
enum TypeID {
    static let bool: Oid = 16
    static let bytea: Oid = 17
    static let name: Oid = 19
    static let int8: Oid = 20
    static let int2: Oid = 21
    static let int4: Oid = 23
    static let text: Oid = 25
    static let xid: Oid = 28
    static let json: Oid = 114
    static let float4: Oid = 700
    static let float8: Oid = 701
    static let unknown: Oid = 705
    static let bpchar: Oid = 1042
    static let varchar: Oid = 1043
    static let timestamptz: Oid = 1184
    static let textArray: Oid = 1009
    static let varcharArray: Oid = 1015
    static let int8Array: Oid = 1016
    static let uuid: Oid = 2950
    static let jsonb: Oid = 3802
    /// "Server, infer it": what a null is sent as.
    static let unspecified: Oid = 0
}

/// Seconds from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
let postgresEpoch: Double = 946_684_800

extension PostgresValue {
    var typeID: Oid {
        switch self {
        case .null: TypeID.unspecified
        case .bool: TypeID.bool
        case .int: TypeID.int8
        case .int32: TypeID.int4
        case .double: TypeID.float8
        case .text: TypeID.text
        case .bytes: TypeID.bytea
        case .timestamp: TypeID.timestamptz
        case .json: TypeID.jsonb
        case .textArray: TypeID.textArray
        case .intArray: TypeID.int8Array
        }
    }

    /// Appends the binary form; `nil` for null, else the number of bytes.
    func append(to buffer: inout [UInt8]) -> Int? {
        let start = buffer.count
        switch self {
        case .null: return nil
        case .bool(let value): buffer.append(value ? 1 : 0)
        case .int(let value): buffer.appendInteger(value)
        case .int32(let value): buffer.appendInteger(value)
        case .double(let value): buffer.appendInteger(value.bitPattern)
        case .text(let value): buffer.append(contentsOf: value.utf8)
        case .bytes(let value): buffer.append(contentsOf: value)
        case .timestamp(let value): buffer.appendInteger(value.postgresMicroseconds)
        case .json(let value):
            buffer.append(1)  // version of jsonb's wire format
            buffer.append(contentsOf: value.utf8)
        case .textArray(let values):
            buffer.appendArrayHeader(element: TypeID.text, count: values.count)
            for value in values {
                buffer.appendInteger(Int32(value.utf8.count))
                buffer.append(contentsOf: value.utf8)
            }
        case .intArray(let values):
            buffer.appendArrayHeader(element: TypeID.int8, count: values.count)
            for value in values {
                buffer.appendInteger(Int32(8))
                buffer.appendInteger(value)
            }
        }
        return buffer.count - start
    }
}

extension [UInt8] {
    mutating func appendInteger<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func appendArrayHeader(element: Oid, count: Int) {
        appendInteger(Int32(count == 0 ? 0 : 1))  // dimensions
        appendInteger(Int32(0))  // no nulls
        appendInteger(element)
        guard count > 0 else { return }
        appendInteger(Int32(count))
        appendInteger(Int32(1))  // lower bound
    }
}

extension Date {
    /// Microseconds since 2000-01-01 UTC; the far ends become PostgreSQL's infinities.
    var postgresMicroseconds: Int64 {
        let microseconds = ((timeIntervalSince1970 - postgresEpoch) * 1_000_000).rounded()
        if microseconds >= 9.2e18 { return .max }
        if microseconds <= -9.2e18 { return .min }
        return Int64(microseconds)
    }

    init(postgresMicroseconds value: Int64) {
        switch value {
        case .max: self = .distantFuture
        case .min: self = .distantPast
        default: self.init(timeIntervalSince1970: postgresEpoch + Double(value) / 1_000_000)
        }
    }
}

/// The parameters of one statement in the form libpq wants, in one buffer.
struct EncodedParameters: Sendable {
    private var buffer: [UInt8] = []
    private var spans: [(offset: Int, length: Int)?] = []
    private(set) var types: [Oid] = []

    /// The wire protocol counts parameters in 16 bits, and PostgreSQL takes no message of 1 GiB. libpq
    /// would give up the whole connection over either.
    static let mostParameters = 65_535
    static let mostBytes = 1 << 30

    init(_ values: [PostgresValue]) throws {
        guard values.count <= Self.mostParameters else { throw PostgresError(.server, "too many parameters: \(values.count)") }
        spans.reserveCapacity(values.count)
        types.reserveCapacity(values.count)
        for value in values {
            let offset = buffer.count
            spans.append(value.append(to: &buffer).map { (offset, $0) })
            types.append(value.typeID)
        }
        guard buffer.count < Self.mostBytes else { throw PostgresError(.server, "the parameters are larger than 1 GiB") }
        // An empty buffer has no base address, and a null pointer would mean NULL to libpq.
        buffer.append(0)
    }

    private init() { buffer = [0] }

    static let none = EncodedParameters()

    var count: Int { spans.count }

    func withPointers<R>(
        _ body: (_ values: [UnsafePointer<CChar>?], _ lengths: [CInt], _ formats: [CInt]) -> R
    ) -> R {
        buffer.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = spans.map { span in span.flatMap { base?.advanced(by: $0.offset) } }
            let lengths = spans.map { CInt($0?.length ?? 0) }
            return body(values, lengths, [CInt](repeating: 1, count: spans.count))
        }
    }
}
