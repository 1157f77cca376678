/// Every metric there is. Dashboards and alerts are built on these names: a change is deliberate, with
/// docs/operations.md and `Tests/ServerTests/Golden/metrics.txt`, which a test compares with this list.
public enum MetricCatalog {
    public static let all: [MetricDefinition] = requests + invocations + transitions + parts + process

    private static let requests = [
        MetricDefinition(
            "signalbox_http_requests_total", .counter,
            "Requests answered, by HTTP status; 499: the caller left before its answer began.", labels: ["plane", "operation", "code"]),
        MetricDefinition(
            "signalbox_http_request_duration_seconds", .answer, "From a request's head to the end of its answer.",
            labels: ["plane", "operation"]),
        MetricDefinition(
            "signalbox_http_replies_cut_total", .counter, "Answers that broke off after they had begun, by either side."),
        MetricDefinition("signalbox_http_connections", .gauge, "Connections that are open."),
        MetricDefinition("signalbox_http_connections_refused_total", .counter, "Connections closed because too many were open."),
    ]

    private static let invocations = [
        MetricDefinition(
            "signalbox_invocation_first_byte_seconds", .answer, "From an invocation's head to the head of its agent's answer."),
        MetricDefinition(
            "signalbox_invocation_duration_seconds", .answer, "Invocations that reached their agent, from head to end."),
        MetricDefinition("signalbox_invocations_in_flight", .gauge, "Invocations that hold a session now, streams included."),
        MetricDefinition("signalbox_sessions", .gauge, "Sessions of this replica, starting and stopping ones included."),
        MetricDefinition("signalbox_sessions_started_total", .counter, "Sessions whose agent became healthy."),
        MetricDefinition("signalbox_sessions_ended_total", .counter, "Sessions that ended, by reason.", labels: ["reason"]),
        MetricDefinition(
            "signalbox_session_start_duration_seconds", .work, "Cold starts: from the session's row to a healthy agent, or to failure.",
            labels: ["outcome"]),
        MetricDefinition("signalbox_route_cache_entries", .gauge, "Endpoints that are known in memory."),
        MetricDefinition(
            "signalbox_route_cache_misses_total", .counter, "Look-ups that had to ask the database.", labels: ["result"]),
    ]

    private static let transitions = [
        MetricDefinition(
            "signalbox_transition_duration_seconds", .work,
            "From the 202 to READY, to gone or to failure, by the database's clock; counted by the replica that did the work.",
            labels: ["transition", "outcome"]),
        MetricDefinition("signalbox_work_items", .gauge, "Work of the reconcilers, all replicas' together.", labels: ["kind", "state"]),
        MetricDefinition(
            "signalbox_work_oldest_seconds", .gauge, "Age of the oldest piece of work, all replicas' together.", labels: ["kind"]),
        MetricDefinition(
            "signalbox_work_failures_total", .counter, "Attempts of this replica that failed and are repeated.", labels: ["kind"]),
        MetricDefinition(
            "signalbox_audit_dropped_total", .counter,
            "Refusals and stops that the audit trail lacks: too many at once, or the database was away."),
    ]

    private static let parts = [
        MetricDefinition("signalbox_build_info", .gauge, "Always 1.", labels: ["schema", "build"]),
        MetricDefinition("signalbox_ready", .gauge, "1 while /readyz says so."),
        MetricDefinition("signalbox_postgres_up", .gauge, "1 unless calls to PostgreSQL fail at once."),
        MetricDefinition(
            "signalbox_postgres_connections", .gauge, "Connections for transactions and lists.", labels: ["state"]),
        MetricDefinition("signalbox_postgres_waiting", .gauge, "Calls that wait for such a connection."),
        MetricDefinition("signalbox_postgres_pipelined_in_flight", .gauge, "Look-ups sent and not yet answered."),
        MetricDefinition("signalbox_postgres_listeners", .gauge, "Connections that hear of changes.", labels: ["state"]),
        MetricDefinition("signalbox_supervisor_connected", .gauge, "1 while the host's supervisor answers."),
        MetricDefinition("signalbox_sandboxes", .gauge, "Sandboxes of this host, as its supervisor counts them.", labels: ["state"]),
    ]

    /// Under the names that every Prometheus client library uses.
    private static let process = [
        MetricDefinition("process_cpu_seconds_total", .counter, "Processor time, of user and system."),
        MetricDefinition("process_resident_memory_bytes", .gauge, "Memory that is resident."),
        MetricDefinition("process_virtual_memory_bytes", .gauge, "Address space."),
        MetricDefinition("process_start_time_seconds", .gauge, "When the process began, in seconds since 1970."),
        MetricDefinition("process_open_fds", .gauge, "Open file descriptors."),
        MetricDefinition("process_max_fds", .gauge, "File descriptors that may be open."),
    ]
}
