public import NIOCore

/// Splits an agent's bytes into head, body and end, strictly and without copying bodies.
///
/// A pure value: bytes go in with `append`, events come out of `next` until it says `needMore`.
public struct ResponseParser {
    public enum Event {
        case needMore
        /// 1xx other than 101 are swallowed.
        case head(ResponseHead)
        case body(ByteBuffer)
        case end
    }

    private enum State {
        case head
        case length(Int)
        case chunkSize
        case chunkData(Int)
        case chunkEnd
        case trailers(Int)
        case untilClose
        case end
        case done
    }

    private var state = State.head
    private var buffer = ByteBuffer()
    private var answersHead = false
    /// Where the search for the end of the head goes on.
    private var searched = 0
    private let maximumHeadBytes: Int

    public init(maximumHeadBytes: Int = 64 * 1024) { self.maximumHeadBytes = maximumHeadBytes }

    /// Ready for the response to the next request of the connection.
    public mutating func startResponse(answersHead: Bool = false) {
        self.answersHead = answersHead
        state = .head
        searched = 0
    }

    /// Bytes that nobody asked for stand in the buffer: the connection must not be used again.
    public var hasLeftover: Bool { buffer.readableBytes > 0 }

    public mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
            searched = 0
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    public mutating func next() throws(WireFault) -> Event {
        while true {
            switch state {
            case .head:
                guard let head = try head() else { return .needMore }
                if (100..<200).contains(head.status) {
                    guard head.status != 101 else { throw WireFault("101 was not asked for") }
                    continue
                }
                switch head.framing {
                case .none: state = .end
                case .length(let length): state = .length(length)
                case .chunked: state = .chunkSize
                case .untilClose: state = .untilClose
                }
                return .head(head)
            case .length(let remaining):
                guard let bytes = take(remaining) else { return .needMore }
                let rest = remaining - bytes.readableBytes
                state = rest == 0 ? .end : .length(rest)
                return .body(bytes)
            case .chunkSize:
                guard let size = try chunkSize() else { return .needMore }
                state = size == 0 ? .trailers(0) : .chunkData(size)
            case .chunkData(let remaining):
                guard let bytes = take(remaining) else { return .needMore }
                let rest = remaining - bytes.readableBytes
                state = rest == 0 ? .chunkEnd : .chunkData(rest)
                return .body(bytes)
            case .chunkEnd:
                guard let line = try line(limit: 2) else { return .needMore }
                guard line.readableBytes == 0 else { throw WireFault("a chunk does not end where its size says") }
                state = .chunkSize
            case .trailers(let seen):
                guard let line = try line(limit: 8192) else { return .needMore }
                // Trailers are read and dropped.
                if line.readableBytes == 0 {
                    state = .end
                } else {
                    guard seen < 64 else { throw WireFault("too many trailers") }
                    state = .trailers(seen + 1)
                }
            case .untilClose:
                guard let bytes = take(.max) else { return .needMore }
                return .body(bytes)
            case .end:
                state = .done
                return .end
            case .done:
                return .needMore
            }
        }
    }

    /// The agent closed its side. True if that is how its response ends.
    public mutating func finish() -> Bool {
        if case .untilClose = state {
            state = .done
            return true
        }
        return false
    }

    private mutating func head() throws(WireFault) -> ResponseHead? {
        enum Search {
            case end(Int)
            case more
            case bareFeed
        }
        let from = max(0, searched - 3)
        let search: Search = buffer.withUnsafeReadableBytes { bytes in
            for index in from..<bytes.count where bytes[index] == 0x0A {
                // A lone line feed could be an end of line to somebody else.
                guard index >= 1, bytes[index - 1] == 0x0D else { return .bareFeed }
                if index >= 3, bytes[index - 2] == 0x0A, bytes[index - 3] == 0x0D { return .end(index + 1) }
            }
            return .more
        }
        switch search {
        case .bareFeed: throw WireFault("a line does not end with CRLF")
        case .more:
            searched = buffer.readableBytes
            guard searched < maximumHeadBytes else { throw WireFault("the head is too long") }
            return nil
        case .end(let length):
            guard length <= maximumHeadBytes else { throw WireFault("the head is too long") }
            guard let bytes = buffer.readSlice(length: length) else { return nil }
            searched = 0
            return try ResponseHeadParser().parse(bytes, answersHead: answersHead)
        }
    }

    private mutating func take(_ limit: Int) -> ByteBuffer? {
        guard buffer.readableBytes > 0 else { return nil }
        return buffer.readSlice(length: min(limit, buffer.readableBytes))
    }

    /// A line without its CRLF.
    private mutating func line(limit: Int) throws(WireFault) -> ByteBuffer? {
        let view = buffer.readableBytesView
        guard let feed = view.firstIndex(of: UInt8(ascii: "\n")) else {
            guard view.count <= limit + 2 else { throw WireFault("a line is too long") }
            return nil
        }
        let length = feed - view.startIndex
        guard length >= 1, view[feed - 1] == 0x0D, length - 1 <= limit else { throw WireFault("a line does not end with CRLF") }
        let line = buffer.readSlice(length: length - 1)
        buffer.moveReaderIndex(forwardBy: 2)
        return line
    }

    private mutating func chunkSize() throws(WireFault) -> Int? {
        guard let line = try line(limit: 1024) else { return nil }
        var size = 0
        var digits = 0
        for byte in line.readableBytesView {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            // An extension is read past; it is not passed on, since the body is framed anew.
            case UInt8(ascii: ";") where digits > 0: return size
            default: throw WireFault("bad chunk size")
            }
            digits += 1
            guard digits <= 15 else { throw WireFault("bad chunk size") }
            size = size << 4 | Int(digit)
        }
        guard digits > 0 else { throw WireFault("bad chunk size") }
        return size
    }
}
