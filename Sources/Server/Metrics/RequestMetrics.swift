import HTTPWire
import Metrics
import NIOCore

/// Counts replies. What it does for one is three additions to memory of its own: operation and status
/// are places in a table, and nothing is looked up or made.
final class RequestMetrics: Sendable {
    /// The statuses that are told apart; any other counts as the last.
    private static let codes = [
        200, 201, 202, 204, 206, 304, 400, 401, 402, 403, 404, 405, 408, 409, 411, 412, 413, 416, 424, 429, 431, 499, 500, 501, 503, 505, 0,
    ]
    private static let places: [UInt8] = {
        var places = [UInt8](repeating: UInt8(codes.count - 1), count: 600)
        for (place, code) in codes.enumerated() { places[code] = UInt8(place) }
        return places
    }()

    private let counts = MetricCells(RequestOperation.count * RequestMetrics.codes.count)
    private let durations: [HistogramSeries?]
    private let cut: Counter

    init(_ registry: MetricRegistry) {
        durations = (0..<RequestOperation.count).map { index in
            let operation = RequestOperation(index: index)
            return registry.histogram(
                "signalbox_http_request_duration_seconds", [("plane", operation.plane), ("operation", operation.name)])
        }
        cut = Counter(label: "signalbox_http_replies_cut_total", factory: registry)
        registry.collect { [self] in readings() }
    }

    func count(operation: Int, status: Int, duration: TimeAmount, isWhole: Bool) {
        let operation = operation < durations.count ? operation : 0
        // As nginx calls it: the client was gone before there was an answer.
        let code = status == 0 ? 499 : status
        let place = code < Self.places.count ? Self.places[code] : UInt8(Self.codes.count - 1)
        counts.add(1, to: operation * Self.codes.count + Int(place))
        durations[operation]?.recordNanoseconds(duration.nanoseconds)
        if !isWhole, status != 0 { cut.increment() }
    }

    private func readings() -> [MetricReading] {
        var readings: [MetricReading] = []
        for index in 0..<RequestOperation.count {
            let operation = RequestOperation(index: index)
            for (place, code) in Self.codes.enumerated() {
                let count = counts[index * Self.codes.count + place]
                guard count > 0 else { continue }
                readings.append(
                    MetricReading(
                        "signalbox_http_requests_total", Double(count), operation.plane, operation.name, code == 0 ? "other" : String(code))
                )
            }
        }
        return readings
    }
}
