import DataPlane
import Hummingbird
import Logging
import Platform
import Store
import Synchronization
import TestSupport
import Testing

@testable import Server

/// What the log says of requests: all that fail by our fault, and each one if asked to.
struct RequestLogTests {
    /// Keeps what is logged.
    struct Capture: LogHandler {
        final class Lines: Sendable {
            let all = Mutex<[(level: Logger.Level, message: String, metadata: [String: String])]>([])
        }
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var metadataProvider: Logger.MetadataProvider?
        var logLevel = Logger.Level.notice

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
            lines.all.withLock { $0.append((event.level, "\(event.message)", all)) }
        }
    }

    /// A listener whose answers fail as the path says; returns what it logged.
    private func log(
        accessLog: Bool = false, _ requests: [String]
    ) async throws -> [(level: Logger.Level, message: String, metadata: [String: String])] {
        let lines = Capture.Lines()
        let logger = Logger(label: "test") { _ in Capture(lines: lines) }
        let nothing = FrontEndTests.Nothing()
        let plane = DataPlane(
            routes: nothing, sessions: nothing, host: nothing, authenticator: Away(), identity: ReplicaIdentity(id: "r", epoch: 1),
            renderError: { error, _ in (WireError(error).status, WireError(error).headers, WireError(error).body) }, logger: logger)
        var access = logger
        access.logLevel = .info
        let front = FrontEnd(
            configuration: FrontEndConfiguration(host: "127.0.0.1", port: 0), dataPlane: plane, logger: logger,
            observer: RequestObserver(MetricRegistry(), accessLog: accessLog ? access : nil)
        ) { request, front in
            front.observation.authenticated(.test())
            front.observation.found(RequestOperation("GetAgentRuntime"), runtime: "a-0123456789")
            switch front.rawPath {
            case "/away": throw SignalboxError.unavailable("Away.", context: "the wires are cut")
            case "/defect": throw SignalboxError.internal("it is broken")
            case "/missing": throw SignalboxError.notFound("Nothing.")
            default: return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "fine")))
            }
        }
        let port = try await front.start().port ?? 0
        try await onThread {
            for request in requests {
                let client = try RawClient(port: port)
                client.send("\(request) HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\nContent-Length: 0\r\n\r\n")
                _ = client.response()
            }
        }
        if accessLog { try await eventually { lines.all.withLock { $0.filter { $0.message == "request" }.count } == requests.count } }
        await front.shutdown(grace: .zero)
        return lines.all.withLock { $0 }
    }

    /// The database that knows the keys is away.
    struct Away: CallerAuthenticator {
        func authenticateCached(_ request: CallerRequest, _ payload: CallerPayload) throws(SignalboxError) -> Caller? { nil }
        func authenticate(_ request: CallerRequest, _ payload: CallerPayload) async throws(SignalboxError) -> Caller {
            throw .unavailable("Away.", context: "the wires are cut")
        }
    }

    @Test func failuresOfOursAreLogged() async throws {
        let lines = try await log(["GET /fine", "GET /away", "GET /missing", "GET /defect", "POST /runtimes/a-0123456789/invocations"])
        try #require(lines.count == 3)
        #expect(lines.map(\.level) == [.warning, .error, .warning] && lines.allSatisfy { $0.message == "a request failed" })
        for line in lines.prefix(2) {
            #expect(line.metadata["operation"] == "GetAgentRuntime" && line.metadata["runtime"] == "a-0123456789")
            #expect(line.metadata["account"] == TestTenant.account)
        }
        #expect(lines[0].metadata["error"]?.contains("the wires are cut") == true)
        #expect(lines[2].metadata["operation"] == "InvokeAgentRuntime")
        let ids = lines.compactMap { $0.metadata["request_id"] }
        #expect(Set(ids).count == 3 && ids.allSatisfy { $0.utf8.count == 36 })
    }

    @Test func eachRequestIfAskedTo() async throws {
        let lines = try await log(accessLog: true, ["GET /fine?X-Amz-Signature=secret", "GET /missing", "NONSENSE"])
        let requests = lines.filter { $0.message == "request" }.map(\.metadata)
        try #require(requests.count == 3)
        #expect(requests.map { $0["status"] } == ["200", "404", "400"])
        #expect(requests[0]["path"] == "/fine" && requests[0]["method"] == "GET" && requests[0]["bytes"] == "4")
        #expect(requests[0]["source"] == "127.0.0.1" && requests[0]["account"] == TestTenant.account)
        #expect(requests[2]["path"] == nil && requests[2]["operation"] == "Unknown")
        #expect(!lines.contains { $0.metadata.values.contains { $0.contains("secret") } })
    }
}
