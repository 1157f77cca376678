import AgentCoreModel
import HTTPWire
import Lifecycle
import NIOCore
import NIOPosix
import Platform

/// One GET of an agent's ping path over a socket into its sandbox (contract §8).
enum PingClient {
    /// nil: no 200 in time. Takes the descriptor over.
    static func ping(_ descriptor: CInt, port: Int, path: String, timeout: TimeAmount, clock: any TimeSource) async -> PingAnswer? {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let body = loop.makePromise(of: [UInt8]?.self)
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost:\(port)\r\nConnection: close\r\n\r\n"
        ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PingHandler(request: request, body: body, timeout: timeout))
                }
            }
            .withConnectedSocket(descriptor)
            .whenFailure { _ in body.succeed(nil) }
        guard let bytes = try? await body.futureResult.get() else { return nil }
        return answer(bytes, clock: clock)
    }

    /// Any 200 is healthy whatever its text; only what can be read of it counts.
    static func answer(_ bytes: [UInt8], clock: any TimeSource) -> PingAnswer {
        guard let json = try? JSONValue(parsing: bytes) else { return PingAnswer(isBusy: false) }
        var lastUpdate: ContinuousClock.Instant?
        if let seconds = json["time_of_last_update"]?.integer {
            let age = clock.date().timeIntervalSince1970 - Double(seconds)
            if age >= 0, age < 1e9 { lastUpdate = clock.now().advanced(by: .seconds(-age)) }
        }
        return PingAnswer(isBusy: json["status"]?.string == "HealthyBusy", lastUpdate: lastUpdate)
    }
}

private final class PingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: String
    private let timeout: TimeAmount
    private var body: EventLoopPromise<[UInt8]?>?
    private var parser = ResponseParser()
    private var collected: [UInt8] = []

    init(request: String, body: EventLoopPromise<[UInt8]?>, timeout: TimeAmount) {
        self.request = request
        self.body = body
        self.timeout = timeout
    }

    func channelActive(context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [weak self] in
            guard let self, body != nil else { return }
            finish(nil)
            context.close(promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        parser.append(unwrapInboundIn(data))
        do throws(WireFault) {
            while true {
                switch try parser.next() {
                case .needMore: return
                case .head(let head):
                    if head.status != 200 { return end(context, nil) }
                case .body(let bytes):
                    collected.append(contentsOf: bytes.readableBytesView)
                    // Nobody needs more of an answer that says it lives.
                    if collected.count > 65_536 { return end(context, []) }
                case .end: return end(context, collected)
                }
            }
        } catch {
            end(context, nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { finish(parser.finish() ? collected : nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(context, nil) }

    private func end(_ context: ChannelHandlerContext, _ result: [UInt8]?) {
        finish(result)
        context.close(promise: nil)
    }

    private func finish(_ result: [UInt8]?) {
        let promise = body
        body = nil
        promise?.succeed(result)
    }
}
