public import NIOCore

/// Header fields in wire form, ready to be copied into a head.
///
/// What would break the framing (a line break in a value, a malformed name) is left out, not sent: a
/// last line of defence behind the checks where the values come from.
public struct FieldBlock: Sendable {
    public private(set) var buffer: ByteBuffer

    public init(capacity: Int = 256) {
        buffer = ByteBufferAllocator().buffer(capacity: capacity)
    }

    /// Nothing in it, nothing allocated.
    public static let empty = FieldBlock(wrapping: ByteBuffer())

    private init(wrapping buffer: ByteBuffer) { self.buffer = buffer }

    public mutating func add(_ name: String, _ value: String) {
        guard FieldSyntax.isToken(name), FieldSyntax.isValue(value) else { return }
        buffer.writeString(name)
        buffer.writeStaticString(": ")
        buffer.writeString(value)
        buffer.writeStaticString("\r\n")
    }

    /// For a field that was parsed strictly: its bytes are copied as they are.
    public mutating func add(_ name: StaticString, bytes: some Collection<UInt8>) {
        buffer.writeStaticString(name)
        buffer.writeStaticString(": ")
        buffer.writeBytes(bytes)
        buffer.writeStaticString("\r\n")
    }

    public var isEmpty: Bool { buffer.readableBytes == 0 }
}

extension ByteBuffer {
    /// Decimal digits without an intermediate string.
    public mutating func writeDecimal(_ number: Int) {
        precondition(number >= 0)
        if number < 10 {
            writeInteger(UInt8(ascii: "0") + UInt8(number))
            return
        }
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { scratch in
            var position = scratch.count
            var rest = number
            while rest > 0 {
                position -= 1
                scratch[position] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            writeBytes(UnsafeRawBufferPointer(rebasing: scratch[position...]))
        }
    }

    /// Size line of a chunk.
    mutating func writeChunkHead(_ size: Int) {
        writeString(String(size, radix: 16))
        writeStaticString("\r\n")
    }
}
