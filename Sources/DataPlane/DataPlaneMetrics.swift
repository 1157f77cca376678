import Lifecycle
public import Metrics

/// What the data plane counts, made once: to count is an atomic addition or two.
public struct DataPlaneMetrics: Sendable {
    let firstByte: Timer
    let duration: Timer
    let sessionsStarted: Counter
    let routeFound: Counter
    let routeMissing: Counter
    private let startReady: Timer
    private let startFailed: Timer
    private let ended: [String: Counter]

    public init(_ factory: any MetricsFactory = NOOPMetricsHandler.instance) {
        firstByte = Timer(label: "signalbox_invocation_first_byte_seconds", factory: factory)
        duration = Timer(label: "signalbox_invocation_duration_seconds", factory: factory)
        sessionsStarted = Counter(label: "signalbox_sessions_started_total", factory: factory)
        let misses = { Counter(label: "signalbox_route_cache_misses_total", dimensions: [("result", $0)], factory: factory) }
        (routeFound, routeMissing) = (misses("found"), misses("none"))
        let starts = { Timer(label: "signalbox_session_start_duration_seconds", dimensions: [("outcome", $0)], factory: factory) }
        (startReady, startFailed) = (starts("ready"), starts("failed"))
        ended = Dictionary(
            uniqueKeysWithValues: SessionEnd.codes.map { code in
                (code, Counter(label: "signalbox_sessions_ended_total", dimensions: [("reason", code)], factory: factory))
            })
    }

    func sessionStarted(after duration: Duration) {
        sessionsStarted.increment()
        startReady.recordNanoseconds(duration.nanoseconds)
    }

    func sessionDidNotStart(after duration: Duration) { startFailed.recordNanoseconds(duration.nanoseconds) }

    func sessionEnded(_ end: SessionEnd) { ended[end.code]?.increment() }
}

/// What can be counted at any time.
public struct DataPlaneStatistics: Sendable, Equatable {
    public var sessions: Int
    public var invocationsInFlight: Int
    public var routes: Int
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
