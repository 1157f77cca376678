import AgentCoreModel
import Platform
import Store

/// What shows people how the server does and what was done with it.
public struct Observability: Sendable {
    let registry: MetricRegistry
    let audit: AuditWriter
    let status: StatusReader

    var routes: [ControlRoute] {
        [.metrics(registry), .status(status), .auditEvents(status.store), .sessionHistory(status.store)]
    }
}
