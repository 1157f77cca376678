/// What parsing in place needs of a span.
extension Span<UInt8> {
    @inline(__always)
    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        for index in range where self[index] == byte { return index }
        return nil
    }

    @inline(__always)
    func allSatisfy(_ predicate: (UInt8) -> Bool) -> Bool {
        for index in indices where !predicate(self[index]) { return false }
        return true
    }

    @inline(__always)
    func starts(with prefix: Span<UInt8>) -> Bool {
        guard count >= prefix.count else { return false }
        for index in prefix.indices where self[index] != prefix[index] { return false }
        return true
    }

    @inline(__always)
    func equals(_ other: Span<UInt8>) -> Bool { count == other.count && starts(with: other) }

    var text: String { withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
}
