import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// One `GET` on a socket whose connection has begun; reads no further than the status line.
actor HealthExchange {
    enum Answer: Sendable {
        case healthy
        /// For people: "GET /ping answered 500".
        case unhealthy(String?)
    }

    private let loop: EventLoop
    private let socket: Descriptor
    private let path: String?
    private var request: [UInt8] = []
    private var isConnected = false
    private var head: [UInt8] = []
    private var continuation: CheckedContinuation<Answer, Never>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(socket: Descriptor, loop: EventLoop, path: String?) {
        self.socket = socket
        self.loop = loop
        self.path = path
    }

    func result(by deadline: ContinuousClock.Instant) async -> Answer {
        request = Array("GET \(path ?? "/") HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: */*\r\n\r\n".utf8)
        let timer = Task {
            try await Task.sleep(until: deadline, clock: .continuous)
            finish(.unhealthy(isConnected ? "it accepted the connection but did not answer" : nil))
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.continuation = continuation
                loop.watch(socket.number) { [weak self] readable, writable in
                    self?.assumeIsolated { $0.ready(readable: readable, writable: writable) }
                }
                loop.watchWrites(socket.number, true)
            }
        } onCancel: {
            Task { await self.finish(.unhealthy(nil)) }
        }
    }

    private func ready(readable: Bool, writable: Bool) {
        if !isConnected {
            let error = clinux_socket_error(socket.number)
            // Nobody listens yet: the usual case, not worth a word.
            if error != 0 { return finish(.unhealthy(error == ECONNREFUSED ? nil : String(cString: strerror(error)))) }
            guard writable else { return }
            isConnected = true
            if path == nil { return finish(.healthy) }
        }
        if !request.isEmpty {
            let count = request.withUnsafeBytes {
                send(socket.number, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count < 0, errno != EAGAIN { return finish(.unhealthy(String(cString: strerror(errno)))) }
            if count > 0 { request.removeFirst(count) }
            if request.isEmpty { loop.watchWrites(socket.number, false) }
        }
        if readable { receive() }
    }

    private func receive() {
        var chunk = [UInt8](repeating: 0, count: 512)
        let count = recv(socket.number, &chunk, chunk.count, 0)
        if count < 0 {
            if errno != EAGAIN { finish(.unhealthy(String(cString: strerror(errno)))) }
            return
        }
        if count == 0 { return finish(.unhealthy("it closed the connection without an answer")) }
        head.append(contentsOf: chunk[..<count])
        // "HTTP/1.1 200": twelve bytes decide.
        guard head.count >= 13 else { return }
        let line = String(decoding: head[..<12], as: UTF8.self)
        guard line.hasPrefix("HTTP/1."), let status = Int(line.suffix(3)) else {
            return finish(.unhealthy("its answer is not HTTP"))
        }
        finish(status == 200 ? .healthy : .unhealthy("GET \(path ?? "/") answered \(status)"))
    }

    private func finish(_ answer: Answer) {
        guard let continuation else { return }
        self.continuation = nil
        loop.unwatch(socket.number)
        socket.close()
        continuation.resume(returning: answer)
    }
}
