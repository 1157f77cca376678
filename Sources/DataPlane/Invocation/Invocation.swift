import Access
import Crypto
import HTTPWire
import Logging
import NIOCore
import NIOHTTP1
import Platform
import SigV4
import Store

/// One invocation, from its head to the end of its reply. Confined to its connection's event loop; on
/// the warm path it runs from event to event without a task.
///
/// The body is verified before anything of it is passed on. Without a declared hash that means reading
/// all of it first. With one, the signature covers the hash, so the body may be passed on while it
/// arrives, but for its last piece: the agent never has a whole body that is not the signed one.
final class Invocation: RequestReceiver {
    let lane: Lane
    let reply: Reply
    let head: HTTPRequestHead
    let framing: BodyFraming
    var plane: DataPlane { lane.plane }
    var eventLoop: any EventLoop { lane.eventLoop }

    private var target: Lane.Target?
    private(set) var found = ForwardedHeaders.Found()
    private(set) var sessionID = ""
    private var declaredHash: String?
    private var caller: Caller?
    private var route: Route?
    /// The session found was gone; a second one that is gone, too, is a failure.
    private var isReopening = false
    private var hash = SHA256()
    var body: RequestBody
    private var received = 0
    var session: Session?
    var upstream: UpstreamConnection?
    var isOver = false
    /// The response is not wanted; what is left of it is read so that the connection stays usable.
    var isDraining = false
    var drained = 0
    /// The agent's answer began.
    var wasAnswered = false
    /// Where sending a spooled body stopped because the sandbox does not take more yet.
    var pendingSpoolOffset: Int?

    init(lane: Lane, head: HTTPRequestHead, framing: BodyFraming, reply: Reply) {
        self.lane = lane
        self.head = head
        self.framing = framing
        self.reply = reply
        body = RequestBody(framing: framing)
    }

    // MARK: Body

    func start() {
        guard head.method == .POST else {
            return fail(SignalboxError(.methodNotAllowed(allow: "POST"), "The operation is called with POST."))
        }
        if case .length(let length) = framing, length > plane.configuration.maximumBody { return fail(tooLarge) }
        do throws(SignalboxError) {
            target = try lane.target(head.uri)
            declaredHash = try readDeclaredHash()
        } catch {
            return fail(error)
        }
        guard head.headers.contains(name: "authorization") || QueryAuthorization.isPresent(in: target?.parsed.rawQuery ?? "") else {
            // Refused in the authenticator's words, without reading the body.
            return authenticate(.computed(""))
        }
        if let declaredHash, isLarge {
            body.streams = true
            reply.setReading(false)
            authenticate(.declared(declaredHash))
        }
    }

    private var tooLarge: SignalboxError {
        let limit = plane.configuration.maximumBody
        return SignalboxError(.payloadTooLarge, "The payload is larger than \(limit) bytes.")
    }

    private var isLarge: Bool {
        switch framing {
        case .length(let length): length > plane.configuration.streamingThreshold
        case .chunked, .untilClose: true
        case .none: false
        }
    }

    private func readDeclaredHash() throws(SignalboxError) -> String? {
        guard let value = head.headers.first(name: "x-amz-content-sha256") else { return nil }
        let isHex =
            value.utf8.count == 64
            && value.utf8.allSatisfy { byte in
                (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")) || (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f"))
            }
        guard isHex else {
            throw SignalboxError(.invalidSignature, "The header x-amz-content-sha256 must hold the lower-case hex SHA-256 of the body.")
        }
        return value
    }

    func bodyArrived(_ bytes: ByteBuffer) {
        guard !isOver else { return }
        received += bytes.readableBytes
        guard received <= plane.configuration.maximumBody else { return fail(tooLarge) }
        bytes.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        if body.streams {
            body.queue(bytes)
            return forwardBody()
        }
        body.keep(bytes)
        if body.shouldSpool(over: plane.configuration.maximumBodyInMemory) { spool() }
    }

    func bodyEnded() {
        guard !isOver else { return }
        body.isComplete = true
        if body.streams { forwardBody() } else if !body.isSpooling { verifyBody() }
    }

    private func hexHash() -> String {
        let digits = Array("0123456789abcdef".utf8)
        let digest = hash.finalize()
        return String(unsafeUninitializedCapacity: 64) { out in
            var position = 0
            for byte in digest {
                out[position] = digits[Int(byte >> 4)]
                out[position + 1] = digits[Int(byte & 15)]
                position += 2
            }
            return position
        }
    }

    private var mismatch: SignalboxError {
        SignalboxError(.invalidSignature, "The body does not have the hash that the header x-amz-content-sha256 declares.")
    }

    private func verifyBody() {
        let computed = hexHash()
        guard let declaredHash else { return authenticate(.computed(computed)) }
        guard declaredHash == computed else { return fail(mismatch) }
        authenticate(.declared(declaredHash))
    }

    /// Writes what has collected to the file, one call at a time; the client is not read meanwhile.
    private func spool() {
        guard !body.isSpooling else { return }
        body.isSpooling = true
        reply.setReading(false)
        let file =
            body.spool.map { eventLoop.makeSucceededFuture($0) }
            ?? plane.spools.open(on: eventLoop)
        let bytes = body.takeMemory()
        let offset = body.spooled
        let loop = eventLoop
        file.flatMap { spool in spool.append(bytes, at: offset, on: loop).map { spool } }
            .assumeIsolated()
            .whenComplete { result in
                guard !self.isOver else { return }
                self.body.isSpooling = false
                switch result {
                case .failure(let error): self.fail(error as? SignalboxError ?? .internal("spooling a body: \(error)"))
                case .success(let spool):
                    self.body.spool = spool
                    self.body.spooled += bytes.readableBytes
                    if self.body.memoryBytes > 0 { return self.spool() }
                    if self.body.isComplete { self.verifyBody() } else { self.reply.setReading(true) }
                }
            }
    }

    // MARK: Who and where

    private func authenticate(_ payload: CallerPayload) {
        guard let target = target?.parsed else { return }
        let request = CallerRequest(
            method: "POST", rawPath: target.rawPath, rawQuery: target.rawQuery,
            headers: head.headers.map { ($0.name, $0.value) })
        do throws(SignalboxError) {
            if let caller = try plane.authenticator.authenticateCached(request, payload) { return authenticated(caller) }
        } catch {
            return fail(error)
        }
        let authenticator = plane.authenticator
        hop { () throws(SignalboxError) in
            try await authenticator.authenticate(request, payload)
        } then: {
            $0.authenticated($1)
        }
    }

    private func authenticated(_ caller: Caller) {
        guard let target else { return }
        do throws(SignalboxError) {
            try plane.throttle?.take(account: caller.principal.account, operation: "InvokeAgentRuntime")
            found = try ForwardedHeaders.scan(head.headers)
            sessionID = found.sessionID ?? Identifier.uuid()
            let route = try lane.route(target, caller)
            self.caller = caller
            self.route = route
            reply.account = caller.principal.account
            reply.runtime = route?.key.runtimeID
            if let route { try authorize(route, caller, target.parsed) }
            if let route, let ready = plane.sessions.acquireReady(endpoint: route.endpoint, sessionID: sessionID) {
                return opened(ready)
            }
            try open()
        } catch {
            fail(error)
        }
    }

    /// Role and policies, from memory. What a caller's own role allows on its own account's agent, where no policy
    /// is, costs two comparisons.
    private func authorize(_ route: Route, _ caller: Caller, _ target: InvocationTarget) throws(SignalboxError) {
        if route.policies.isEmpty, route.key.account == caller.principal.account, caller.principal.role.allows(.invoke) { return }
        try InvocationAccess(self, caller, target).require(route)
    }

    /// The cold path.
    private func open() throws(SignalboxError) {
        guard let caller, let target = target?.parsed else { throw .internal("a session was to be opened for nobody") }
        let access = InvocationAccess(self, caller, target)
        let key = try target.routeKey(for: caller.principal.account, region: caller.region)
        let (plane, route, sessionID) = (plane, route, sessionID)
        hop { () throws(SignalboxError) in
            try await plane.open(
                access.context, key: key, route: route, sessionID: sessionID, missing: access.missing,
                authorize: { (route) throws(SignalboxError) in try access.require(route) })
        } then: {
            $0.opened($1)
        } abandoned: {
            plane.sessions.release($0)
        }
    }

    private func opened(_ session: Session) {
        self.session = session
        do throws(SignalboxError) { try ForwardedHeaders.checkListed(head.headers, session.agent) } catch { return fail(error) }
        if let connection = lane.pool.checkOut(session.sandboxID) { return send(on: connection) }
        lane.pool.connect(session.sandboxID, port: session.agent.port) { [self] result in
            switch result {
            case .success(let connection):
                if isOver { connection.close() } else { send(on: connection) }
            case .failure(let error): if !isOver { failedToConnect(session, error) }
            }
        }
    }

    /// Nothing of the request was sent: when the sandbox is gone, the session's next incarnation gets it.
    private func failedToConnect(_ session: Session, _ error: SignalboxError) {
        let sessions = plane.sessions
        hop { () throws(SignalboxError) in
            await sessions.fate(of: session)
        } then: { invocation, end in
            guard end != nil || !session.isOwned, !invocation.isReopening else {
                // The socket could not be made because there is no such sandbox any more.
                return invocation.fail(error.kind == .notFound ? .agentFailed("The agent is not running any more.") : error)
            }
            invocation.isReopening = true
            sessions.release(session)
            invocation.session = nil
            do throws(SignalboxError) { try invocation.open() } catch { invocation.fail(error) }
        }
    }

    /// How the sandbox ended, if it did; otherwise what was seen of it. Not for a reply that has begun:
    /// that is cut at once.
    func explainFailure(_ reason: String, then: @escaping (Invocation, String) -> Void) {
        guard let session else { return then(self, reason) }
        let sessions = plane.sessions
        if reply.hasBegun {
            Task { await sessions.fate(of: session) }
            return then(self, reason)
        }
        hop { () throws(SignalboxError) in
            await sessions.fate(of: session)
        } then: {
            then($0, $1 ?? reason)
        }
    }

    /// Whether the body is the signed one; asked when the whole of it was read and its last piece not sent.
    func bodyIsAsDeclared() -> Bool { hexHash() == declaredHash }

    func failMismatch() { fail(mismatch) }

    // MARK: End

    func fail(_ error: SignalboxError, fields extra: [(String, String)] = []) {
        guard !isOver else { return }
        let reply = reply
        let begun = reply.hasBegun
        if !isDraining { upstream?.close() }
        finish()
        guard !begun else { return reply.abort() }
        let rendered = plane.renderError(error, reply.requestID)
        if rendered.status >= 500 { log(error) }
        var fields = FieldBlock()
        for (name, value) in rendered.headers { fields.add(name, value) }
        for (name, value) in extra { fields.add(name, value) }
        if !sessionID.isEmpty { fields.add("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", sessionID) }
        reply.send(status: rendered.status, fields: fields, body: ByteBuffer(bytes: rendered.body))
    }

    private func log(_ error: SignalboxError) {
        var metadata: Logger.Metadata = [
            "request_id": "\(reply.requestID)", "operation": "InvokeAgentRuntime", "error": "\(error)",
        ]
        metadata["account"] = reply.account.map { "\($0)" }
        metadata["runtime"] = reply.runtime.map { "\($0)" }
        plane.logger.log(level: error.kind == .internal ? .error : .warning, "a request failed", metadata: metadata)
    }

    /// Lets go of everything but a connection that is being drained.
    func finish() {
        isOver = true
        if wasAnswered { plane.metrics.duration.recordNanoseconds((eventLoop.now - reply.startedAt).nanoseconds) }
        if let session { plane.sessions.release(session) }
        session = nil
        if !isDraining { upstream = nil }
        body = RequestBody(framing: .none)
    }

    func cancelled() {
        guard !isOver else { return }
        upstream?.close()
        finish()
    }

    func writabilityChanged() {
        if !isOver { upstream?.setReading(reply.isWritable) }
    }

    // MARK: Tasks

    /// Runs `work` off the event loop and goes on with its result there. If the call is over by then,
    /// `abandoned` gets the result instead.
    private func hop<Value: Sendable>(
        _ work: @escaping @Sendable () async throws(SignalboxError) -> Value,
        then: @escaping (Invocation, Value) -> Void, abandoned: @escaping @Sendable (Value) -> Void = { _ in }
    ) {
        let bound = NIOLoopBound((invocation: self, then: then), eventLoop: eventLoop)
        let loop = eventLoop
        Task {
            let result: Result<Value, SignalboxError>
            do throws(SignalboxError) { result = .success(try await work()) } catch { result = .failure(error) }
            loop.execute {
                let (invocation, then) = bound.value
                switch result {
                case .success(let value): invocation.isOver ? abandoned(value) : then(invocation, value)
                case .failure(let error): invocation.fail(error)
                }
            }
        }
    }
}

/// Who wants to invoke what, for the decision whether it may.
private struct InvocationAccess: Sendable {
    let context: OperationContext
    /// What is said of an agent that does not exist, or not for this caller.
    let missing: SignalboxError
    private let namesUser: Bool

    init(_ invocation: Invocation, _ caller: Caller, _ target: InvocationTarget) {
        context = invocation.plane.context(
            caller, sourceAddress: invocation.reply.channel?.remoteAddress?.ipAddress, requestID: invocation.reply.requestID)
        missing = DataPlane.missing(
            context, .invokeAgentRuntime, target.notFound(account: caller.principal.account, region: caller.region))
        namesUser = invocation.head.headers.contains(name: "X-Amzn-Bedrock-AgentCore-Runtime-User-Id")
    }

    func require(_ route: Route) throws(SignalboxError) {
        let resource = GuardedResource(route)
        try context.require(.invokeAgentRuntime, on: resource, hidden: missing)
        if namesUser { try context.require(.invokeAgentRuntimeForUser, on: resource, hidden: missing) }
    }
}
