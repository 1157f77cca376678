import ControlPlane
import DataPlane
import Platform
import PostgresClient
import Sandboxing
import Store

/// What is read from the parts of a server when somebody looks at the metrics.
struct ServerMetrics: Sendable {
    let store: Store
    let dataPlane: DataPlane
    let supervisor: SupervisorClient
    let readiness: ReadinessProbe
    let context: OperationContext

    func register(in registry: MetricRegistry) {
        registry.collect { ProcessMetrics.readings() }
        registry.collect { parts() }
        registry.collect { await host() }
        registry.collect { await work() }
    }

    private func parts() -> [MetricReading] {
        let plane = dataPlane.statistics
        let postgres = store.postgres.statistics
        return [
            MetricReading("signalbox_build_info", 1, String(Migrator.schemaNumber), Self.build),
            MetricReading("signalbox_sessions", Double(plane.sessions)),
            MetricReading("signalbox_invocations_in_flight", Double(plane.invocationsInFlight)),
            MetricReading("signalbox_route_cache_entries", Double(plane.routes)),
            MetricReading("signalbox_postgres_up", postgres.isReachable ? 1 : 0),
            MetricReading("signalbox_postgres_connections", Double(postgres.leased), "in_use"),
            MetricReading("signalbox_postgres_connections", Double(postgres.idle), "idle"),
            MetricReading("signalbox_postgres_connections", Double(postgres.connecting), "connecting"),
            MetricReading("signalbox_postgres_waiting", Double(postgres.waiting)),
            MetricReading("signalbox_postgres_pipelined_in_flight", Double(postgres.pipelined)),
            MetricReading("signalbox_postgres_listeners", Double(postgres.listening), "connected"),
            MetricReading("signalbox_postgres_listeners", Double(max(postgres.listeners - postgres.listening, 0)), "away"),
        ]
    }

    private func host() async -> [MetricReading] {
        var readings = [MetricReading("signalbox_ready", await readiness.current().isReady ? 1 : 0)]
        // Asked for within a bound of its own: a page of metrics must not wait for a supervisor that hangs.
        guard await supervisor.answers(), let sandboxes = try? await supervisor.list() else {
            return readings + [MetricReading("signalbox_supervisor_connected", 0)]
        }
        let running = sandboxes.count(where: \.isRunning)
        readings.append(MetricReading("signalbox_supervisor_connected", 1))
        readings.append(MetricReading("signalbox_sandboxes", Double(running), "running"))
        readings.append(MetricReading("signalbox_sandboxes", Double(sandboxes.count - running), "ended"))
        return readings
    }

    private func work() async -> [MetricReading] {
        var c = context
        c.deadline = c.clock.now().advanced(by: .seconds(2))
        // Without the database there is nothing to tell; `signalbox_postgres_up` says so.
        guard let kinds = try? await store.workSummary(c) else { return [] }
        let found = Dictionary(kinds.map { ($0.kind, $0) }, uniquingKeysWith: { first, _ in first })
        return Reconcilers.kinds.flatMap { kind in
            let summary = found[kind]
            let held = summary?.held ?? 0
            return [
                MetricReading("signalbox_work_items", Double((summary?.count ?? 0) - held), kind, "queued"),
                MetricReading("signalbox_work_items", Double(held), kind, "held"),
                MetricReading("signalbox_work_oldest_seconds", summary?.oldestSeconds ?? 0, kind),
            ]
        }
    }

    private static var build: String {
        #if DEBUG
        "debug"
        #else
        "release"
        #endif
    }
}

extension SandboxStatus {
    fileprivate var isRunning: Bool {
        switch state {
        case .exited: false
        default: true
        }
    }
}
