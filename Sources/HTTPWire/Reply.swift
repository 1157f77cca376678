public import NIOCore
public import NIOHTTP1

/// Takes one request's body and learns of its client's fate. All calls come on the connection's event
/// loop, and none comes after the reply has ended.
public protocol RequestReceiver: AnyObject {
    func bodyArrived(_ bytes: ByteBuffer)
    func bodyEnded()
    /// `Reply.isWritable` changed.
    func writabilityChanged()
    /// The client is gone or was cut off. Nothing can be sent any more.
    func cancelled()
}

/// How the length of a reply is told.
public enum ReplyFraming: Sendable, Equatable {
    /// No body, as with 204.
    case none
    case length(Int)
    /// Unknown in advance: chunked, or until the end of the connection for HTTP/1.0.
    case streaming
}

/// The answer to one request. Confined to the connection's event loop; every call after the end, or
/// after the client has gone, does nothing.
public final class Reply {
    enum State: Equatable {
        case waiting
        case open(ReplyFraming, written: Int)
        case ended
    }

    /// UUID, sent as `x-amzn-RequestId`.
    public let requestID: String
    /// Of the request that is answered; nil for a message that broke a wire rule.
    public let head: HTTPRequestHead?
    /// When the head was there.
    public let startedAt: NIODeadline
    /// Sent, or 0 while there is none.
    public private(set) var status = 0
    /// For whoever observes replies: what the request turned out to be, by the dispatcher's own numbers.
    public var operation = 0
    /// For logs: who called, and on which runtime.
    public var account: String?
    public var runtime: String?
    /// What the dispatcher wants to find again when the reply ends.
    public var attachment: AnyObject?
    public let eventLoop: any EventLoop
    public var channel: (any Channel)? { connection?.channel }
    /// Whether `begin` was called.
    public var hasBegun: Bool { state != .waiting }
    public var isEnded: Bool { state == .ended }
    /// False while the client reads more slowly than we write: hold back until `writabilityChanged()`.
    public var isWritable: Bool { connection?.isWritable ?? false }

    // Strong both ways while the request is in progress; `detach` parts them.
    var connection: ServerConnection?
    var keepAlive: Bool
    private(set) var state: State = .waiting
    private let omitsBody: Bool
    private let isOneOne: Bool

    init(
        connection: ServerConnection, requestID: String, head: HTTPRequestHead?, eventLoop: any EventLoop, omitsBody: Bool, isOneOne: Bool,
        keepAlive: Bool
    ) {
        self.connection = connection
        self.head = head
        startedAt = eventLoop.now
        self.requestID = requestID
        self.eventLoop = eventLoop
        self.omitsBody = omitsBody
        self.isOneOne = isOneOne
        self.keepAlive = keepAlive
    }

    /// Starts the reply. `date`, `x-amzn-RequestId`, framing and `connection` are added here.
    public func begin(status: Int, framing: ReplyFraming, fields: FieldBlock) {
        guard case .waiting = state, let connection else { return }
        self.status = status
        var framing = framing
        if status == 204 || status == 304 { framing = .none }
        if !connection.canStayOpen { keepAlive = false }
        if framing == .streaming, !isOneOne { keepAlive = false }
        state = .open(framing, written: 0)
        connection.appendHead { out in
            writeStatusLine(status, into: &out)
            out.writeStaticString("date: ")
            out.writeString(connection.services.date.text(connection.services.wallClock))
            out.writeStaticString("\r\nx-amzn-RequestId: ")
            out.writeString(requestID)
            out.writeStaticString("\r\n")
            out.writeImmutableBuffer(fields.buffer)
            switch framing {
            case .none: if status != 204, status != 304 { out.writeStaticString("content-length: 0\r\n") }
            case .length(let length):
                out.writeStaticString("content-length: ")
                out.writeDecimal(length)
                out.writeStaticString("\r\n")
            case .streaming: if isOneOne { out.writeStaticString("transfer-encoding: chunked\r\n") }
            }
            if !keepAlive {
                out.writeStaticString("connection: close\r\n")
            } else if !isOneOne {
                out.writeStaticString("connection: keep-alive\r\n")
            }
            out.writeStaticString("\r\n")
        }
    }

    /// Adds body bytes; `flush()` sends them.
    public func write(_ bytes: ByteBuffer) {
        guard case .open(let framing, let written) = state, let connection, bytes.readableBytes > 0 else { return }
        let total = written + bytes.readableBytes
        state = .open(framing, written: total)
        bytesWritten = total
        if omitsBody { return }
        switch framing {
        case .none: break
        case .length(let length):
            // More than was announced would be read as the next reply.
            guard total <= length else { return abort() }
            connection.appendBody(bytes)
        case .streaming: isOneOne ? connection.appendChunk(bytes) : connection.appendBody(bytes)
        }
    }

    public func flush() { connection?.flushOutput() }

    /// Completes and flushes. A body shorter than announced cuts the connection instead.
    public func end() {
        guard case .open(let framing, let written) = state, let connection else { return }
        if case .length(let length) = framing, written != length, !omitsBody { return abort() }
        if framing == .streaming, isOneOne, !omitsBody { connection.appendLastChunk() }
        finish(isWhole: true)
        connection.replyEnded(self)
    }

    /// Cuts the connection, so that the client sees an incomplete reply and not a short one.
    public func abort() {
        guard state != .ended else { return }
        finish(isWhole: false)
        connection?.cut()
    }

    /// Once for every reply.
    private func finish(isWhole: Bool) {
        state = .ended
        connection?.services.observe?(self, isWhole)
    }

    /// A whole reply at once.
    public func send(status: Int, fields: FieldBlock, body: ByteBuffer) {
        begin(status: status, framing: .length(body.readableBytes), fields: fields)
        write(body)
        end()
    }

    /// Back-pressure on the request's body.
    public func setReading(_ reading: Bool) {
        guard state != .ended else { return }
        connection?.setReading(reading)
    }

    func detach() {
        if state != .ended { finish(isWhole: false) }
        connection = nil
    }

    /// Body bytes written so far.
    public private(set) var bytesWritten = 0

    private func writeStatusLine(_ status: Int, into out: inout ByteBuffer) {
        if status == 200 {
            out.writeStaticString("HTTP/1.1 200 OK\r\n")
            return
        }
        out.writeStaticString("HTTP/1.1 ")
        out.writeDecimal(status)
        out.writeStaticString(" ")
        out.writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
        out.writeStaticString("\r\n")
    }
}
