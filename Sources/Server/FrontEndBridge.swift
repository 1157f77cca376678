import DataPlane
import HTTPTypes
import HTTPWire
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import Platform

/// Runs one request through the Hummingbird responder, in a task that prefers the connection's event
/// loop. Confined to that loop; the task reaches it through `NIOLoopBound` and hops if it must.
final class FrontEndBridge: RequestReceiver {
    typealias Producer = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, BodyDemand
    >

    let reply: Reply
    let observation = RequestObservation()
    private let executor: EventLoopExecutor
    private let logger: Logger
    private var task: Task<Void, Never>?
    private var source: Producer.Source?
    private(set) var isCancelled = false
    private var writers: [CheckedContinuation<Void, any Error>] = []

    init(reply: Reply, executor: EventLoopExecutor, logger: Logger) {
        self.reply = reply
        self.executor = executor
        self.logger = logger
    }

    func start(_ head: HTTPRequestHead, _ framing: BodyFraming, _ respond: @escaping FrontEnd.Respond) {
        let body: Hummingbird.RequestBody
        if framing == .none || framing == .length(0) {
            body = RequestBody(buffer: ByteBuffer())
        } else {
            let demand = BodyDemand(NIOLoopBound(self, eventLoop: reply.eventLoop), reply.eventLoop)
            let producer = Producer.makeSequence(
                backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8), finishOnDeinit: true, delegate: demand)
            source = producer.source
            body = RequestBody(asyncSequence: producer.sequence)
        }
        var logger = logger
        // Hummingbird's contexts read the request id from here and trap without it.
        logger[metadataKey: "hb.request.id"] = "\(reply.requestID)"
        guard let channel = reply.channel else { return }
        logger[metadataKey: "request_id"] = "\(reply.requestID)"
        let front = FrontEndRequest(
            requestID: reply.requestID, head: head, channel: channel, logger: logger, observation: observation)
        let request = Request(head: HTTPRequest(head), body: body)
        let bound = NIOLoopBound(self, eventLoop: reply.eventLoop)
        let handle = ReplyHandle(bridge: bound, eventLoop: reply.eventLoop)
        let omitsBody = head.method == .HEAD
        task = Task(executorPreference: executor) { [logger, observation] in
            do {
                let response = try await respond(request, front)
                try await handle.send(response, omitsBody: omitsBody)
            } catch {
                if !Task.isCancelled { await handle.send(failure: error, logger: logger, observation) }
            }
        }
    }

    // MARK: Request

    func bodyArrived(_ bytes: ByteBuffer) {
        guard let source else { return }
        if source.yield(bytes) == .stopProducing { reply.setReading(false) }
    }

    func bodyEnded() { source?.finish() }

    func cancelled() {
        isCancelled = true
        task?.cancel()
        source?.finish(CancellationError())
        release(throwing: CancellationError())
    }

    func writabilityChanged() {
        if reply.isWritable { release(throwing: nil) }
    }

    func wantsMore() { reply.setReading(true) }

    // MARK: Reply

    /// Suspends a writer until the client takes more.
    func await(_ continuation: CheckedContinuation<Void, any Error>) {
        if isCancelled { return continuation.resume(throwing: CancellationError()) }
        if reply.isWritable { return continuation.resume() }
        writers.append(continuation)
    }

    private func release(throwing error: (any Error)?) {
        let waiting = writers
        writers = []
        for writer in waiting {
            if let error { writer.resume(throwing: error) } else { writer.resume() }
        }
    }

    /// The handler is done with the request's body, read or not.
    func finished() {
        source?.finish()
        source = nil
    }
}

/// Turns the consumer's demand for body bytes into reads of the connection.
struct BodyDemand: NIOAsyncSequenceProducerDelegate, Sendable {
    private let bridge: NIOLoopBound<FrontEndBridge>
    private let eventLoop: any EventLoop

    init(_ bridge: NIOLoopBound<FrontEndBridge>, _ eventLoop: any EventLoop) {
        self.bridge = bridge
        self.eventLoop = eventLoop
    }

    func produceMore() { resume() }

    /// Nobody reads any more: what still arrives is dropped, and must arrive for the reply to be seen.
    func didTerminate() { resume() }

    private func resume() {
        if eventLoop.inEventLoop {
            bridge.value.wantsMore()
        } else {
            eventLoop.execute { bridge.value.wantsMore() }
        }
    }
}

/// Runs a task's jobs on one event loop.
final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

extension HTTPRequest {
    /// As NIO's own conversion does: the Host header becomes the authority.
    init(_ head: HTTPRequestHead) {
        let host = head.headers.first(name: "host")
        self.init(
            method: HTTPRequest.Method(head.method.rawValue) ?? .get, scheme: "http", authority: host, path: head.uri)
        for (name, value) in head.headers where !equalsIgnoringCase(name, "host") {
            guard let name = HTTPField.Name(name) else { continue }
            headerFields.append(HTTPField(name: name, value: value))
        }
    }
}
