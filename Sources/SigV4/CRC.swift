/// A reflected cyclic redundancy check of 32 or 64 bits, eight bytes a step.
struct CRC<Word: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    private let table: CRCTable<Word>
    private var remainder = Word.max

    init(table: CRCTable<Word>) { self.table = table }

    var value: Word { ~remainder }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var crc = remainder
        var index = 0
        table.entries.withUnsafeBufferPointer { entries in
            while index + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                let mixed = word ^ UInt64(truncatingIfNeeded: crc)
                var next: Word = 0
                for lane in 0..<8 {
                    next ^= entries[(7 - lane) * 256 + Int((mixed >> UInt64(8 * lane)) & 0xFF)]
                }
                crc = next
                index += 8
            }
            while index < bytes.count {
                crc = (crc >> 8) ^ entries[Int((crc ^ Word(bytes[index])) & 0xFF)]
                index += 1
            }
        }
        remainder = crc
    }
}

/// Remainders of every byte at each of eight positions.
struct CRCTable<Word: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
    let entries: [Word]

    /// - Parameter polynomial: Bit-reversed.
    init(polynomial: Word) {
        var entries = [Word](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var crc = Word(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ polynomial : crc >> 1 }
            entries[byte] = crc
        }
        for position in 1..<8 {
            for byte in 0..<256 {
                let previous = entries[(position - 1) * 256 + byte]
                entries[position * 256 + byte] = (previous >> 8) ^ entries[Int(previous & 0xFF)]
            }
        }
        self.entries = entries
    }
}

// Swift has no static stored properties in generic types.
private let crc32Table = CRCTable<UInt32>(polynomial: 0xEDB8_8320)
private let crc32cTable = CRCTable<UInt32>(polynomial: 0x82F6_3B78)
private let crc64nvmeTable = CRCTable<UInt64>(polynomial: 0x9A6C_9329_AC4B_C9B5)

extension CRCTable where Word == UInt32 {
    static var crc32: Self { crc32Table }
    static var crc32c: Self { crc32cTable }
}

extension CRCTable where Word == UInt64 {
    static var crc64nvme: Self { crc64nvmeTable }
}
