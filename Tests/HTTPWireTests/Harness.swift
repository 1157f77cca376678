import HTTPWire
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Platform

/// A server connection on an embedded channel, whose requests a closure answers.
final class Harness {
    final class Recorder: RequestReceiver {
        let reply: Reply
        let head: HTTPRequestHead
        var body = ""
        var isComplete = false
        var isCancelled = false
        var onEnd: ((Recorder) -> Void)?

        init(_ head: HTTPRequestHead, _ reply: Reply) {
            self.head = head
            self.reply = reply
        }

        func bodyArrived(_ bytes: ByteBuffer) { body += String(buffer: bytes) }
        func bodyEnded() {
            isComplete = true
            onEnd?(self)
        }
        func writabilityChanged() {}
        func cancelled() { isCancelled = true }

        func answer(_ text: String, status: Int = 200) {
            reply.send(status: status, fields: .empty, body: ByteBuffer(string: text))
        }
    }

    let channel = EmbeddedChannel()
    private(set) var requests: [Recorder] = []
    private(set) var output = ""
    let services: ConnectionServices

    /// `answers`: reply "ok" at the end of each body.
    init(limits: WireLimits = WireLimits(), answers: Bool = true, atStart: @escaping (Reply) -> Void = { _ in }) throws {
        final class Box { var harness: Harness? }
        let box = Box()
        services = ConnectionServices(
            limits: limits, wallClock: ManualTime(),
            renderRefusal: { refusal, _ in (.empty, ByteBuffer(string: refusal.reason)) },
            dispatch: { head, _, reply in
                let recorder = Recorder(head, reply)
                if answers { recorder.onEnd = { $0.answer("ok") } }
                box.harness?.requests.append(recorder)
                atStart(reply)
                return recorder
            })
        try ServerConnection.configure(channel, services: services)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        box.harness = self
    }

    var isOpen: Bool { channel.isActive }

    func send(_ text: String) {
        do { try channel.writeInbound(ByteBuffer(string: text)) } catch {}
        collect()
    }

    func send(bytes: [UInt8]) {
        do { try channel.writeInbound(ByteBuffer(bytes: bytes)) } catch {}
        collect()
    }

    func advance(_ time: TimeAmount) {
        channel.embeddedEventLoop.advanceTime(by: time)
        collect()
    }

    func collect() {
        channel.embeddedEventLoop.run()
        while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { output += String(buffer: bytes) }
    }

    /// Status lines of the replies so far.
    var statuses: [Int] {
        output.components("HTTP/1.1 ").dropFirst().compactMap { Int($0.prefix(3)) }
    }
}

extension String {
    func components(_ separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.range(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }

    private func range(of other: String) -> Range<Index>? { self[...].range(of: other) }
}

extension Substring {
    fileprivate func range(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
            start = index(after: start)
        }
        return nil
    }
}
