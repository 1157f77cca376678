import CLibPQ

/// One value in PostgreSQL's binary format, borrowed from a result.
struct Cell {
    /// Ids below this one belong to built-in types. Source: PostgreSQL, `FirstNormalObjectId`.
    static let firstUserType: Oid = 16384

    let column: StaticString
    let type: Oid
    let bytes: UnsafeRawBufferPointer

    func wrongType(_ expected: String) -> PostgresError {
        PostgresError(.decoding, "column \(column): expected \(expected), got type \(type) of \(bytes.count) bytes")
    }

    func integer<T: FixedWidthInteger & UnsignedInteger>() throws -> T { try Self.bigEndian(bytes[...], self) }

    static func bigEndian<T: FixedWidthInteger & UnsignedInteger>(
        _ bytes: Slice<UnsafeRawBufferPointer>, _ cell: Cell
    ) throws -> T {
        guard bytes.count == MemoryLayout<T>.size else { throw cell.wrongType("\(MemoryLayout<T>.size) bytes") }
        return bytes.reduce(T.zero) { $0 << 8 | T($1) }
    }

    /// Elements of a one-dimensional array. Format: dimensions, has-nulls, element type, then per
    /// dimension length and lower bound, then each element as length and bytes.
    func arrayElements() throws -> [Slice<UnsafeRawBufferPointer>] {
        var offset = 0
        func next() throws -> Int {
            guard offset + 4 <= bytes.count else { throw wrongType("a whole array") }
            defer { offset += 4 }
            let raw: UInt32 = try Self.bigEndian(bytes[offset..<offset + 4], self)
            return Int(Int32(bitPattern: raw))
        }
        let dimensions = try next()
        _ = try next()
        _ = try next()
        if dimensions == 0 { return [] }
        guard dimensions == 1 else { throw wrongType("an array of one dimension") }
        let count = try next()
        _ = try next()
        var elements: [Slice<UnsafeRawBufferPointer>] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            let length = try next()
            guard length >= 0, offset + length <= bytes.count else { throw wrongType("an array without NULL") }
            elements.append(bytes[offset..<offset + length])
            offset += length
        }
        return elements
    }

    static func uuidText(_ bytes: UnsafeRawBufferPointer) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
