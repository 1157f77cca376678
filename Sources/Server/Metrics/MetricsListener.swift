import AgentCoreModel
import HTTPWire
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform
import Synchronization

/// `GET /metrics` on a port of its own, for scrapers that cannot sign. Who may reach the port is the
/// administrator's choice of address; it answers nothing else.
final class MetricsListener: Sendable {
    /// More scrapers than that are a mistake.
    private static let maximumConnections = 64

    private let registry: MetricRegistry
    private let connections = Atomic<Int>(0)
    private let listener = Mutex<(any Channel)?>(nil)

    init(_ registry: MetricRegistry) { self.registry = registry }

    /// Starts to accept. Returns the address in use.
    func start(host: String, port: Int, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) async throws -> SocketAddress
    {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { [self] channel in channel.eventLoop.makeCompletedFuture { try accept(channel) } }
            .bind(host: host, port: port).get()
        listener.withLock { $0 = channel }
        guard let address = channel.localAddress else { throw SignalboxError.internal("the metrics' listener has no address") }
        return address
    }

    func shutdown() async {
        let channel = listener.withLock { listener in
            defer { listener = nil }
            return listener
        }
        try? await channel?.close().get()
    }

    private func accept(_ channel: any Channel) throws {
        guard connections.add(1, ordering: .relaxed).newValue <= Self.maximumConnections else {
            connections.subtract(1, ordering: .relaxed)
            throw ChannelError.operationUnsupported
        }
        channel.closeFuture.whenComplete { [self] _ in connections.subtract(1, ordering: .relaxed) }
        let registry = registry
        let services = ConnectionServices(limits: WireLimits(), renderRefusal: FrontEnd.render) { head, _, reply in
            let page = MetricsPage()
            page.serve(registry, head, reply)
            return page
        }
        try ServerConnection.configure(channel, services: services)
    }
}

/// One request of a scraper. Confined to its connection's event loop.
private final class MetricsPage: RequestReceiver {
    func serve(_ registry: MetricRegistry, _ head: HTTPRequestHead, _ reply: Reply) {
        guard head.uri.prefix(while: { $0 != "?" }) == "/metrics" else {
            return Self.fail(reply, SignalboxError(.unknownOperation, "There is only GET /metrics here."))
        }
        guard head.method == .GET || head.method == .HEAD else {
            return Self.fail(reply, SignalboxError(.methodNotAllowed(allow: "GET, HEAD"), "The metrics are read with GET."))
        }
        let bound = NIOLoopBound(reply, eventLoop: reply.eventLoop)
        let loop = reply.eventLoop
        Task {
            let page = await registry.render()
            loop.execute {
                var fields = FieldBlock()
                fields.add("Content-Type", MetricText.contentType)
                bound.value.send(status: 200, fields: fields, body: ByteBuffer(string: page))
            }
        }
    }

    private static func fail(_ reply: Reply, _ error: SignalboxError) {
        let wire = WireError(error)
        var fields = FieldBlock()
        for (name, value) in wire.headers { fields.add(name, value) }
        reply.send(status: wire.status, fields: fields, body: ByteBuffer(bytes: wire.body))
    }

    func bodyArrived(_ bytes: ByteBuffer) {}
    func bodyEnded() {}
    func writabilityChanged() {}
    func cancelled() {}
}
