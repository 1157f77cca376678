import Access
import AgentCoreModel
import Artifacts
import ControlPlane
import DataPlane
import Foundation
import Hummingbird
import Logging
import Platform
import Sandboxing
import SigV4
import Store
import Synchronization
import TestSupport
import Testing

@testable import Server

/// A listener with all routes over a real database, and callers that sign. Its data plane has no agents.
final class SignedServer: Sendable {
    let store: Store
    let port: Int
    let isReady = Mutex(true)
    let registry = MetricRegistry()
    let observability: Observability
    let authenticator: Authenticator
    let plane: DataPlane
    let control: ControlService
    private let front: FrontEnd
    private let writing: Task<Void, Never>
    private let keys: [Principal.Role: AccessKeyRecord]

    private init(_ store: Store, _ throttle: Throttle?) async throws {
        self.store = store
        let c = OperationContext.test()
        var keys: [Principal.Role: AccessKeyRecord] = [:]
        for role in Principal.Role.allCases {
            keys[role] = try await store.accessKeyCreate(c, account: TestTenant.account, role: role)
        }
        self.keys = keys
        // One that keeps metadata: the contexts read the request id from there.
        let logger = Logger(label: "test") { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .critical
            return handler
        }
        let authenticator = Authenticator(keys: store, tokens: SessionTokens(secrets: store.secrets), logger: logger)
        let nothing = FrontEndTests.Nothing()
        self.authenticator = authenticator
        var configuration = DataPlaneConfiguration()
        // Small, so that a test fills it.
        configuration.maximumSpool = 2 << 20
        let plane = DataPlane(
            configuration: configuration, routes: nothing, sessions: nothing, host: nothing, authenticator: authenticator,
            throttle: throttle,
            identity: ReplicaIdentity(id: "r", epoch: 1),
            renderError: { error, _ in (WireError(error).status, WireError(error).headers, WireError(error).body) }, logger: logger)
        let audit = AuditWriter(store: store, registry: registry)
        let identity = try await store.replicaRegister(c, id: "11111111-2222-3333-4444-555555555555", host: "here")
        writing = Task { await audit.run() }
        observability = Observability(
            registry: registry, audit: audit, status: StatusReader(store: store, supervisor: Self.supervisor, identity: identity))
        self.plane = plane
        let router = Router(context: FrontEndContext.self)
        let ready = Holder()
        addObjectRoutes(
            to: router, objects: store.objects(), throttle: throttle, audit: audit,
            authenticate: ObjectAuthentication(authenticator).authenticate)
        control = ControlService(
            authentication: RequestAuthentication(authenticator, spools: plane.spools),
            controlPlane: ControlPlane(store: store), store: store, dataPlane: plane,
            access: AccessRoutes(store: store, authenticator: authenticator), throttle: throttle, observability: observability,
            interpreters: { ["PYTHON_3_11": "3.11.2"] },
            readiness: {
                let isReady = ready.server.withLock { $0 }?.isReady.withLock { $0 } ?? false
                return Readiness(parts: ["database": .init(isReady, isReady ? "up" : "away", "A sentence.")])
            })
        let responder = router.buildResponder()
        front = FrontEnd(
            configuration: FrontEndConfiguration(host: "127.0.0.1", port: 0), dataPlane: plane, control: control, logger: logger,
            observer: RequestObserver(registry)
        ) {
            try await responder.respond(to: $0, context: FrontEndContext(source: $1))
        }
        port = try await front.start().port ?? 0
        ready.server.withLock { $0 = self }
    }

    /// One that nobody answers for.
    static let supervisor = SupervisorClient(socketPath: "/nowhere/supervisor.sock", logger: TestLog.logger)

    private final class Holder: Sendable { let server = Mutex<SignedServer?>(nil) }

    static func with(throttle rules: [ThrottleRule] = [], _ body: @escaping @Sendable (SignedServer) async throws -> Void) async throws {
        try await withStore { store in
            let server = try await SignedServer(store, Throttle(rules))
            let result = await Task { try await body(server) }.result
            await server.front.shutdown(grace: .zero)
            server.writing.cancel()
            await server.writing.value
            try result.get()
        }
    }

    var connectionCount: Int { front.connectionCount }

    func key(_ role: Principal.Role) throws -> AccessKeyRecord { try #require(keys[role]) }

    /// A request and all that a test may spoil about it.
    struct Call: Sendable {
        var method = "GET"
        var target: String
        var headers: [(String, String)] = []
        var body: [UInt8] = []
        /// Instead of the body's hash.
        var payloadHash: String?
        var service = "bedrock-agentcore"
        var role = Principal.Role.admin
        /// Instead of the role's.
        var key: String?
        var secret: String?
        /// Sent instead of the body that was signed.
        var sentBody: [UInt8]?
        var isSigned = true
        var sendsLength = true

        init(_ method: String, _ target: String, _ body: String = "") {
            self.method = method
            self.target = target
            self.body = Array(body.utf8)
            if target.hasPrefix("/_s3/") { service = "s3" }
        }

        func with(_ change: (inout Self) -> Void) -> Self {
            var copy = self
            change(&copy)
            return copy
        }
    }

    /// The head as it goes out, signed, and the body behind it.
    func bytes(_ call: Call) throws -> [UInt8] {
        let halves = call.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var headers = [("Host", "127.0.0.1:\(port)")] + call.headers
        if call.isSigned {
            let key = try key(call.role)
            let request = SigV4Request(
                method: call.method, rawPath: String(halves[0]), rawQuery: halves.count > 1 ? String(halves[1]) : "", headers: headers)
            headers += RequestSigner(
                accessKeyID: call.key ?? key.keyID, secret: call.secret ?? key.secret, region: TestTenant.region, service: call.service
            )
            .sign(request, payloadHash: call.payloadHash ?? ContentHash.sha256(of: call.body), at: Date())
        }
        let body = call.sentBody ?? call.body
        if call.sendsLength, !body.isEmpty || call.method != "GET" { headers.append(("Content-Length", "\(body.count)")) }
        let head = "\(call.method) \(call.target) HTTP/1.1\r\n" + headers.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n"
        return Array(head.utf8) + body
    }

    func send(_ call: Call) async throws -> RawClient.Response {
        let bytes = try bytes(call)
        let port = port
        return try await onThread {
            let client = try RawClient(port: port)
            client.send(bytes)
            return try #require(call.method == "HEAD" ? client.head() : client.response())
        }
    }
}

extension RawClient.Response {
    var error: String? { field("x-amzn-errortype") }
    var json: JSONValue? { try? JSONValue(parsing: body) }
    /// Status and code at once.
    var outcome: String { "\(status) \(error ?? "")" }
}
