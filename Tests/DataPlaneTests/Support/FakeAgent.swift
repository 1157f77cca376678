import NIOCore
import NIOPosix
import Synchronization

/// An agent on loopback whose every byte the test decides.
final class FakeAgent: Sendable {
    struct Request: Sendable {
        /// Request line and fields, without the empty line.
        var head: String
        var body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }

        func field(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts[0].lowercased() == name.lowercased() { return parts[1].drop { $0 == " " }.description }
            }
            return nil
        }
    }

    typealias Answer = @Sendable (Request, any Channel) -> Void

    let port: Int
    private let channel: any Channel
    private let seen = Mutex<[Request]>([])
    private let accepted = Mutex<[any Channel]>([])

    private init(channel: any Channel) throws {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    var requests: [Request] { seen.withLock { $0 } }
    var connections: [any Channel] { accepted.withLock { $0 } }

    static func start(_ answer: @escaping Answer) async throws -> FakeAgent {
        let record = RecordBox()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                record.agent.withLock { $0 }?.accepted.withLock { $0.append(channel) }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Handler { request in
                            record.agent.withLock { $0 }?.seen.withLock { $0.append(request) }
                            answer(request, channel)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let agent = try FakeAgent(channel: channel)
        record.agent.withLock { $0 = agent }
        return agent
    }

    /// Answers every request with one body.
    static func always(_ text: String, type: String = "application/json", extra: String = "") async throws -> FakeAgent {
        try await start { _, channel in channel.send(FakeAgent.ok(text, type: type, extra: extra)) }
    }

    static func ok(_ text: String, type: String = "application/json", extra: String = "") -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: \(text.utf8.count)\r\n\(extra)\r\n\(text)"
    }

    func stop() async { try? await channel.close().get() }

    private final class RecordBox: Sendable { let agent = Mutex<FakeAgent?>(nil) }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var buffer: [UInt8] = []
        private let onRequest: (Request) -> Void

        init(onRequest: @escaping (Request) -> Void) { self.onRequest = onRequest }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            buffer.append(contentsOf: unwrapInboundIn(data).readableBytesView)
            while let request = next() { onRequest(request) }
        }

        private func next() -> Request? {
            guard let end = find([13, 10, 13, 10], from: 0) else { return nil }
            let head = String(decoding: buffer[..<end], as: UTF8.self)
            var request = Request(head: head, body: [])
            var position = end + 4
            if request.field("transfer-encoding") == "chunked" {
                while true {
                    guard let line = find([13, 10], from: position),
                        let size = Int(String(decoding: buffer[position..<line], as: UTF8.self), radix: 16)
                    else { return nil }
                    guard buffer.count >= line + 2 + size + 2 else { return nil }
                    request.body += buffer[(line + 2)..<(line + 2 + size)]
                    position = line + 2 + size + 2
                    if size == 0 { break }
                }
            } else {
                let length = Int(request.field("content-length") ?? "0") ?? 0
                guard buffer.count >= position + length else { return nil }
                request.body = Array(buffer[position..<(position + length)])
                position += length
            }
            buffer.removeFirst(position)
            return request
        }

        private func find(_ pattern: [UInt8], from start: Int) -> Int? {
            guard buffer.count >= start + pattern.count else { return nil }
            var index = start
            while index + pattern.count <= buffer.count {
                if buffer[index] == pattern[0], buffer[index..<(index + pattern.count)].elementsEqual(pattern) { return index }
                index += 1
            }
            return nil
        }
    }
}

extension Channel {
    func send(_ text: String) { writeAndFlush(ByteBuffer(string: text), promise: nil) }
}
