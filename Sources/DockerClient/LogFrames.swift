import NIOCore

/// Takes the frames of a container's log apart: eight bytes of header, of which the last four are the payload's
/// length, big-endian (Docker Engine API, "Attach to a container: stream format").
struct LogFrames {
    private var pending = ByteBuffer()
    /// Bytes of the frame that has begun and is not complete.
    private var remaining = 0

    mutating func append(_ chunk: ByteBuffer) { pending.writeImmutableBuffer(chunk) }

    /// The next piece of payload; a frame may come in several. `nil`: more bytes are needed.
    mutating func next() -> ByteBuffer? {
        while remaining == 0 {
            guard pending.readableBytes >= 8, let length = pending.getInteger(at: pending.readerIndex + 4, as: UInt32.self) else {
                pending.discardReadBytes()
                return nil
            }
            pending.moveReaderIndex(forwardBy: 8)
            remaining = Int(length)
        }
        let count = min(remaining, pending.readableBytes)
        guard count > 0, let piece = pending.readSlice(length: count) else { return nil }
        remaining -= count
        return piece
    }
}
