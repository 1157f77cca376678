import Access
import AgentCoreModel
import HTTPWire
import NIOCore
import Platform
import Store

/// From a known caller to the answer, and the two routes that need none.
extension ControlExchange {
    func dispatch(_ caller: Authenticated) {
        let service = lane.service
        do throws(SignalboxError) {
            let (entry, parameters) = try service.routes.find(head.method.rawValue, rawPath)
            reply.operation = entry.operation.index
            reply.runtime = parameters["agentRuntimeId"]
            try service.throttle?.take(account: caller.principal.account, operation: entry.name)
            if let kept = kept(entry.route, parameters, caller) { return check(kept, entry, parameters, caller) }
            answer(entry, parameters, caller)
        } catch {
            fail(error)
        }
    }

    // MARK: Answers that were given before

    /// For callers whose role does; all others take the long way.
    private func kept(_ route: ControlRoute, _ parameters: [String: String], _ caller: Authenticated) -> KeptAnswer? {
        guard let key = route.answerKey, case .policy(let action) = route.authorization,
            caller.principal.role.allows(action.permission),
            let key = key(caller.principal.account, caller.region, parameters, rawQuery)
        else { return nil }
        return lane.service.answers.find(key, at: reply.startedAt)
    }

    /// Sends what was kept if the database says that it still holds.
    private func check(_ kept: KeptAnswer, _ entry: RouteTable.Entry, _ parameters: [String: String], _ caller: Authenticated) {
        lane.revisions.ask(kept.source.rows) { [self] result in
            guard !isOver else { return }
            switch result {
            case .failure(let error): fail(error)
            case .success(let revision) where revision == kept.source.revision: give(kept, entry, caller)
            case .success: answer(entry, parameters, caller)
            }
        }
    }

    private func give(_ kept: KeptAnswer, _ entry: RouteTable.Entry, _ caller: Authenticated) {
        if !kept.source.isOpen(to: caller.principal), case .policy(let action) = entry.route.authorization {
            guard let context = context(caller) else { return }
            do throws(SignalboxError) { try kept.source.require(context, action) } catch { return fail(error) }
        }
        send(entry.route.status, Self.json, kept.body)
    }

    // MARK: Use cases

    private func answer(_ entry: RouteTable.Entry, _ parameters: [String: String], _ caller: Authenticated) {
        let service = lane.service
        guard let channel = reply.channel, let context = context(caller) else { return }
        let front = FrontEndRequest(requestID: reply.requestID, head: head, channel: channel, logger: context.logger)
        let call = AuthenticatedRequest(context: context, front: front, body: body, validation: service.validation)
        run {
            try await service.answer(call, entry.route, parameters)
        } then: { exchange, result in
            switch result {
            case .success(let answer): exchange.send(answer, status: entry.route.status)
            case .failure(let error): exchange.fail(error)
            }
        }
    }

    /// nil: the client is gone.
    private func context(_ caller: Authenticated) -> OperationContext? {
        guard let channel = reply.channel else { return nil }
        var logger = lane.logger
        logger[metadataKey: "request_id"] = "\(reply.requestID)"
        logger[metadataKey: "account"] = "\(caller.principal.account)"
        var context = OperationContext(
            principal: caller.principal, region: caller.region, sourceAddress: channel.remoteAddress?.ipAddress,
            requestID: reply.requestID, logger: logger, clock: lane.service.authentication.clock)
        context.userAgent = head.headers.first(name: "user-agent")
        return context
    }

    private func send(_ answer: ControlRoute.Answer, status: Int) {
        // 204 is all that such an operation says.
        if status == 204 { return send(status, .empty, ByteBuffer()) }
        let (bytes, type) = answer.file ?? (ByteBuffer(bytes: answer.body.bytes()), "application/json")
        send(status, Self.fields(type, answer.headers), bytes)
    }

    private static let json = fields("application/json", [])

    private static func fields(_ type: String, _ others: [(name: String, value: String)]) -> FieldBlock {
        var fields = FieldBlock(capacity: 64)
        fields.add("Content-Type", type)
        for (name, value) in others { fields.add(name, value) }
        return fields
    }

    // MARK: Open routes

    /// The routes without a signature. False: it is none of them.
    func answerOpen() throws(SignalboxError) -> Bool {
        let isHealth = rawPath == "/healthz"
        guard isHealth || rawPath == "/readyz" else { return false }
        guard head.method == .GET || head.method == .HEAD else { throw RouteTable.notAllowed(["GET", "HEAD"]) }
        reply.operation = (isHealth ? RequestOperation.health : .readiness).index
        if isHealth {
            send(200, Self.fields("text/plain; charset=utf-8", []), ByteBuffer(string: "ok\n"))
            return true
        }
        let readiness = lane.service.readiness
        run {
            await readiness()
        } then: { exchange, result in
            switch result {
            case .success(let readiness):
                exchange.send(
                    readiness.isReady ? 200 : 503,
                    Self.fields("application/json", readiness.isReady ? [] : [("Retry-After", "1")]),
                    ByteBuffer(bytes: readiness.json.bytes()))
            case .failure(let error): exchange.fail(error)
            }
        }
        return true
    }
}
