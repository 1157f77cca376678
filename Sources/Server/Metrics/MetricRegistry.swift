public import Metrics
import Synchronization

/// The exporter: rooms report through swift-metrics to the handlers that it makes, and `render` writes
/// them down in the text format of Prometheus.
///
/// Only what the catalog defines exists. A metric of another name or with other labels is a defect: it
/// stops a debug build, and is not counted in a release build.
public final class MetricRegistry: MetricsFactory {
    /// What is read when somebody looks instead of being counted all the time. Leaves out what it cannot find out.
    public typealias Collector = @Sendable () async -> [MetricReading]

    private struct State {
        /// By name, then by label values.
        var series: [String: [[String]: any MetricSeries]] = [:]
        var collectors: [Collector] = []
    }

    /// Of one metric; more would be a label that follows what strangers send.
    private static let maximumSeries = 2_000

    private let definitions: [MetricDefinition]
    private let byName: [String: MetricDefinition]
    private let state = Mutex(State())

    public init(_ definitions: [MetricDefinition] = MetricCatalog.all) {
        self.definitions = definitions
        byName = Dictionary(definitions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    public func collect(_ collector: @escaping Collector) { state.withLock { $0.collectors.append(collector) } }

    /// The page.
    public func render() async -> String {
        var readings: [String: [MetricReading]] = [:]
        for collector in state.withLock({ $0.collectors }) {
            for reading in await collector() { readings[reading.name, default: []].append(reading) }
        }
        let series = state.withLock { $0.series }
        var text = MetricText()
        for definition in definitions {
            text.head(definition)
            for (values, one) in (series[definition.name] ?? [:]).sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                one.write(definition.name, Array(zip(definition.labels, values)), into: &text)
            }
            let found = (readings[definition.name] ?? []).sorted { $0.labels.lexicographicallyPrecedes($1.labels) }
            for reading in found where reading.labels.count == definition.labels.count {
                text.sample(definition.name, Array(zip(definition.labels, reading.labels)), reading.value)
            }
        }
        return text.text
    }

    private func series<Series: MetricSeries>(
        _ name: String, _ dimensions: [(String, String)], _ make: (MetricDefinition.Kind) -> Series?
    ) -> Series? {
        guard let definition = byName[name], definition.labels == dimensions.map(\.0), let made = make(definition.kind) else {
            assertionFailure("\(name) with the labels \(dimensions.map(\.0)) is not in the catalog of metrics")
            return nil
        }
        let values = dimensions.map(\.1)
        return state.withLock { state in
            if let present = state.series[name]?[values] { return present as? Series }
            guard (state.series[name]?.count ?? 0) < Self.maximumSeries else { return nil }
            state.series[name, default: [:]][values] = made
            return made
        }
    }

    func histogram(_ name: String, _ dimensions: [(String, String)]) -> HistogramSeries? {
        series(name, dimensions) { kind in
            if case .histogram(let buckets) = kind { HistogramSeries(buckets: buckets) } else { nil }
        }
    }

    private func gauge(_ name: String, _ dimensions: [(String, String)]) -> GaugeSeries? {
        series(name, dimensions) { $0 == .gauge ? GaugeSeries() : nil }
    }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions) { $0 == .counter ? CounterSeries() : nil } ?? NOOPMetricsHandler.instance
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return histogram(label, dimensions) ?? NOOPMetricsHandler.instance }
        return gauge(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions) ?? NOOPMetricsHandler.instance
    }

    // What was counted stays on the page until the process ends, as counters must.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}
}
