/// Whether PostgreSQL is believed to be there, and when to try again. Pure: time and chance come in.
///
/// Closed: calls wait for a connection that is being made. Open: the last attempt failed, calls fail
/// at once until an attempt succeeds. A connection that breaks after a while is replaced at once
/// without opening the circuit; one that breaks at once counts as a failed attempt.
struct Circuit: Equatable {
    struct Backoff: Equatable {
        var first: Duration = .milliseconds(50)
        var limit: Duration = .seconds(1)

        /// Doubles per failure; `chance` in 0..<1 takes away up to half, so that replicas spread out.
        func delay(failures: Int, chance: Double) -> Duration {
            var delay = first
            for _ in 1..<max(failures, 1) where delay < limit { delay *= 2 }
            return min(delay, limit) * (1 - chance / 2)
        }
    }

    enum State: Equatable {
        /// An attempt may begin at once.
        case ready
        case attempting
        case connected(since: ContinuousClock.Instant)
        case open(until: ContinuousClock.Instant)
        /// Still open for callers while one attempt is made.
        case halfOpen
    }

    var backoff = Backoff()
    /// A connection that lasted this long was a good one.
    var stableAfter: Duration = .seconds(1)
    private(set) var state = State.ready
    private(set) var failures = 0

    init() {}

    /// True while calls should fail at once.
    var isOpen: Bool {
        switch state {
        case .open, .halfOpen: true
        case .ready, .attempting, .connected: false
        }
    }

    /// The moment of the next attempt, when one has to be waited for.
    var nextAttempt: ContinuousClock.Instant? {
        if case .open(let until) = state { until } else { nil }
    }

    /// True when the caller shall start an attempt now.
    mutating func beginAttempt(_ now: ContinuousClock.Instant) -> Bool {
        switch state {
        case .ready: state = .attempting
        case .open(let until) where until <= now: state = .halfOpen
        case .attempting, .connected, .open, .halfOpen: return false
        }
        return true
    }

    mutating func succeeded(_ now: ContinuousClock.Instant) { state = .connected(since: now) }

    mutating func failed(_ now: ContinuousClock.Instant, chance: Double) {
        failures += 1
        state = .open(until: now.advanced(by: backoff.delay(failures: failures, chance: chance)))
    }

    mutating func lost(_ now: ContinuousClock.Instant, chance: Double) {
        if case .connected(let since) = state, since.advanced(by: stableAfter) <= now {
            failures = 0
            state = .ready
        } else {
            failed(now, chance: chance)
        }
    }
}
