public import DataPlane
public import HTTPWire
public import Hummingbird
public import Logging
public import NIOCore
public import NIOHTTP1
public import NIOPosix
import Platform
import Synchronization

/// Where and how much the listener takes.
public struct FrontEndConfiguration: Sendable {
    /// A name or a number.
    public var host: String
    /// 0 lets the system choose.
    public var port: Int
    public var limits: WireLimits
    /// Connections at once; one more is closed without an answer.
    public var maximumConnections: Int
    public var backlog: Int32
    /// nil: plain HTTP.
    public var tls: ListenerTLS?

    public init(
        host: String, port: Int, limits: WireLimits = WireLimits(), maximumConnections: Int = 8192, backlog: Int32 = 1024,
        tls: ListenerTLS? = nil
    ) {
        self.tls = tls
        self.host = host
        self.port = port
        self.limits = limits
        self.maximumConnections = maximumConnections
        self.backlog = backlog
    }
}

/// What the bridge knows of a request beyond what Hummingbird carries.
public struct FrontEndRequest: Sendable {
    /// Sent to the client as `x-amzn-RequestId`.
    public var requestID: String
    /// Target and headers exactly as they came, for signatures.
    public var head: HTTPRequestHead
    public var channel: any Channel
    /// Carries the request id, under the key that Hummingbird's contexts read it from too.
    public var logger: Logger
    /// Filled in by whoever finds out.
    public var observation = RequestObservation()
}

/// The one listener: invocations go to the data plane and the control plane's requests to its service, on
/// their connection's event loop; objects go to a Hummingbird responder.
public final class FrontEnd: Sendable {
    /// Answers what is left, such as a router's responder with a context made from the
    /// `FrontEndRequest`.
    public typealias Respond = @Sendable (Request, FrontEndRequest) async throws -> Response

    private let configuration: FrontEndConfiguration
    private let dataPlane: DataPlane
    private let control: ControlService?
    private let respond: Respond
    private let logger: Logger
    private let observer: RequestObserver?
    private let connections = Atomic<Int>(0)
    private let loops = LoopServices()
    private let listener = Mutex<(any Channel)?>(nil)

    /// - Parameters:
    ///   - control: Answers everything that is neither an invocation nor below `/_s3`; nil: `respond` does.
    ///   - observer: told of every request's end.
    public init(
        configuration: FrontEndConfiguration, dataPlane: DataPlane, control: ControlService? = nil, logger: Logger,
        observer: RequestObserver? = nil,
        respond: @escaping Respond
    ) {
        self.configuration = configuration
        self.observer = observer
        self.dataPlane = dataPlane
        self.control = control
        self.respond = respond
        self.logger = logger
    }

    /// Connections that are open.
    public var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// Starts to accept. Returns the address in use.
    public func start(on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) async throws -> SocketAddress {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: configuration.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel) }
            }
            .bind(host: configuration.host, port: configuration.port).get()
        listener.withLock { $0 = channel }
        guard let address = channel.localAddress else { throw SignalboxError.internal("the listener has no address") }
        return address
    }

    /// Stops accepting, lets what is in progress end, and cuts what has not ended after `grace`.
    public func shutdown(grace: Duration) async {
        let channel = listener.withLock { listener in
            defer { listener = nil }
            return listener
        }
        try? await channel?.close().get()
        await loops.drain(grace: grace)
    }

    private func accept(_ channel: any Channel) throws {
        guard connections.add(1, ordering: .relaxed).newValue <= configuration.maximumConnections else {
            connections.subtract(1, ordering: .relaxed)
            observer?.connectionRefused()
            logger.warning("a connection was refused: \(configuration.maximumConnections) are open")
            throw ChannelError.operationUnsupported
        }
        channel.closeFuture.whenComplete { [self] _ in connections.subtract(1, ordering: .relaxed) }
        if let tls = configuration.tls { try tls.secure(channel, timeout: configuration.limits.headTimeout) }
        try ServerConnection.configure(channel, services: loops.services(on: channel.eventLoop) { makeServices(channel.eventLoop) })
    }

    private func makeServices(_ eventLoop: any EventLoop) -> ConnectionServices {
        let lane = dataPlane.lane(on: eventLoop)
        let executor = EventLoopExecutor(eventLoop)
        let (respond, logger) = (respond, logger)
        let control = control.map { ControlLane($0, eventLoop: eventLoop, executor: executor, logger: logger) }
        let observe = observer.map { observer in { (reply: Reply, isWhole: Bool) in observer.ended(reply, isWhole: isWhole) } }
        let invoke = RequestOperation.invoke.index
        return ConnectionServices(limits: configuration.limits, renderRefusal: Self.render, observe: observe) { head, framing, reply in
            if InvocationTarget.matches(head.uri) {
                reply.operation = invoke
                return lane.begin(head, framing, reply)
            }
            if let control, !ObjectTarget.isOne(head.uri) { return control.begin(head, framing, reply) }
            let bridge = FrontEndBridge(reply: reply, executor: executor, logger: logger)
            reply.attachment = bridge.observation
            bridge.start(head, framing, respond)
            return bridge
        }
    }

    static func render(_ refusal: WireRefusal, _ requestID: String) -> (fields: FieldBlock, body: ByteBuffer) {
        let error = WireError(SignalboxError.validation("The request is not accepted: \(refusal.reason).", reason: .cannotParse))
        var fields = FieldBlock()
        for (name, value) in error.headers { fields.add(name, value) }
        return (fields, ByteBuffer(bytes: error.body))
    }
}

/// The connection services of each event loop.
private final class LoopServices: Sendable {
    private struct Entry {
        var loop: any EventLoop
        var services: NIOLoopBound<ConnectionServices>
    }
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    func services(on eventLoop: any EventLoop, make: () -> ConnectionServices) -> ConnectionServices {
        let id = ObjectIdentifier(eventLoop)
        if let present = entries.withLock({ $0[id] }) { return present.services.value }
        let services = make()
        let bound = NIOLoopBound(services, eventLoop: eventLoop)
        entries.withLock { $0[id] = Entry(loop: eventLoop, services: bound) }
        return services
    }

    func drain(grace: Duration) async {
        let entries = entries.withLock { Array($0.values) }
        await withTaskGroup(of: Void.self) { group in
            for entry in entries {
                let promise = entry.loop.makePromise(of: Void.self)
                entry.loop.execute { entry.services.value.drain(promise) }
                entry.loop.scheduleTask(in: .nanoseconds(Int64(grace / .nanoseconds(1)))) { entry.services.value.cutAll() }
                group.addTask { try? await promise.futureResult.get() }
            }
        }
    }
}
