import HTTPWire
import NIOCore
import Platform

/// The half of an invocation that faces the sandbox.
extension Invocation: UpstreamUser {
    private static let joinedBody = 16 * 1024
    private static let spoolPiece = 256 * 1024
    private static let drainable = 64 * 1024

    // MARK: Request

    func send(on connection: UpstreamConnection) {
        guard let session else { return connection.close() }
        upstream = connection
        connection.begin(self)
        connection.deadline = eventLoop.now + plane.configuration.answerTimeout
        var out = ByteBufferAllocator().buffer(capacity: 1024 + min(body.memoryBytes, Self.joinedBody))
        ForwardedHeaders.writeRequest(
            into: &out, agent: session.agent, found: found, sessionID: sessionID, requestID: reply.requestID, headers: head.headers)
        let length: Int?
        if body.streams {
            if case .length(let announced) = framing { length = announced } else { length = nil }
        } else {
            length = body.spooled + body.memoryBytes
        }
        if let length {
            out.writeStaticString("Content-Length: ")
            out.writeDecimal(length)
            out.writeStaticString("\r\n\r\n")
        } else {
            out.writeStaticString("Transfer-Encoding: chunked\r\n\r\n")
        }
        if body.streams {
            connection.write(out)
            connection.flush()
            reply.setReading(true)
            return forwardBody()
        }
        if body.spool != nil {
            connection.write(out)
            return pumpSpool(from: 0)
        }
        let bytes = body.takeMemory()
        if bytes.readableBytes <= Self.joinedBody {
            out.writeImmutableBuffer(bytes)
            connection.write(out)
        } else {
            connection.write(out)
            connection.write(bytes)
        }
        connection.requestEnded()
    }

    /// Passes on what has arrived of a body whose hash was declared, all but the last piece until the
    /// whole is known to be what was signed.
    func forwardBody() {
        // Until there is a connection, what one read brought is kept and more is not asked for.
        guard let upstream, !isOver else { return }
        var verified = false
        if body.isComplete {
            guard bodyIsAsDeclared() else {
                plane.logger.info("a body did not have the hash it declared", metadata: ["request_id": "\(reply.requestID)"])
                return failMismatch()
            }
            verified = true
        }
        while let bytes = body.next(verified: verified) { write(bytes, on: upstream) }
        if verified {
            if framing == .chunked { upstream.write(ByteBuffer(string: "0\r\n\r\n")) }
            upstream.requestEnded()
        } else {
            upstream.flush()
            reply.setReading(upstream.isWritable)
        }
    }

    private func write(_ bytes: ByteBuffer, on upstream: UpstreamConnection) {
        guard framing == .chunked else { return upstream.write(bytes) }
        upstream.write(ByteBuffer(string: String(bytes.readableBytes, radix: 16) + "\r\n"))
        upstream.write(bytes)
        upstream.write(ByteBuffer(string: "\r\n"))
    }

    /// Sends a spooled body piece by piece, the next one when the sandbox has taken the last.
    private func pumpSpool(from offset: Int) {
        guard let spool = body.spool, let upstream, !isOver else { return }
        guard offset < body.spooled else { return upstream.requestEnded() }
        guard upstream.isWritable else {
            pendingSpoolOffset = offset
            return upstream.flush()
        }
        let count = min(Self.spoolPiece, body.spooled - offset)
        spool.read(at: offset, count: count, on: eventLoop).assumeIsolated().whenComplete { result in
            guard !self.isOver, let upstream = self.upstream else { return }
            switch result {
            case .failure(let error): self.fail(error as? SignalboxError ?? .internal("reading a spooled body: \(error)"))
            case .success(let bytes):
                upstream.write(bytes)
                upstream.flush()
                self.pumpSpool(from: offset + count)
            }
        }
    }

    func upstreamWritable() {
        guard !isOver else { return }
        if body.streams {
            if !body.isComplete { reply.setReading(true) }
        } else if let offset = pendingSpoolOffset {
            pendingSpoolOffset = nil
            pumpSpool(from: offset)
        }
    }

    // MARK: Response

    func upstreamHead(_ head: ResponseHead) {
        guard !isOver else { return }
        guard (200..<300).contains(head.status) else { return refuse(head) }
        let framing: ReplyFraming
        switch head.framing {
        case .none: framing = .length(0)
        case .length(let length): framing = .length(length)
        case .chunked, .untilClose: framing = .streaming
        }
        let now = eventLoop.now
        wasAnswered = true
        plane.metrics.firstByte.recordNanoseconds((now - reply.startedAt).nanoseconds)
        upstream?.deadline = now + plane.configuration.streamTimeout
        reply.begin(status: 200, framing: framing, fields: ForwardedHeaders.reply(head, found: found, sessionID: sessionID))
    }

    /// The agent's own error. Its status goes into a header of ours: hiding it is what people complain
    /// of most (contract §8).
    private func refuse(_ head: ResponseHead) {
        let sandbox = session?.sandboxID ?? ""
        if case .length(let length) = head.framing, length > Self.drainable {
            isDraining = false
        } else {
            isDraining = head.keepAlive
        }
        upstream?.deadline = eventLoop.now + .seconds(5)
        let connection = upstream
        fail(
            .agentFailed(
                "Received error (\(head.status)) from runtime. Please check your CloudWatch logs for more information."),
            fields: [("x-signalbox-agent-status", String(head.status)), ("x-signalbox-sandbox", sandbox)])
        if !isDraining { connection?.close() }
    }

    func upstreamBody(_ bytes: ByteBuffer) {
        guard !isOver else { return countDrained(bytes) }
        reply.write(bytes)
        if !reply.isWritable { upstream?.setReading(false) }
    }

    private func countDrained(_ bytes: ByteBuffer) {
        drained += bytes.readableBytes
        if drained > Self.drainable { upstream?.close() }
    }

    func upstreamPaused() {
        if !isOver { reply.flush() }
    }

    func upstreamEnd() {
        let connection = upstream
        guard !isOver else {
            upstream = nil
            connection?.finish()
            return
        }
        let reply = reply
        // Given back first: the end of the reply may begin the client's next request.
        connection?.finish()
        finish()
        reply.end()
    }

    func upstreamFailed(_ reason: String) {
        upstream = nil
        guard !isOver else { return }
        let sandbox = session?.sandboxID ?? ""
        plane.logger.info(
            "an invocation failed in its agent",
            metadata: ["request_id": "\(reply.requestID)", "sandbox": "\(sandbox)", "reason": "\(reason)"])
        explainFailure(reason) { invocation, why in
            invocation.fail(
                .agentFailed("The runtime failed before it answered: \(why). Please check your CloudWatch logs for more information."),
                fields: [("x-signalbox-sandbox", sandbox)])
        }
    }
}
