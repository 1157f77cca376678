import Access
import AgentCoreModel
import HTTPWire
import Logging
import NIOCore
import NIOHTTP1
import Platform
import SigV4

/// One request of the control plane, from its head to its answer. Confined to its connection's event loop;
/// use cases run in a task that prefers that loop.
///
/// Nothing of the body is looked at before the signature was verified, and without a signature it is not
/// even read.
final class ControlExchange: RequestReceiver {
    let lane: ControlLane
    let reply: Reply
    let head: HTTPRequestHead
    private let framing: BodyFraming
    let rawPath: String
    let rawQuery: String

    private var claim: RequestClaim?
    private(set) var caller: Authenticated?
    private(set) var body: [UInt8] = []
    private var bodySize = 0
    /// While the body's sender is not known.
    private var unverified: UnverifiedBody?
    /// What came while some of it was on its way to the disk: what had been read before reading stopped.
    private var arrived = ByteBuffer()
    private var isSpilling = false
    private var bodyIsWhole = false
    private(set) var isOver = false
    private var task: Task<Void, Never>?

    init(lane: ControlLane, head: HTTPRequestHead, framing: BodyFraming, reply: Reply) {
        self.lane = lane
        self.head = head
        self.framing = framing
        self.reply = reply
        if let mark = head.uri.utf8.firstIndex(of: UInt8(ascii: "?")) {
            rawPath = String(head.uri[..<mark])
            rawQuery = String(head.uri[head.uri.utf8.index(after: mark)...])
        } else {
            rawPath = head.uri
            rawQuery = ""
        }
    }

    func start() {
        do throws(SignalboxError) {
            if try answerOpen() { return }
            let claim = try lane.service.authentication.claim(
                SigV4Request(
                    method: head.method.rawValue, rawPath: rawPath, rawQuery: rawQuery, headers: head.headers.map { ($0.name, $0.value) }))
            self.claim = claim
            guard let declared = claim.declaredHash else {
                unverified = UnverifiedBody(lane.service.authentication.spools)
                return try checkLength()
            }
            if hasBody { reply.setReading(false) }
            authenticate(claim, declared)
        } catch {
            fail(error)
        }
    }

    private var hasBody: Bool { framing != .none && framing != .length(0) }

    // MARK: Body

    func bodyArrived(_ bytes: ByteBuffer) {
        guard !isOver else { return }
        do throws(SignalboxError) {
            bodySize += bytes.readableBytes
            guard bodySize <= RequestAuthentication.maximumBody else { throw Self.tooLarge }
        } catch {
            return fail(error)
        }
        if unverified == nil {
            body += bytes.readableBytesView
        } else if isSpilling {
            arrived.writeImmutableBuffer(bytes)
        } else {
            takeUnverified(bytes)
        }
    }

    private func takeUnverified(_ bytes: ByteBuffer) {
        guard unverified?.take(bytes) == true, let full = unverified else { return }
        isSpilling = true
        reply.setReading(false)
        run {
            var body = full
            try await body.spill()
            return body
        } then: { exchange, result in
            switch result {
            case .success(let body): exchange.spilled(body)
            case .failure(let error): exchange.fail(error)
            }
        }
    }

    private func spilled(_ body: UnverifiedBody) {
        isSpilling = false
        unverified = body
        let bytes = arrived
        arrived = ByteBuffer()
        if bytes.readableBytes > 0 { takeUnverified(bytes) }
        if isSpilling { return }
        if bodyIsWhole { bodyEnded() } else { reply.setReading(true) }
    }

    func bodyEnded() {
        guard !isOver, let claim else { return }
        bodyIsWhole = true
        if let unverified {
            if !isSpilling { authenticate(claim, bodySize == 0 ? ContentHash.emptySHA256 : unverified.sha256) }
        } else if let caller {
            verified(claim, caller)
        }
    }

    private func checkLength() throws(SignalboxError) {
        if case .length(let length) = framing, length > RequestAuthentication.maximumBody { throw Self.tooLarge }
    }

    private static var tooLarge: SignalboxError {
        SignalboxError(.payloadTooLarge, "The request body is larger than \(RequestAuthentication.maximumBody) bytes.")
    }

    // MARK: Who

    private func authenticate(_ claim: RequestClaim, _ payloadHash: String) {
        let authentication = lane.service.authentication
        do throws(SignalboxError) {
            if let caller = try authentication.authenticateCached(claim, payloadHash) { return authenticated(claim, caller) }
        } catch {
            return fail(error)
        }
        run {
            try await authentication.authenticate(claim, payloadHash)
        } then: {
            switch $1 {
            case .success(let caller): $0.authenticated(claim, caller)
            case .failure(let error): $0.fail(error)
            }
        }
    }

    private func authenticated(_ claim: RequestClaim, _ caller: Authenticated) {
        self.caller = caller
        guard claim.declaredHash != nil else { return verified(claim, caller) }
        do throws(SignalboxError) { try checkLength() } catch { return fail(error) }
        if bodyIsWhole { return verified(claim, caller) }
        if hasBody { reply.setReading(true) }
    }

    /// Who calls is known, and that the body is the one that was signed.
    private func verified(_ claim: RequestClaim, _ caller: Authenticated) {
        if let declared = claim.declaredHash {
            guard declared == (body.isEmpty ? ContentHash.emptySHA256 : ContentHash.sha256(of: body)) else {
                return fail(SigV4Error.payloadMismatch.signalboxError)
            }
        }
        self.claim = nil
        reply.account = caller.principal.account
        guard let unverified else { return dispatch(caller) }
        self.unverified = nil
        if let bytes = unverified.bytesInMemory {
            body = bytes
            return dispatch(caller)
        }
        run {
            try await unverified.bytes()
        } then: { exchange, result in
            switch result {
            case .success(let bytes):
                exchange.body = bytes
                exchange.dispatch(caller)
            case .failure(let error): exchange.fail(error)
            }
        }
    }

    // MARK: Tasks

    /// Runs `work` in a task and goes on with its result on the event loop, unless the client is gone by then.
    func run<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value, then: @escaping (ControlExchange, Result<Value, any Error>) -> Void
    ) {
        let bound = NIOLoopBound((exchange: self, then: then), eventLoop: lane.eventLoop)
        let loop = lane.eventLoop
        task = Task(executorPreference: lane.executor) {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            @Sendable func goOn() {
                let (exchange, then) = bound.value
                exchange.task = nil
                if !exchange.isOver { then(exchange, result) }
            }
            if loop.inEventLoop { goOn() } else { loop.execute(goOn) }
        }
    }

    // MARK: End

    func cancelled() {
        isOver = true
        task?.cancel()
        unverified = nil
    }

    func writabilityChanged() {}

    func send(_ status: Int, _ fields: FieldBlock, _ body: ByteBuffer) {
        guard !isOver else { return }
        isOver = true
        reply.send(status: status, fields: fields, body: body)
    }

    func fail(_ error: any Error) {
        guard !isOver else { return }
        unverified = nil
        let error = error as? SignalboxError ?? .internal("\(error)")
        let wire = WireError(error)
        if wire.status >= 500 { log(error) }
        var fields = FieldBlock()
        for (name, value) in wire.headers { fields.add(name, value) }
        send(wire.status, fields, ByteBuffer(bytes: wire.body))
    }

    private func log(_ error: SignalboxError) {
        var metadata: Logger.Metadata = [
            "request_id": "\(reply.requestID)", "operation": "\(RequestOperation(index: reply.operation).name)", "error": "\(error)",
        ]
        metadata["account"] = reply.account.map { "\($0)" }
        metadata["runtime"] = reply.runtime.map { "\($0)" }
        lane.logger.log(level: error.kind == .internal ? .error : .warning, "a request failed", metadata: metadata)
    }
}
