import HTTPWire
import NIOCore

/// A request's body on its way through: in memory, in a file, or a queue that is passed on.
struct RequestBody {
    let framing: BodyFraming
    /// Passed on while it arrives, because its hash was declared and signed.
    var streams = false
    var isComplete = false
    private(set) var memory: ByteBuffer?
    private(set) var queued = CircularBuffer<ByteBuffer>(initialCapacity: 2)
    private(set) var queuedBytes = 0
    var spool: BodySpool?
    /// Bytes in the file.
    var spooled = 0
    var isSpooling = false

    init(framing: BodyFraming) { self.framing = framing }

    var memoryBytes: Int { memory?.readableBytes ?? 0 }

    mutating func keep(_ bytes: ByteBuffer) {
        guard var collected = memory else {
            // The usual body is one piece: it is kept as it came, not copied.
            memory = bytes
            return
        }
        memory = nil
        collected.writeImmutableBuffer(bytes)
        memory = collected
    }

    func shouldSpool(over limit: Int) -> Bool { memoryBytes > limit || (spool != nil && memoryBytes > 0) }

    mutating func takeMemory() -> ByteBuffer {
        defer { memory = nil }
        return memory ?? ByteBuffer()
    }

    mutating func queue(_ bytes: ByteBuffer) {
        queued.append(bytes)
        queuedBytes += bytes.readableBytes
    }

    /// The next piece that may be passed on: never the last one before the whole is verified.
    mutating func next(verified: Bool) -> ByteBuffer? {
        guard queued.count > (verified ? 0 : 1), let bytes = queued.popFirst() else { return nil }
        queuedBytes -= bytes.readableBytes
        return bytes
    }
}
