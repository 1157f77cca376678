/// The pool of pinned connections as a pure state machine: events and the time go in, actions come
/// out, and the driver (`PinnedPool`) carries them out outside its lock.
///
/// Connections are made when wanted, up to a maximum; one is always kept or being made, so that the
/// circuit closes again without a call. Leases are granted first come, first served.
struct PinnedPoolState {
    typealias ConnectionID = Int
    typealias RequestID = Int

    enum Event: Equatable {
        case started
        case leaseRequested(RequestID, deadline: ContinuousClock.Instant)
        /// The task that asked was cancelled. Unknown requests are ignored: the grant may have crossed it.
        case requestCancelled(RequestID)
        case connected(ConnectionID)
        /// `chance` in 0..<1 spreads the next attempt.
        case connectFailed(ConnectionID, chance: Double)
        case connectionLost(ConnectionID, chance: Double)
        /// `reusable` is false when the connection was left in an unknown state.
        case released(ConnectionID, reusable: Bool)
        case timer
        case shutDown
    }

    enum Action: Equatable {
        case connect(ConnectionID)
        case grant(RequestID, ConnectionID, isFresh: Bool)
        case fail(RequestID, Failure)
        case close(ConnectionID)
    }

    enum Failure: Equatable { case away, deadline, cancelled, closed }

    private struct Waiter: Equatable {
        var id: RequestID
        var deadline: ContinuousClock.Instant
    }

    private enum Phase: Equatable {
        case connecting
        /// `isFresh`: not leased yet since it was made, so it cannot have gone stale in the pool.
        case idle(isFresh: Bool)
        case leased
    }

    private let maximum: Int
    private var circuit: Circuit
    private var phases: [ConnectionID: Phase] = [:]
    /// Most recently used last, taken from the end.
    private var idle: [ConnectionID] = []
    private var waiters: [Waiter] = []
    private var lastConnection = 0
    private var isStarted = false
    private var isShutDown = false

    init(maximum: Int, circuit: Circuit = Circuit()) {
        self.maximum = max(maximum, 1)
        self.circuit = circuit
    }

    /// True while requests fail at once.
    var isOpen: Bool { circuit.isOpen && !hasLiveConnection }
    /// When `.timer` is next due.
    var nextTimer: ContinuousClock.Instant? {
        guard !isShutDown else { return nil }
        return [waiters.map(\.deadline).min(), wantsConnection ? circuit.nextAttempt : nil].compactMap { $0 }.min()
    }
    var waiterCount: Int { waiters.count }
    var connectionCount: Int { phases.count }
    var statistics: PostgresStatistics {
        var statistics = PostgresStatistics(waiting: waiters.count)
        for phase in phases.values {
            switch phase {
            case .connecting: statistics.connecting += 1
            case .idle: statistics.idle += 1
            case .leased: statistics.leased += 1
            }
        }
        return statistics
    }

    mutating func handle(_ event: Event, now: ContinuousClock.Instant) -> [Action] {
        if isShutDown { return handleAfterShutDown(event) }
        switch event {
        case .started: isStarted = true
        case .leaseRequested(let id, let deadline):
            if deadline <= now { return [.fail(id, .deadline)] }
            if isOpen { return [.fail(id, .away)] }
            waiters.append(Waiter(id: id, deadline: deadline))
        case .requestCancelled(let id):
            guard let index = waiters.firstIndex(where: { $0.id == id }) else { return [] }
            waiters.remove(at: index)
            return [.fail(id, .cancelled)]
        case .connected(let id):
            guard phases[id] == .connecting else { return [.close(id)] }
            phases[id] = .idle(isFresh: true)
            idle.append(id)
            circuit.succeeded(now)
        case .connectFailed(let id, let chance):
            guard phases.removeValue(forKey: id) != nil else { return [] }
            circuit.failed(now, chance: chance)
            return failIfAway()
        case .connectionLost(let id, let chance):
            return lost(id, now, chance: chance)
        case .released(let id, let reusable):
            guard phases[id] == .leased else { return [] }
            if !reusable {
                phases[id] = nil
                return [.close(id)] + proceed(now)
            }
            phases[id] = .idle(isFresh: false)
            idle.append(id)
        case .timer: return expire(now) + proceed(now)
        case .shutDown: return shutDown()
        }
        return proceed(now)
    }
}

extension PinnedPoolState {
    private var hasLiveConnection: Bool { phases.values.contains { $0 != .connecting } }
    private var connectingCount: Int { phases.values.count { $0 == .connecting } }

    /// One connection at least, and one under way for each waiter.
    private var wantsConnection: Bool {
        isStarted && phases.count < maximum && connectingCount < max(waiters.count, phases.isEmpty ? 1 : 0)
    }

    /// Grants what can be granted, then makes the connections that are still wanted.
    private mutating func proceed(_ now: ContinuousClock.Instant) -> [Action] {
        var actions: [Action] = []
        while let waiter = waiters.first, let id = idle.popLast() {
            waiters.removeFirst()
            actions.append(.grant(waiter.id, id, isFresh: phases[id] == .idle(isFresh: true)))
            phases[id] = .leased
        }
        while wantsConnection, mayConnect(now) {
            lastConnection += 1
            phases[lastConnection] = .connecting
            actions.append(.connect(lastConnection))
        }
        return actions
    }

    /// With the circuit closed the pool may grow at will; after a failure there is one attempt at a time.
    private mutating func mayConnect(_ now: ContinuousClock.Instant) -> Bool {
        switch circuit.state {
        case .attempting, .connected: true
        case .ready, .open, .halfOpen: circuit.beginAttempt(now)
        }
    }

    private mutating func lost(_ id: ConnectionID, _ now: ContinuousClock.Instant, chance: Double) -> [Action] {
        guard let phase = phases.removeValue(forKey: id) else { return [] }
        idle.removeAll { $0 == id }
        if phase == .connecting {
            // Its `connected` is still on the way and will come to nothing: this was the attempt's end.
            circuit.failed(now, chance: chance)
        } else if !hasLiveConnection, case .connected = circuit.state {
            // Otherwise others may still be fine (one backend was ended), or are about to report the same.
            circuit.lost(now, chance: chance)
        }
        return failIfAway() + proceed(now)
    }

    /// Nobody waits while the circuit is open and no connection can come back.
    private mutating func failIfAway() -> [Action] {
        guard isOpen else { return [] }
        defer { waiters = [] }
        return waiters.map { .fail($0.id, .away) }
    }

    private mutating func expire(_ now: ContinuousClock.Instant) -> [Action] {
        let expired = waiters.filter { $0.deadline <= now }
        waiters.removeAll { $0.deadline <= now }
        return expired.map { .fail($0.id, .deadline) }
    }

    private mutating func shutDown() -> [Action] {
        isShutDown = true
        let actions = waiters.map { Action.fail($0.id, .closed) } + phases.keys.sorted().map { Action.close($0) }
        waiters = []
        idle = []
        phases = [:]
        return actions
    }

    private func handleAfterShutDown(_ event: Event) -> [Action] {
        switch event {
        case .leaseRequested(let id, _): [.fail(id, .closed)]
        case .connected(let id): [.close(id)]
        default: []
        }
    }
}
