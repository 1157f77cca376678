import Foundation
import HTTPWire
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform
import Store
import Synchronization

@testable import DataPlane

/// Lets everybody in but those whose Authorization says otherwise.
struct FakeAuthenticator: CallerAuthenticator {
    var isSlow = false

    func authenticateCached(_ request: CallerRequest, _ payload: CallerPayload) throws(SignalboxError) -> Caller? {
        if isSlow { return nil }
        return try caller(request, payload)
    }

    func authenticate(_ request: CallerRequest, _ payload: CallerPayload) async throws(SignalboxError) -> Caller {
        try caller(request, payload)
    }

    private func caller(_ request: CallerRequest, _ payload: CallerPayload) throws(SignalboxError) -> Caller {
        guard let header = request.headers.first(where: { $0.0.lowercased() == "authorization" })?.1 else {
            throw SignalboxError(.missingAuthentication, "Missing Authentication Token")
        }
        if header == "wrong" { throw SignalboxError(.invalidSignature, "The signature does not match.") }
        // A test signs a body by naming its hash.
        if header.hasPrefix("sha256:") {
            let hash: String
            switch payload {
            case .computed(let hex), .declared(let hex): hash = hex
            }
            guard header == "sha256:\(hash)" else { throw SignalboxError(.invalidSignature, "The signature does not match.") }
        }
        let role: Principal.Role = header == "viewer" ? .viewer : .invoker
        let account = header == "stranger" ? "999999999999" : FakeStore.account
        return Caller(principal: Principal(account: account, accessKeyID: "AKID", role: role), region: FakeStore.region)
    }
}

/// A listener with a data plane over fakes.
final class TestServer: Sendable {
    let plane: DataPlane
    let store: FakeStore
    let host: FakeHost
    let port: Int
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let background: Task<Void, Never>

    static let identity = ReplicaIdentity(id: "replica-1", epoch: 2)

    static func render(
        _ error: SignalboxError, _ requestID: String
    ) -> (status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
        let status =
            switch error.kind {
            case .validation: 400
            case .missingAuthentication, .invalidSignature, .accessDenied: 403
            case .notFound: 404
            case .methodNotAllowed: 405
            case .retryableConflict: 409
            case .payloadTooLarge: 413
            case .agentFailed: 424
            case .quotaExceeded: 402
            case .unavailable: 503
            default: 500
            }
        return (status, [(name: "x-amzn-ErrorType", value: "\(error.kind)".prefix { $0.isLetter }.description)], Array(error.message.utf8))
    }

    init(
        store: FakeStore = FakeStore(), host: FakeHost, configuration: DataPlaneConfiguration = DataPlaneConfiguration(),
        limits: WireLimits = WireLimits(), authenticator: FakeAuthenticator = FakeAuthenticator(), clock: any TimeSource = SystemTime(),
        threads: Int = 1
    ) async throws {
        self.store = store
        self.host = host
        let plane = DataPlane(
            configuration: configuration, routes: store, sessions: store, host: host, authenticator: authenticator,
            identity: Self.identity, renderError: Self.render, clock: clock, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        self.plane = plane
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        try await plane.start()
        background = Task { await plane.run() }
        let services = Mutex<[ObjectIdentifier: NIOLoopBound<ConnectionServices>]>([:])
        let box = Box(services: services)
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try ServerConnection.configure(channel, services: box.services(on: channel.eventLoop, plane: plane, limits: limits))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    private final class Box: Sendable {
        let table: Mutex<[ObjectIdentifier: NIOLoopBound<ConnectionServices>]>
        init(services: consuming sending Mutex<[ObjectIdentifier: NIOLoopBound<ConnectionServices>]>) { table = services }

        func services(on loop: any EventLoop, plane: DataPlane, limits: WireLimits) -> ConnectionServices {
            if let present = table.withLock({ $0[ObjectIdentifier(loop)] }) { return present.value }
            let lane = plane.lane(on: loop)
            let services = ConnectionServices(
                limits: limits, renderRefusal: { refusal, _ in (.empty, ByteBuffer(string: refusal.reason)) },
                dispatch: { head, framing, reply in lane.begin(head, framing, reply) })
            let bound = NIOLoopBound(services, eventLoop: loop)
            table.withLock { $0[ObjectIdentifier(loop)] = bound }
            return services
        }
    }

    func stop() async {
        try? await channel.close().get()
        background.cancel()
        await plane.shutdown(keepSandboxes: false)
        try? await group.shutdownGracefully()
    }
}
