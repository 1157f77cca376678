import DataPlane
import Foundation
import HTTPTypes
import Hummingbird
import Lifecycle
import Logging
import NIOCore
import NIOPosix
import Platform
import Store
import Synchronization
import TestSupport
import Testing

@testable import Server

/// The bridge to the router over real sockets: promise 8's "never a 500, a hang, a crash" for what is not an invocation.
@Suite(.serialized) struct FrontEndTests {
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }
        var maxUploadSize: Int { 1 << 20 }
    }

    /// Refuses everything: these tests send no invocation that would get far.
    struct Nothing: RouteSource, SessionStore, SandboxHost, CallerAuthenticator {
        func routeList(_ context: OperationContext) async throws -> [Route] { [] }
        func routeFetch(_ context: OperationContext, key: RouteKey) async throws -> Route? { nil }
        func routeStates(_ context: OperationContext) async throws -> [RouteState] { [] }
        func routeFetch(_ context: OperationContext, endpoints: [Int64]) async throws -> [Route] { [] }
        func sessionOpen(
            _ context: OperationContext, endpoint: Int64, sessionID: String, sandboxID: String, owner: ReplicaIdentity, limit: Int
        ) async throws -> SessionOpening? { nil }
        func sessionFetch(_ context: OperationContext, endpoint: Int64, sessionID: String) async throws -> SessionRecord? { nil }
        func sessionTouch(_ context: OperationContext, _ activity: [(session: Int64, idleSeconds: Double)]) async throws {}
        func sessionEnd(_ context: OperationContext, session: Int64, reason: String) async throws {}
        func sessionListOwned(_ context: OperationContext, replica: String) async throws -> [SessionOpening] { [] }
        func sessionAdopt(_ context: OperationContext, session: Int64, owner: ReplicaIdentity) async throws {}
        func sessionListStopRequested(_ context: OperationContext, owner: ReplicaIdentity) async throws -> [SessionRecord] { [] }
        func sessionRequestStop(_ context: OperationContext, endpoint: Int64, sessionID: String) async throws -> Bool { false }
        func replicaHeartbeat(_ context: OperationContext, _ replica: ReplicaIdentity) async throws {}
        func ownerSilence(_ context: OperationContext, _ owner: ReplicaIdentity) async throws -> Double? { nil }
        func notices(for replica: ReplicaIdentity) -> AsyncStream<DataPlaneNotice> { AsyncStream { $0.finish() } }
        func start(_ context: OperationContext, _ opening: SessionOpening, labels: [String: String]) async throws {}
        func stop(_ sandboxID: String) async throws {}
        func list() async throws -> [HostedSandbox] { [] }
        func status(_ sandboxID: String) async throws -> HostedSandbox? { nil }
        func openSocket(_ sandboxID: String, port: Int) async throws -> CInt { throw SignalboxError.notFound("none") }
        func ping(_ sandboxID: String, port: Int, path: String) async -> PingAnswer? { nil }
        func events() -> AsyncStream<SandboxHostEvent> { AsyncStream { $0.finish() } }
        func agent(of version: VersionRecord) -> AgentProfile { AgentProfile() }
        func authenticateCached(_ request: CallerRequest, _ payload: CallerPayload) throws(SignalboxError) -> Caller? {
            throw SignalboxError(.missingAuthentication, "Missing Authentication Token")
        }
        func authenticate(_ request: CallerRequest, _ payload: CallerPayload) async throws(SignalboxError) -> Caller {
            throw SignalboxError(.missingAuthentication, "Missing Authentication Token")
        }
    }

    final class Fixture: Sendable {
        let front: FrontEnd
        let port: Int
        let cancelled = Mutex(0)
        /// Requests that reached a handler which waits.
        let entered = Mutex(0)
        let gate = AsyncStream.makeStream(of: Void.self)

        init(maximumConnections: Int = 100) async throws {
            // One that keeps metadata: Hummingbird's contexts read the request id from there.
            let logger = Logger(label: "test") { label in
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = .critical
                return handler
            }
            let plane = DataPlane(
                routes: Nothing(), sessions: Nothing(), host: Nothing(), authenticator: Nothing(),
                identity: ReplicaIdentity(id: "r", epoch: 1),
                renderError: { error, _ in (WireError(error).status, WireError(error).headers, WireError(error).body) }, logger: logger)
            let holder = Holder()
            let router = Router(context: Context.self, options: .autoGenerateHeadEndpoints)
            router.get("hello") { request, context in "hello \(context.id.count) \(request.head.authority ?? "")" }
            router.get("whole") { _, _ in
                Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(repeating: UInt8(ascii: "w"), count: 300_000)))
            }
            router.post("echo") { request, _ in Response(status: .ok, body: ResponseBody(asyncSequence: request.body)) }
            router.post("count") { request, _ in
                var count = 0
                for try await buffer in request.body { count += buffer.readableBytes }
                return "\(count)"
            }
            router.post("ignore") { _, _ in "ignored" }
            router.get("fail") { _, _ -> String in throw SignalboxError.conflict("It is being updated.") }
            router.get("bug") { _, _ -> String in throw POSIXError(.EIO) }
            router.get("late") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        try await writer.write(ByteBuffer(string: "some"))
                        throw POSIXError(.EIO)
                    })
            }
            router.get("big") { _, _ in
                Response(
                    status: .ok,
                    body: ResponseBody { writer in
                        for _ in 0..<512 { try await writer.write(ByteBuffer(repeating: 120, count: 65_536)) }
                        try await writer.finish(nil)
                    })
            }
            router.get("slow") { _, _ in
                holder.fixture.withLock { $0 }?.entered.withLock { $0 += 1 }
                do { try await Task.sleep(for: .seconds(30)) } catch {
                    holder.fixture.withLock { $0 }?.cancelled.withLock { $0 += 1 }
                    throw error
                }
                return "slept"
            }
            router.get("gate") { _, _ in
                holder.fixture.withLock { $0 }?.entered.withLock { $0 += 1 }
                let stream = holder.fixture.withLock { $0 }?.gate.stream
                if let stream { for await _ in stream { break } }
                return "through"
            }
            router.delete("none") { _, _ in Response(status: .noContent) }
            let responder = router.buildResponder()
            front = FrontEnd(
                configuration: FrontEndConfiguration(host: "127.0.0.1", port: 0, maximumConnections: maximumConnections), dataPlane: plane,
                logger: logger
            ) { request, front in
                try await responder.respond(
                    to: request, context: Context(source: ApplicationRequestContextSource(channel: front.channel, logger: front.logger)))
            }
            port = try await front.start().port ?? 0
            holder.fixture.withLock { $0 = self }
        }

        private final class Holder: Sendable { let fixture = Mutex<Fixture?>(nil) }
    }

    private func with(_ body: (Fixture) async throws -> Void) async throws {
        let fixture = try await Fixture()
        do { try await body(fixture) } catch {
            await fixture.front.shutdown(grace: .zero)
            throw error
        }
        await fixture.front.shutdown(grace: .zero)
    }

    private func talk(_ fixture: Fixture, _ text: String, count: Int = 1) async throws -> [RawClient.Response] {
        let port = fixture.port
        return try await onThread {
            let client = try RawClient(port: port)
            client.send(text)
            return (0..<count).compactMap { _ in client.response() }
        }
    }

    private func post(_ path: String, _ body: String) -> String {
        "POST \(path) HTTP/1.1\r\nHost: h:1\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func routesAndWhatEveryReplyHas() async throws {
        try await with { fixture in
            let text = "GET /hello HTTP/1.1\r\nHost: h:1\r\n\r\n" + "HEAD /hello HTTP/1.1\r\nHost: h:1\r\n\r\n"
            let port = fixture.port
            let (first, second, third) = try await onThread {
                let client = try RawClient(port: port)
                client.send(text + "DELETE /none HTTP/1.1\r\nHost: h:1\r\n\r\n")
                return (client.response(), client.head(), client.head())
            }
            #expect(first?.text == "hello 36 h:1")
            for response in [first, second, third] {
                #expect(response?.field("date")?.hasSuffix(" GMT") == true)
                #expect(response?.field("x-amzn-requestid")?.count == 36)
            }
            #expect(second?.status == 200)
            #expect(third?.status == 204 && third?.field("content-length") == nil)
        }
    }

    @Test func errorsAreAWSErrors() async throws {
        try await with { fixture in
            for (path, status, type) in [
                ("/nowhere", 404, "UnknownOperationException"), ("/fail", 409, "ConflictException"),
                ("/bug", 500, "InternalServerException"),
            ] {
                let response = try await talk(fixture, "GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n")[0]
                #expect(response.status == status)
                #expect(response.field("x-amzn-errortype") == type)
                #expect(response.text.hasPrefix(#"{"message":"#))
            }
            let refused = try await talk(fixture, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")[0]
            #expect(refused.status == 400 && refused.field("x-amzn-errortype") == "ValidationException")
            let cut = try await talk(fixture, "GET /late HTTP/1.1\r\nHost: h\r\n\r\n")[0]
            #expect(cut.status == 200 && cut.text == "some" && !cut.isComplete)
            let invocation = try await talk(fixture, post("/runtimes/agent-abcdefghij/invocations", "{}"))[0]
            #expect(invocation.status == 403 && invocation.field("x-amzn-errortype") == "MissingAuthenticationTokenException")
        }
    }

    @Test func bodiesStreamBothWays() async throws {
        try await with { fixture in
            let port = fixture.port
            let (count, echoed, ignored) = try await onThread {
                let client = try RawClient(port: port)
                let body = String(repeating: "x", count: 3_000_000)
                let post = { (path: String, body: String) in
                    "POST \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                }
                client.send(post("/count", body))
                let count = client.response()?.text
                client.send(post("/ignore", "short"))
                let ignored = client.response()?.text
                client.send(post("/echo", "hello"))
                return (count, client.response()?.text, ignored)
            }
            #expect(count == "3000000" && echoed == "hello" && ignored == "ignored")
        }
    }

    @Test func aBodyInOnePieceMayBeLargerThanTheSocketsBuffer() async throws {
        try await with { fixture in
            let response = try await onThread {
                let client = try RawClient(port: fixture.port)
                _ = client.send("GET /whole HTTP/1.1\r\nHost: a\r\n\r\n")
                return client.response()
            }
            #expect(response?.body.count == 300_000)
        }
    }

    @Test func pipelinedRequestsKeepTheirOrder() async throws {
        try await with { fixture in
            let texts = try await talk(fixture, (0..<50).map { post("/echo", "\($0)") }.joined(), count: 50).map(\.text)
            #expect(texts == (0..<50).map { "\($0)" })
        }
    }

    @Test func clientThatLeavesCancelsTheHandler() async throws {
        try await with { fixture in
            let port = fixture.port
            try await onThread {
                let client = try RawClient(port: port)
                client.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
                while fixture.entered.withLock({ $0 }) == 0 { usleep(1000) }
            }
            try await eventually("the cancellation") { fixture.cancelled.withLock { $0 } == 1 }
        }
    }

    @Test func slowReaderSuspendsTheWriter() async throws {
        try await with { fixture in
            let port = fixture.port
            let total = try await onThread {
                let client = try RawClient(port: port, receiveBuffer: 16_384)
                client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
                usleep(200_000)
                return client.response()?.body.count
            }
            #expect(total == 512 * 65_536)
        }
    }

    @Test func drainFinishesWhatIsInProgressAndRefusesTheRest() async throws {
        let fixture = try await Fixture()
        let port = fixture.port
        let idle = try await onThread { try RawClient(port: port) }
        let busy = Task { try await talk(fixture, "GET /gate HTTP/1.1\r\nHost: h\r\n\r\n")[0] }
        try await eventually("both connections") { fixture.front.connectionCount == 2 && fixture.entered.withLock { $0 } == 1 }
        async let drained: Void = fixture.front.shutdown(grace: .seconds(20))
        try await eventually("the idle one to close") { fixture.front.connectionCount == 1 }
        await #expect(throws: (any Error).self) { try await onThread { _ = try RawClient(port: port) } }
        fixture.gate.continuation.yield()
        let response = try await busy.value
        #expect(response.text == "through" && response.field("connection") == "close")
        await drained
        try await eventually("no connection") { fixture.front.connectionCount == 0 }
        _ = idle
    }

    @Test func drainCutsWhatDoesNotEnd() async throws {
        let fixture = try await Fixture()
        let busy = Task { try await talk(fixture, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n") }
        try await eventually("the request") { fixture.entered.withLock { $0 } == 1 }
        await fixture.front.shutdown(grace: .milliseconds(200))
        #expect(try await busy.value.isEmpty)
        try await eventually("the cancellation") { fixture.cancelled.withLock { $0 } == 1 }
    }

    @Test func connectionsAreCapped() async throws {
        let fixture = try await Fixture(maximumConnections: 5)
        let port = fixture.port
        let statuses = try await onThread {
            let clients = try (0..<8).map { _ in try RawClient(port: port) }
            usleep(100_000)
            for client in clients { client.send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n") }
            return clients.map { $0.response()?.status }
        }
        #expect(statuses.filter { $0 == 200 }.count == 5)
        try await eventually("the places to be free again") { fixture.front.connectionCount == 0 }
        await fixture.front.shutdown(grace: .zero)
    }
}
