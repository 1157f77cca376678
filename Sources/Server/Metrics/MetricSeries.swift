import Metrics
import Synchronization

/// A metric with one set of label values.
protocol MetricSeries: AnyObject, Sendable {
    /// Appends its lines.
    ///
    /// - Parameter labels: the label names and values.
    func write(_ name: String, _ labels: [(String, String)], into text: inout MetricText)
}

final class CounterSeries: MetricSeries, CounterHandler {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }

    func write(_ name: String, _ labels: [(String, String)], into text: inout MetricText) {
        text.sample(name, labels, Double(value.load(ordering: .relaxed)))
    }
}

/// A number that goes up and down. It takes what swift-metrics calls a meter, and a recorder that does
/// not aggregate.
final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var present = bits.load(ordering: .relaxed)
        while true {
            let next = (Double(bitPattern: present) + amount).bitPattern
            let (done, actual) = bits.weakCompareExchange(expected: present, desired: next, ordering: .relaxed)
            if done { return }
            present = actual
        }
    }

    func write(_ name: String, _ labels: [(String, String)], into text: inout MetricText) {
        text.sample(name, labels, Double(bitPattern: bits.load(ordering: .relaxed)))
    }
}

/// Durations in buckets. It takes what swift-metrics calls a timer, and a recorder of seconds.
final class HistogramSeries: MetricSeries, TimerHandler, RecorderHandler {
    private let bounds: [Double]
    /// Nanoseconds.
    private let limits: [Int64]
    /// One for each bound, one for what is above them all, one for the sum of nanoseconds.
    private let cells: MetricCells
    private var sumIndex: Int { limits.count + 1 }

    init(buckets: [Double]) {
        bounds = buckets
        limits = buckets.map { Int64(($0 * 1e9).rounded()) }
        cells = MetricCells(buckets.count + 2)
    }

    func recordNanoseconds(_ duration: Int64) {
        // Clocks of two machines may differ by more than something took.
        let duration = max(duration, 0)
        cells.add(1, to: limits.firstIndex { duration <= $0 } ?? limits.count)
        cells.add(duration, to: sumIndex)
    }

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { recordNanoseconds(Int64(min(max(value, 0), 1e9) * 1e9)) }

    func write(_ name: String, _ labels: [(String, String)], into text: inout MetricText) {
        // The count is the sum of what was read here, so that one page never contradicts itself.
        let counts = (0...limits.count).map { cells[$0] }
        let total = counts.reduce(0, +)
        if total == 0, !labels.isEmpty { return }
        var below: Int64 = 0
        for (bound, count) in zip(bounds, counts) {
            below += count
            text.sample(name + "_bucket", labels + [("le", MetricText.number(bound))], Double(below))
        }
        text.sample(name + "_bucket", labels + [("le", "+Inf")], Double(total))
        text.sample(name + "_sum", labels, Double(cells[sumIndex]) / 1e9)
        text.sample(name + "_count", labels, Double(total))
    }
}
