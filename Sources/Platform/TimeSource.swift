import Synchronization

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Time as a dependency: monotonic for timers, wall for what is shown or signed.
public protocol TimeSource: Sendable {
    /// Monotonic; never set back.
    func now() -> ContinuousClock.Instant
    /// Wall clock, for timestamps and signatures only.
    func date() -> Date
    func sleep(until deadline: ContinuousClock.Instant) async throws
}

extension TimeSource {
    public func sleep(for duration: Duration) async throws {
        try await sleep(until: now().advanced(by: duration))
    }
}

/// The machine's clocks.
public struct SystemTime: TimeSource {
    public init() {}
    public func now() -> ContinuousClock.Instant { ContinuousClock().now }
    public func date() -> Date { Date() }
    public func sleep(until deadline: ContinuousClock.Instant) async throws {
        try await Task.sleep(until: deadline, clock: .continuous)
    }
}

/// A clock that moves only when told, for tests of timers and state machines.
public final class ManualTime: TimeSource {
    private struct Sleeper {
        var deadline: ContinuousClock.Instant
        var continuation: CheckedContinuation<Void, any Error>
    }
    private struct State {
        var elapsed: Duration = .zero
        var next = 0
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []
    }
    private let start: ContinuousClock.Instant
    private let startDate: Date
    private let state = Mutex(State())

    public init(date: Date = Date(timeIntervalSince1970: 1_700_000_000)) {
        start = ContinuousClock().now
        startDate = date
    }

    public func now() -> ContinuousClock.Instant { start.advanced(by: state.withLock { $0.elapsed }) }

    public func date() -> Date {
        let components = state.withLock { $0.elapsed.components }
        return startDate.addingTimeInterval(Double(components.seconds) + Double(components.attoseconds) / 1e18)
    }

    /// Number of tasks asleep on this clock.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    public func sleep(until deadline: ContinuousClock.Instant) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if start.advanced(by: state.elapsed) >= deadline { return .success(()) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Moves time on and wakes whoever is due.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.elapsed += duration
            let now = start.advanced(by: state.elapsed)
            let ids = state.sleepers.filter { $0.value.deadline <= now }.map(\.key)
            return ids.compactMap { state.sleepers.removeValue(forKey: $0)?.continuation }
        }
        for continuation in due { continuation.resume() }
    }
}
