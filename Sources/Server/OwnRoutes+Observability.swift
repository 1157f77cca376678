import Access
import AgentCoreModel
import NIOCore
import Platform
import SigV4
import Store

/// Metrics, status and audit trail.
extension ControlRoute {
    /// The metrics, for callers that sign.
    ///
    /// For every role that may read: the page holds sums over the whole server, and no name or id of
    /// anybody's resource, key or account.
    static func metrics(_ registry: MetricRegistry) -> ControlRoute {
        ControlRoute(.getMetrics, .role(.read)) { _, _ in
            Answer(file: (ByteBuffer(string: await registry.render()), MetricText.contentType))
        }
    }

    /// How replicas and reconcilers do.
    ///
    /// For every role that may read: counts are those of the whole installation, single pieces of work
    /// and their errors those of the caller's own account.
    static func status(_ reader: StatusReader) -> ControlRoute {
        ControlRoute(.getStatus, .role(.read)) { call, _ in Answer(body: await reader.read(call.context)) }
    }

    /// The audit trail of the caller's account.
    ///
    /// For administrators: it names everybody's keys and addresses.
    static func auditEvents(_ store: Store) -> ControlRoute {
        ControlRoute(.listAuditEvents, .role(.administer)) { call, _ in
            var query = try OwnQuery(call, known: ["runtime", "actor", "operation", "since", "until", "maxResults", "nextToken"])
            let filter = AuditFilter(
                runtimeID: query.text("runtime"), actor: query.text("actor"), operation: query.text("operation"),
                since: query.time("since"), until: query.time("until"))
            let page = PageRequest(maxResults: query.number("maxResults", 1...100) ?? 50, nextToken: query.text("nextToken"))
            try query.check()
            let found = try await store.auditList(call.context, filter: filter, page: page)
            var body: [String: JSONValue] = ["events": .array(found.items.map(\.json))]
            body["nextToken"] = found.nextToken.map { .string($0) }
            return Answer(body: .object(body))
        }
    }

    /// Which versions served a session, and when.
    static func sessionHistory(_ store: Store) -> ControlRoute {
        ControlRoute(.getSessionHistory, .role(.administer)) { call, parameters in
            var query = try OwnQuery(call, known: ["runtime", "at"])
            let (runtime, at) = (query.text("runtime"), query.time("at"))
            try query.check()
            let found = try await store.sessionIncarnations(
                call.context, sessionID: parameters["runtimeSessionId"] ?? "", runtimeID: runtime, at: at)
            return Answer(body: .object(["sessions": .array(found.map(\.json))]))
        }
    }
}

/// The query of an own route: every parameter is known, given once and well-formed, or all that are
/// not are named at once.
struct OwnQuery {
    private let values: [String: String]
    private var failures: [FieldFailure] = []

    init(_ call: AuthenticatedRequest, known: [String]) throws(SignalboxError) {
        guard let pairs = PercentEncoding.query(call.front.rawQuery) else {
            throw .validation("The query string is not percent-encoded correctly.", reason: .cannotParse)
        }
        // Verified already, and no business of the operation.
        let presigning = QueryAuthorization.isPresent(in: call.front.rawQuery) ? QueryAuthorization.parameterNames : []
        var values: [String: String] = [:]
        for (name, value) in pairs where !presigning.contains(name) {
            guard known.contains(name) else {
                failures.append(FieldFailure(name: name, message: "Parameter is not known to this operation"))
                continue
            }
            if values.updateValue(value, forKey: name) != nil {
                failures.append(FieldFailure(name: name, message: "Parameter must be given at most once"))
            }
        }
        self.values = values
    }

    /// nil when it is missing.
    mutating func text(_ name: String) -> String? {
        guard let value = values[name] else { return nil }
        if value.isEmpty || value.utf8.count > 2048 || value.utf8.contains(0) {
            failures.append(FieldFailure(name: name, message: "Parameter must have 1 to 2048 characters"))
        }
        return value
    }

    mutating func number(_ name: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = values[name] else { return nil }
        guard let number = Int(value), range.contains(number) else {
            failures.append(
                FieldFailure(name: name, message: "Parameter must be a number from \(range.lowerBound) to \(range.upperBound)"))
            return nil
        }
        return number
    }

    mutating func time(_ name: String) -> WireTimestamp? {
        guard let value = values[name] else { return nil }
        guard let time = WireTimestamp(value) else {
            failures.append(FieldFailure(name: name, message: "Parameter must be a time such as 2026-09-26T12:34:56Z"))
            return nil
        }
        return time
    }

    func check() throws(SignalboxError) {
        guard !failures.isEmpty else { return }
        throw .validation(
            "\(failures.count) validation error\(failures.count == 1 ? "" : "s") detected: "
                + failures.map { "\($0.message) at '\($0.name)'" }.joined(separator: "; "), fields: failures)
    }
}

extension AuditRecord {
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "id": .integer(id), "at": .string(WireTimestamp(at).description), "operation": .string(operation),
            "outcome": .string(outcome), "resource": .string(resource), "actor": .string(actor), "requestId": .string(requestID),
        ]
        let texts = [
            ("agentRuntimeId", runtimeID), ("actorAccount", actorAccount), ("actorRole", actorRole), ("sourceAddress", sourceAddress),
            ("userAgent", userAgent),
        ]
        for (name, text) in texts { members[name] = text.map { .string($0) } }
        for (name, value) in details.object ?? [:] { members[name] = value }
        return .object(members)
    }
}

extension SessionIncarnation {
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "agentRuntimeId": .string(runtimeID), "endpointName": .string(endpointName), "runtimeSessionId": .string(sessionID),
            "agentRuntimeVersion": .string(String(version)), "replicaId": .string(replica), "sandboxId": .string(sandboxID),
            "startedAt": .string(WireTimestamp(startedAt).description), "lastActiveAt": .string(WireTimestamp(lastActiveAt).description),
        ]
        members["endedAt"] = endedAt.map { .string(WireTimestamp($0).description) }
        members["reason"] = reason.map { .string($0) }
        return .object(members)
    }
}
