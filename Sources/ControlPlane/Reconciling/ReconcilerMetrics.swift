public import Metrics

/// A change that has come to its end, well or badly.
struct Transition: Sendable, Hashable {
    enum Kind: String, CaseIterable, Sendable {
        case createRuntime = "create_runtime"
        case updateRuntime = "update_runtime"
        case createEndpoint = "create_endpoint"
        case `switch`
        case rollback
        case deleteRuntime = "delete_runtime"
        case deleteEndpoint = "delete_endpoint"
        case deleteVersion = "delete_version"
    }

    enum End: String, CaseIterable, Sendable {
        case ready, gone, failed
    }

    var kind: Kind
    var end: End

    init(_ kind: Kind, _ end: End) {
        self.kind = kind
        self.end = end
    }
}

/// What the reconcilers count, made once.
public struct ReconcilerMetrics: Sendable {
    private let transitions: [Transition: Timer]
    private let failures: [WorkKind: Counter]

    public init(_ factory: any MetricsFactory = NOOPMetricsHandler.instance) {
        var transitions: [Transition: Timer] = [:]
        for kind in Transition.Kind.allCases {
            for end in Transition.End.allCases {
                transitions[Transition(kind, end)] = Timer(
                    label: "signalbox_transition_duration_seconds",
                    dimensions: [("transition", kind.rawValue), ("outcome", end.rawValue)], factory: factory)
            }
        }
        self.transitions = transitions
        failures = Dictionary(
            uniqueKeysWithValues: WorkKind.allCases.map { kind in
                (kind, Counter(label: "signalbox_work_failures_total", dimensions: [("kind", kind.rawValue)], factory: factory))
            })
    }

    /// - Parameter seconds: since the change was accepted.
    func ended(_ transition: Transition, after seconds: Double) {
        transitions[transition]?.recordNanoseconds(Int64(min(max(seconds, 0), 1e9) * 1e9))
    }

    func failed(_ kind: WorkKind) { failures[kind]?.increment() }
}
