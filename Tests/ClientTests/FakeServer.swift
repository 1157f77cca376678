import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// What a client sent.
struct Received: Sendable {
    var method: String
    /// As on the wire.
    var path: String
    var query: String
    var headers: HTTPFields
    var body: [UInt8]

    func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }

    /// One parameter of the query, as on the wire.
    func parameter(_ name: String) -> String? {
        query.split(separator: "&").first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }
}

/// What it is told.
struct Reply: Sendable {
    var status = 200
    var headers: [String: String] = [:]
    var chunks: [String] = []

    static func json(_ text: String, status: Int = 200, headers: [String: String] = [:]) -> Reply {
        Reply(status: status, headers: ["content-type": "application/json"].merging(headers) { $1 }, chunks: [text])
    }
}

/// A server that answers by a closure, for as long as `body` runs. Gives the URL, and what was received.
func withFakeServer(
    _ answer: @escaping @Sendable (Received) -> Reply, _ body: @Sendable @escaping (_ url: String) async throws -> Void
) async throws -> [Received] {
    let log = Log()
    let (ports, found) = AsyncStream<Int>.makeStream()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let responder = CallbackResponder<BasicRequestContext> { request, _ in
        let bytes = Array(buffer: try await request.body.collect(upTo: 64 << 20))
        let received = Received(
            method: request.method.rawValue, path: request.uri.path, query: request.uri.query ?? "", headers: request.headers,
            body: bytes)
        log.entries.withLock { $0.append(received) }
        let reply = answer(received)
        var headers = HTTPFields()
        for (name, value) in reply.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        if reply.chunks.isEmpty { return Response(status: .init(code: reply.status), headers: headers) }
        return Response(
            status: .init(code: reply.status), headers: headers,
            body: .init { writer in
                for chunk in reply.chunks { try await writer.write(ByteBuffer(string: chunk)) }
                try await writer.finish(nil)
            })
    }
    let application = Application(
        responder: responder, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { channel in
            found.yield(channel.localAddress?.port ?? 0)
            found.finish()
        }, logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await application.runService() }
        for await port in ports { try await body("http://127.0.0.1:\(port)") }
        group.cancelAll()
    }
    return log.entries.withLock { $0 }
}

private final class Log: Sendable {
    let entries = Mutex<[Received]>([])
}
