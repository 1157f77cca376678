import Glibc
import HTTPWire
import NIOCore

/// Takes a response as it arrives. All calls come on the connection's event loop.
protocol UpstreamUser: AnyObject {
    func upstreamHead(_ head: ResponseHead)
    func upstreamBody(_ bytes: ByteBuffer)
    func upstreamEnd()
    /// The socket has nothing more for now: send on what was collected.
    func upstreamPaused()
    func upstreamWritable()
    /// No response, or no rest of it, will come. Not called after `upstreamEnd`.
    func upstreamFailed(_ reason: String)
}

/// One connection into a sandbox, carrying one request at a time. Confined to its event loop.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let sandboxID: String
    /// The socket, to look at without reading; the channel owns it.
    private let descriptor: CInt
    private let pool: UpstreamPool
    private var context: ChannelHandlerContext?
    private var parser = ResponseParser()
    // Strong both ways while a call is in progress; `finish` and `close` part them.
    private var user: (any UpstreamUser)?
    private var isBusy = false
    private var reusable = true
    private var paused = false
    private var readHeld = false
    private var requestSent = false
    private(set) var idleSince: NIODeadline = .uptimeNanoseconds(0)
    /// Nothing comes by then: the call has failed.
    var deadline: NIODeadline?

    init(sandboxID: String, descriptor: CInt, pool: UpstreamPool) {
        self.sandboxID = sandboxID
        self.descriptor = descriptor
        self.pool = pool
    }

    var isOpen: Bool { context?.channel.isActive ?? false }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Whether the peer has neither closed nor spoken while nobody asked it. The event loop may not have
    /// looked since, and a POST must not be risked on a dead connection.
    var isFresh: Bool {
        guard isOpen else { return false }
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)
    }

    // MARK: Use

    func begin(_ user: any UpstreamUser) {
        self.user = user
        isBusy = true
        requestSent = false
        paused = false
        parser.startResponse()
    }

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    func flush() { context?.flush() }

    /// The whole request is written; only now may the connection serve another one afterwards.
    func requestEnded() {
        requestSent = true
        flush()
    }

    func setReading(_ reading: Bool) {
        paused = !reading
        guard reading, readHeld, let context else { return }
        readHeld = false
        context.read()
    }

    /// Gives the connection back after the response's end.
    func finish() {
        guard isBusy else { return }
        isBusy = false
        user = nil
        deadline = nil
        guard reusable, requestSent, isOpen, !parser.hasLeftover else { return close() }
        idleSince = pool.eventLoop.now
        setReading(true)
        pool.putBack(self)
    }

    /// Ends the connection; its user hears nothing more.
    func close() {
        user = nil
        isBusy = false
        context?.close(promise: nil)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func read(context: ChannelHandlerContext) {
        if paused { readHeld = true } else { context.read() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Bytes that nobody asked for would be taken for the next response.
        guard isBusy else { return context.close(promise: nil) }
        parser.append(unwrapInboundIn(data))
        do throws(WireFault) {
            while let user {
                switch try parser.next() {
                case .needMore: return
                case .head(let head):
                    reusable = head.keepAlive
                    user.upstreamHead(head)
                case .body(let bytes): user.upstreamBody(bytes)
                case .end: return user.upstreamEnd()
                }
            }
        } catch {
            fail("\(error)")
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { user?.upstreamPaused() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { user?.upstreamWritable() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        pool.closed(self)
        if parser.finish(), let user {
            reusable = false
            user.upstreamEnd()
        } else {
            fail("the agent closed the connection")
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail("the connection to the agent failed: \(error)")
    }

    /// The user's time is up.
    func expire(_ reason: String) { fail(reason) }

    private func fail(_ reason: String) {
        let user = user
        close()
        user?.upstreamFailed(reason)
    }
}
