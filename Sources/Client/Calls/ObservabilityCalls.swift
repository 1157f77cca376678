public import AgentCoreModel

/// What is wanted of the audit trail.
public struct AuditQuery: Sendable, Equatable {
    /// agentRuntimeId.
    public var runtime: String?
    /// Access key id, or `signalbox`.
    public var actor: String?
    public var operation: String?
    public var since: WireTimestamp?
    public var until: WireTimestamp?

    public init(
        runtime: String? = nil, actor: String? = nil, operation: String? = nil, since: WireTimestamp? = nil, until: WireTimestamp? = nil
    ) {
        self.runtime = runtime
        self.actor = actor
        self.operation = operation
        self.since = since
        self.until = until
    }
}

/// Status and audit trail: routes of Signalbox's own.
extension SignalboxClient {
    private static let own = "/_signalbox/v1"

    public func status() async throws -> JSONValue { try await json("GET", Self.own + "/status") }

    /// The newest events that fit, at most so many, in pages behind the scenes.
    public func auditEvents(_ query: AuditQuery, maxResults: Int) async throws -> [JSONValue] {
        var parameters: [(String, String)] = []
        if let runtime = query.runtime { parameters.append(("runtime", runtime)) }
        if let actor = query.actor { parameters.append(("actor", actor)) }
        if let operation = query.operation { parameters.append(("operation", operation)) }
        if let since = query.since { parameters.append(("since", since.description)) }
        if let until = query.until { parameters.append(("until", until.description)) }
        var events: [JSONValue] = []
        var token: String?
        repeat {
            var page = parameters + [("maxResults", String(min(100, maxResults - events.count)))]
            if let token { page.append(("nextToken", token)) }
            let answer = try await json("GET", Self.own + "/audit", query: page)
            events += answer["events"]?.array ?? []
            token = answer["nextToken"]?.string
        } while token != nil && events.count < maxResults
        return events
    }

    /// Which versions served a session, the newest first.
    ///
    /// - Parameters:
    ///   - runtime: agentRuntimeId, where the same id was used on several.
    ///   - at: what served it at this time alone.
    public func sessionHistory(_ session: String, runtime: String? = nil, at: WireTimestamp? = nil) async throws -> [JSONValue] {
        var query: [(String, String)] = []
        if let runtime { query.append(("runtime", runtime)) }
        if let at { query.append(("at", at.description)) }
        let answer = try await json("GET", Self.own + "/audit/sessions/\(PercentEncoding.encode(session))", query: query)
        return answer["sessions"]?.array ?? []
    }
}
