/// Metrics, status and audit trail, for `Operation.own`.
extension Operation {
    public static let getMetrics = Operation(
        "GetMetrics", .own, "GET", ownPrefix + "/metrics", 200, input: .structure("GetMetricsRequest", []),
        output: .structure("Metrics", [.required("page", Schema("Page", .blob(length: .none)), in: .payload)]),
        errors: [.accessDenied, .throttling, .internalServer], readOnly: true, contentType: metricsContentType)

    /// Prometheus' text exposition format.
    public static let metricsContentType = "text/plain; version=0.0.4; charset=utf-8"

    public static let getStatus = Operation(
        "GetStatus", .own, "GET", ownPrefix + "/status", 200, input: .structure("GetStatusRequest", []),
        output: .structure(
            "Status",
            [
                .required("replicaId", .plainString), .required("epoch", .count), .required("supervisor", .state),
                .required("database", .state), .required("problems", Schema("Problems", .list(of: .plainString, count: .none))),
                .optional("schema", .structure("SchemaNumbers", [.required("database", .count), .required("program", .count)])),
                .optional(
                    "connections",
                    .structure(
                        "ConnectionCounts", ["inUse", "idle", "waiting", "listening", "listeners"].map { .required($0, .count) })),
                .optional("replicas", list(of: replica)), .optional("reconcilers", list(of: reconciler)),
                .optional("work", list(of: work)),
            ]),
        errors: [.accessDenied, .throttling, .internalServer], readOnly: true)

    public static let listAuditEvents = Operation(
        "ListAuditEvents", .own, "GET", ownPrefix + "/audit", 200,
        input: .structure(
            "ListAuditEventsRequest",
            [
                .optional("runtime", .word, in: .query("runtime")), .optional("actor", .word, in: .query("actor")),
                .optional("operation", .word, in: .query("operation")), .optional("since", .dateTimestamp, in: .query("since")),
                .optional("until", .dateTimestamp, in: .query("until")), .optional("maxResults", .maxResults, in: .query("maxResults")),
                .optional("nextToken", .nextToken, in: .query("nextToken")),
            ]),
        output: .structure(
            "ListAuditEventsResponse", [.required("events", list(of: auditEvent)), .optional("nextToken", .nextToken)]),
        errors: [.accessDenied, .validation, .throttling, .internalServer], readOnly: true)

    public static let getSessionHistory = Operation(
        "GetSessionHistory", .own, "GET", ownPrefix + "/audit/sessions/{runtimeSessionId}", 200,
        input: .structure(
            "GetSessionHistoryRequest",
            [
                .required("runtimeSessionId", .word, in: .path), .optional("runtime", .word, in: .query("runtime")),
                .optional("at", .dateTimestamp, in: .query("at")),
            ]),
        output: .structure("SessionHistory", [.required("sessions", list(of: incarnation))]),
        errors: [.accessDenied, .validation, .throttling, .internalServer], readOnly: true)

    private static func list(of element: Schema) -> Schema { Schema("\(element.name)List", .list(of: element, count: .none)) }

    private static let replica = Schema.structure(
        "ReplicaStatus",
        [
            .required("replicaId", .plainString), .required("host", .plainString), .required("epoch", .count),
            .required("startedAt", .dateTimestamp), .required("isLive", .boolean), .required("heartbeatAgeSeconds", .seconds),
            .required("sessions", .count),
        ])

    private static let reconciler = Schema.structure(
        "ReconcilerStatus",
        [
            .required("kind", .plainString), .required("queued", .count), .required("held", .count), .required("retrying", .count),
            .required("oldestSeconds", .seconds),
        ])

    private static let work = Schema.structure(
        "WorkStatus",
        [
            .required("kind", .plainString), .required("agentRuntimeId", .plainString), .required("attempts", .count),
            .required("ageSeconds", .seconds), .optional("part", .plainString), .optional("holder", .plainString),
            .optional("lastError", .plainString), .optional("nextTrySeconds", .seconds),
        ])

    private static let auditEvent = Schema.structure(
        "AuditEvent",
        [
            .required("id", .count), .required("at", .dateTimestamp), .required("operation", .plainString),
            .required("outcome", .plainString), .required("resource", .plainString), .required("actor", .plainString),
            .required("requestId", .plainString), .optional("agentRuntimeId", .plainString), .optional("actorAccount", .plainString),
            .optional("actorRole", .plainString), .optional("sourceAddress", .plainString), .optional("userAgent", .plainString),
            .optional("from", Schema("State", .document)), .optional("to", Schema("State", .document)), .optional("reason", .plainString),
        ])

    private static let incarnation = Schema.structure(
        "SessionIncarnation",
        [
            .required("agentRuntimeId", .plainString), .required("endpointName", .plainString),
            .required("runtimeSessionId", .plainString), .required("agentRuntimeVersion", .plainString),
            .required("replicaId", .plainString), .required("sandboxId", .plainString), .required("startedAt", .dateTimestamp),
            .required("lastActiveAt", .dateTimestamp), .optional("endedAt", .dateTimestamp), .optional("reason", .plainString),
        ])
}

extension Schema {
    fileprivate static let count = Schema("Count", .integer(Limits(minimum: 0, maximum: nil)))
    /// With a fraction.
    fileprivate static let seconds = Schema("Seconds", .document)
    fileprivate static let word = string("Word", 1...2048)
    fileprivate static let state = Schema("UpOrAway", .string(length: .none, pattern: nil, values: ["up", "away"]))
}
