/// What a metric is: its name, type, help and labels, as the page of metrics shows them and
/// docs/operations.md lists them.
///
/// A name says its unit (`_seconds`, `_bytes`) and, for what only rises, `_total`. Labels take their
/// values from lists that are part of the program: never an id of a runtime, session or account.
public struct MetricDefinition: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// Only rises, until the process ends.
        case counter
        case gauge
        /// Seconds, counted in buckets with these upper bounds.
        case histogram(buckets: [Double])

        /// As in a `# TYPE` line.
        public var name: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    public var name: String
    public var kind: Kind
    /// One sentence.
    public var help: String
    public var labels: [String]

    init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
    }
}

extension MetricDefinition.Kind {
    /// For answers: from what a warm invocation takes to the longest that is allowed (contract §13).
    static let answer = Self.histogram(
        buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600])
    /// For what starts processes or waits for them.
    static let work = Self.histogram(buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900])
}

/// One value, as it was when it was read.
public struct MetricReading: Sendable, Equatable {
    public var name: String
    /// In the definition's order.
    public var labels: [String]
    public var value: Double

    init(_ name: String, _ value: Double, _ labels: String...) {
        self.name = name
        self.labels = labels
        self.value = value
    }
}
