import CLinux
import Logging
import Platform
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The client's one connection, on its event loop: numbers requests, matches replies, tells events.
actor SupervisorLink {
    typealias Answer = (reply: SupervisorReply, descriptor: Descriptor?)

    let loop: EventLoop
    private let socketPath: String
    private let logger: Logger
    private var channel: FrameChannel?
    private var nextNumber: UInt64 = 0
    private var pending: [UInt64: CheckedContinuation<Answer, any Error>] = [:]
    private var progress: [UInt64: @Sendable (String) -> Void] = [:]
    private var waitingForLink: [UInt64: CheckedContinuation<Bool, Never>] = [:]
    private var whenLost: [CheckedContinuation<Void, Never>] = []
    private let listeners = Mutex<[UInt64: AsyncStream<SandboxEvent>.Continuation]>([:])
    private let nextListener = Atomic<UInt64>(0)
    private var wasConnected = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(socketPath: String, loop: EventLoop, logger: Logger) {
        self.socketPath = socketPath
        self.loop = loop
        self.logger = logger
    }

    // MARK: Connection

    /// The connection ends because we want it to.
    private var isLeaving = false

    var isConnected: Bool { channel != nil }

    /// One attempt. A unix socket connects at once or not at all.
    func connect() -> Bool {
        if channel != nil { return true }
        let number = clinux_unix_connect(socketPath)
        guard number >= 0 else { return false }
        let channel = FrameChannel(socket: Descriptor(number), loop: loop)
        channel.onFrame = { [unowned self] body in self.assumeIsolated { $0.receive(body) } }
        channel.onClose = { [unowned self] reason in self.assumeIsolated { $0.lost(reason) } }
        self.channel = channel
        channel.open()
        for waiter in waitingForLink.values { waiter.resume(returning: true) }
        waitingForLink = [:]
        if wasConnected { tell(.reconnected) }
        wasConnected = true
        return true
    }

    func untilLost() async {
        guard channel != nil else { return }
        await withCheckedContinuation { whenLost.append($0) }
    }

    /// Ends the connection and all event streams. A later ``connect()`` starts anew.
    func disconnect() {
        isLeaving = true
        channel?.close()
        isLeaving = false
        let ended = listeners.withLock { listeners in
            defer { listeners = [:] }
            return listeners.values
        }
        for listener in ended { listener.finish() }
    }

    private func lost(_ reason: String?) {
        channel = nil
        if !isLeaving {
            logger.warning("the supervisor's connection is lost", metadata: ["reason": "\(reason ?? "closed by it")"])
        }
        let failed = pending.values
        pending = [:]
        for continuation in failed {
            continuation.resume(throwing: SignalboxError.unavailable("The supervisor went away during the request."))
        }
        for waiter in whenLost { waiter.resume() }
        whenLost = []
        tell(.lost)
    }

    // MARK: Requests

    func ask(
        _ request: SupervisorRequest, within limit: Duration, progress: (@Sendable (String) -> Void)? = nil
    ) async throws -> Answer {
        if channel == nil, !connect() {
            guard await waitForLink(min(limit, .seconds(2))) else {
                throw SignalboxError.unavailable("No supervisor answers.", context: socketPath)
            }
        }
        nextNumber += 1
        let number = nextNumber
        var request = request
        request.number = number
        let body = Array(try JSONEncoder().encode(request))
        let timer = Task {
            try await Task.sleep(for: limit)
            expire(number, limit)
        }
        self.progress[number] = progress
        defer {
            timer.cancel()
            self.progress[number] = nil
        }
        return try await withCheckedThrowingContinuation { continuation in
            guard let channel else {
                continuation.resume(throwing: SignalboxError.unavailable("No supervisor answers.", context: socketPath))
                return
            }
            pending[number] = continuation
            channel.send(body)
        }
    }

    private func expire(_ number: UInt64, _ limit: Duration) {
        pending.removeValue(forKey: number)?.resume(
            throwing: SignalboxError.unavailable("The supervisor did not answer within \(limit)."))
    }

    private func waitForLink(_ limit: Duration) async -> Bool {
        nextNumber += 1
        let number = nextNumber
        let timer = Task {
            try await Task.sleep(for: limit)
            waitingForLink.removeValue(forKey: number)?.resume(returning: connect())
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { waitingForLink[number] = $0 }
    }

    private func receive(_ body: [UInt8]) {
        guard let channel, let reply = try? JSONDecoder().decode(SupervisorReply.self, from: Data(body)) else {
            channel?.close("an answer that is none")
            return
        }
        let descriptor = reply.hasDescriptor == true ? channel.takeDescriptor() : nil
        if let number = reply.number, let text = reply.progress {
            progress[number]?(text)
            return
        }
        if let exited = reply.exited { tell(.exited(id: exited.id, exited.exit)) }
        // Unknown: it expired, and its descriptor closes with the last reference.
        guard let number = reply.number, let continuation = pending.removeValue(forKey: number) else { return }
        if let failure = reply.failure {
            continuation.resume(throwing: failure.error)
        } else {
            continuation.resume(returning: (reply, descriptor))
        }
    }

    // MARK: Events

    /// Complete from the moment this returns.
    nonisolated func events() -> AsyncStream<SandboxEvent> {
        let (stream, continuation) = AsyncStream<SandboxEvent>.makeStream()
        let number = nextListener.add(1, ordering: .relaxed).newValue
        listeners.withLock { $0[number] = continuation }
        continuation.onTermination = { [weak self] _ in self?.listeners.withLock { _ = $0.removeValue(forKey: number) } }
        return stream
    }

    private func tell(_ event: SandboxEvent) {
        for listener in listeners.withLock({ Array($0.values) }) { listener.yield(event) }
    }
}
