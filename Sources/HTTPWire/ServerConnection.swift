public import NIOCore
public import NIOHTTP1

/// One client's HTTP/1.1 connection: order of requests, keep-alive, back-pressure, slow clients.
///
/// It hands each request to `ConnectionServices.dispatch` and takes the answer through a `Reply`. One
/// request is answered at a time; what a client pipelines waits. Sits behind `HTTPRequestDecoder` and
/// writes bytes, so no encoder stands between.
public final class ServerConnection: ChannelDuplexHandler {
    public typealias InboundIn = HTTPServerRequestPart
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    private enum Item {
        case part(HTTPServerRequestPart)
        case refusal(WireRefusal)
    }

    private enum Phase: Equatable {
        /// Between requests.
        case idle
        /// A head has begun to arrive.
        case head
        /// A request is being answered.
        case exchange
        /// The answer is out; the rest of the request's body is thrown away.
        case discard
        /// The answer is out and ours is closed; waiting for the client to close too.
        case linger
        case closed
    }

    let services: ConnectionServices
    private var limits: WireLimits { services.rules.limits }
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    private var reply: Reply?
    private var receiver: (any RequestReceiver)?
    private var requestComplete = true
    private var framing = BodyFraming.none
    private var bodyReceived = 0
    private var pending = CircularBuffer<Item>(initialCapacity: 4)
    private var isProcessing = false
    private var paused = false
    private var readHeld = false
    private var inputClosed = false
    private var refused = false
    private var out = ByteBuffer()

    // Deadlines, looked at on every tick: cheaper than a timer per request.
    private var phaseDeadline: NIODeadline?
    private var stallDeadline: NIODeadline?
    private var graceDeadline: NIODeadline?
    private var windowCount = 0
    private var ticker: Scheduled<Void>?

    init(services: ConnectionServices) { self.services = services }

    /// Adds the handlers of an HTTP/1.1 server connection. Call on the channel's event loop.
    public static func configure(_ channel: any Channel, services: ConnectionServices) throws {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        let limits = services.rules.limits
        configuration.maxHeaderFieldSize = limits.headBytes
        configuration.maxHeaderListSize = limits.headBytes + limits.targetBytes
        configuration.maxHeaderFieldCount = limits.headerCount
        let connection = ServerConnection(services: services)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ArrivalHandler(connection: connection))
        try pipeline.addHandler(
            ByteToMessageHandler(
                HTTPRequestDecoder(
                    leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop, limitConfiguration: configuration)))
        try pipeline.addHandler(connection)
    }

    // MARK: Channel events

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        services.opened(self)
        setPhase(.idle)
        scheduleTick(context)
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        closed()
        self.context = nil
    }

    public func channelInactive(context: ChannelHandlerContext) {
        closed()
        context.fireChannelInactive()
    }

    /// The first bytes of a head set its deadline, whole or not.
    func bytesArrived() {
        if phase == .idle { setPhase(.head) }
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        accept(.part(unwrapInboundIn(data)))
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            if error is ByteToMessageDecoderError { return }
            return cut()
        }
        guard !refused else { return }
        switch error {
        case .invalidEOFState, .closedConnection: cut()
        case .headerOverflow: accept(.refusal(WireRefusal(431, "the request head is too long")))
        case .invalidVersion: accept(.refusal(WireRefusal(505, "only HTTP/1.0 and HTTP/1.1 are understood")))
        default: accept(.refusal(WireRefusal(400, "the request is malformed: \(error)")))
        }
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { sawEnd() }
        context.fireUserInboundEventTriggered(event)
    }

    public func channelWritabilityChanged(context: ChannelHandlerContext) {
        let now = context.eventLoop.now
        stallDeadline = context.channel.isWritable ? nil : now + limits.writeStallTimeout
        receiver?.writabilityChanged()
        context.fireChannelWritabilityChanged()
    }

    public func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { readHeld = true }
    }

    // MARK: Requests

    private var mayRead: Bool {
        switch phase {
        case .linger, .discard: true
        case .closed: false
        // What is pipelined waits in the kernel once a piece of it waits here.
        default: !paused && pending.isEmpty
        }
    }

    private var canTakeNext: Bool {
        switch phase {
        case .idle, .head, .discard: true
        case .exchange: !requestComplete
        case .linger, .closed: false
        }
    }

    private func accept(_ item: Item) {
        if phase == .linger || phase == .closed { return }
        pending.append(item)
        process()
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        while canTakeNext, let item = pending.popFirst() { handle(item) }
        isProcessing = false
        if phase == .idle, pending.isEmpty, inputClosed || services.isDraining { return close() }
        resumeReading()
    }

    private func handle(_ item: Item) {
        switch item {
        case .refusal(let refusal): refuse(refusal)
        case .part(.head(let head)): begin(head)
        case .part(.body(let bytes)):
            bodyReceived += bytes.readableBytes
            windowCount += bytes.readableBytes
            if phase == .exchange { receiver?.bodyArrived(bytes) }
        case .part(.end):
            requestComplete = true
            if phase == .discard { return finishExchange() }
            phaseDeadline = nil
            startGrace()
            receiver?.bodyEnded()
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        guard let context else { return }
        let accepted: HeadRules.Accepted
        do throws(WireRefusal) {
            accepted = try services.rules.check(head)
        } catch {
            return refuse(error)
        }
        framing = accepted.framing
        requestComplete = false
        bodyReceived = 0
        paused = false
        let keepAlive = head.isKeepAlive && !services.isDraining && !accepted.asksForUpgrade
        let reply = Reply(
            connection: self, requestID: services.identifiers.next(), head: head, eventLoop: context.eventLoop,
            omitsBody: head.method == .HEAD, isOneOne: head.version == .http1_1, keepAlive: keepAlive)
        self.reply = reply
        setPhase(.exchange)
        let receiver = services.dispatch(head, framing, reply)
        guard !reply.isEnded, phase == .exchange else { return }
        self.receiver = receiver
        guard framing != .none, framing != .length(0) else { return }
        // A receiver that paused at once has its reasons, and they may take long.
        if !paused { startBodyWindow() }
        if accepted.expectsContinue, !reply.hasBegun {
            out.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
            flushOutput()
        }
    }

    private func refuse(_ refusal: WireRefusal) {
        guard let context, !refused else { return }
        refused = true
        requestComplete = false
        framing = .chunked
        let reply = Reply(
            connection: self, requestID: services.identifiers.next(), head: nil, eventLoop: context.eventLoop, omitsBody: false,
            isOneOne: true, keepAlive: false)
        // A refusal inside a body comes while its request is still being answered.
        if let current = self.reply {
            receiver?.cancelled()
            receiver = nil
            let hadBegun = current.hasBegun
            current.detach()
            if hadBegun { return cut() }
        }
        self.reply = reply
        setPhase(.exchange)
        let (fields, body) = services.renderRefusal(refusal, reply.requestID)
        reply.send(status: refusal.status, fields: fields, body: body)
    }

    /// Whether the connection can serve another request after a reply that begins now.
    var canStayOpen: Bool {
        if services.isDraining || refused { return false }
        if requestComplete { return true }
        switch framing {
        case .none, .length(0): return true
        case .length(let length): return length - bodyReceived <= limits.discardableBytes
        case .chunked, .untilClose: return false
        }
    }

    func replyEnded(_ ended: Reply) {
        guard ended === reply else { return }
        flushOutput()
        receiver = nil
        graceDeadline = nil
        if requestComplete {
            finishExchange()
        } else if ended.keepAlive {
            setPhase(.discard)
            resumeReading()
        } else {
            linger()
        }
    }

    private func finishExchange() {
        let keepAlive = reply?.keepAlive ?? false
        reply?.detach()
        reply = nil
        paused = false
        guard keepAlive else { return closeAfterFlush() }
        setPhase(.idle)
        process()
    }

    // MARK: Reading

    func setReading(_ reading: Bool) {
        guard paused == reading else { return }
        paused = !reading
        if phase == .exchange, !requestComplete {
            if paused { phaseDeadline = nil } else { startBodyWindow() }
        }
        resumeReading()
    }

    private func resumeReading() {
        guard readHeld, mayRead, let context else { return }
        readHeld = false
        context.read()
    }

    private func sawEnd() {
        inputClosed = true
        switch phase {
        case .idle where pending.isEmpty, .head, .discard, .linger: close()
        case .exchange where !requestComplete && pending.isEmpty: cut()
        default: startGrace()
        }
    }

    private func startGrace() {
        guard inputClosed, let context, reply != nil else { return }
        graceDeadline = context.eventLoop.now + limits.halfCloseGrace
    }

    // MARK: Writing

    var channel: (any Channel)? { context?.channel }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func appendHead(_ write: (inout ByteBuffer) -> Void) {
        if out.storageCapacity == 0, let context { out = context.channel.allocator.buffer(capacity: 1024) }
        write(&out)
    }

    /// Small bodies join the head in one buffer, larger ones are not copied.
    func appendBody(_ bytes: ByteBuffer) {
        if bytes.readableBytes <= 4096 {
            out.writeImmutableBuffer(bytes)
        } else {
            writeOutput()
            context?.write(wrapOutboundOut(bytes), promise: nil)
        }
    }

    func appendChunk(_ bytes: ByteBuffer) {
        out.writeChunkHead(bytes.readableBytes)
        appendBody(bytes)
        out.writeStaticString("\r\n")
    }

    func appendLastChunk() { out.writeStaticString("0\r\n\r\n") }

    private func writeOutput() {
        guard out.readableBytes > 0, let context else { return }
        context.write(wrapOutboundOut(out), promise: nil)
        // The written buffer is the channel's now; a fresh one comes with the next head.
        out = ByteBuffer()
    }

    func flushOutput() {
        // A client that is gone answers this with a reset, so one that stays may have more time.
        if inputClosed, phase == .exchange { startGrace() }
        writeOutput()
        context?.flush()
    }

    // MARK: Closing

    /// Finishes the request in progress, if any, and closes.
    func drain() {
        switch phase {
        case .idle where pending.isEmpty, .head: close()
        case .exchange: reply?.keepAlive = false
        default: break
        }
    }

    /// Our side is finished; the client may still be sending, and a close now would reset the
    /// connection and could destroy the answer on its way.
    private func linger() {
        guard let context else { return }
        reply?.detach()
        reply = nil
        pending.removeAll()
        setPhase(.linger)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(mode: .output, promise: nil)
        }
        if inputClosed { return close() }
        resumeReading()
    }

    private func closeAfterFlush() {
        guard let context, phase != .closed else { return }
        pending.removeAll()
        setPhase(.linger)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    private func close() {
        guard let context, phase != .closed else { return }
        context.close(promise: nil)
    }

    /// Closes at once, whatever is in progress.
    func cut() {
        guard let context, phase != .closed else { return }
        closed()
        context.close(promise: nil)
    }

    private func closed() {
        guard phase != .closed else { return }
        phase = .closed
        ticker?.cancel()
        pending.removeAll()
        reply?.detach()
        reply = nil
        let receiver = receiver
        self.receiver = nil
        receiver?.cancelled()
        services.closed(self)
    }

    // MARK: Time

    private func setPhase(_ next: Phase) {
        phase = next
        guard let context else { return }
        let now = context.eventLoop.now
        switch next {
        case .idle: phaseDeadline = now + limits.idleTimeout
        case .head: phaseDeadline = now + limits.headTimeout
        case .discard: startBodyWindow()
        case .linger: phaseDeadline = now + limits.lingerTimeout
        case .exchange, .closed: phaseDeadline = nil
        }
    }

    private func startBodyWindow() {
        guard let context else { return }
        windowCount = 0
        phaseDeadline = context.eventLoop.now + limits.bodyWindow
    }

    private func scheduleTick(_ context: ChannelHandlerContext) {
        ticker = context.eventLoop.assumeIsolated().scheduleTask(in: limits.tick) { [weak self] in self?.tick() }
    }

    private func tick() {
        guard let context, phase != .closed else { return }
        let now = context.eventLoop.now
        if let stallDeadline, now >= stallDeadline { return cut() }
        if let graceDeadline, now >= graceDeadline { return cut() }
        if let phaseDeadline, now >= phaseDeadline { expired() }
        if phase != .closed { scheduleTick(context) }
    }

    private func expired() {
        switch phase {
        case .head: refuse(WireRefusal(408, "the request head did not arrive in time"))
        case .exchange where !requestComplete, .discard:
            if windowCount >= limits.bodyWindowBytes { return startBodyWindow() }
            phase == .exchange ? refuse(WireRefusal(408, "the request body did not arrive in time")) : cut()
        case .idle, .linger: close()
        case .exchange, .closed: phaseDeadline = nil
        }
    }
}

/// Tells the connection of bytes before the decoder keeps them to itself.
private final class ArrivalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    private weak var connection: ServerConnection?

    init(connection: ServerConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection?.bytesArrived()
        context.fireChannelRead(data)
    }
}
