import Lifecycle
import Platform
import Store
import Synchronization

/// A live session as this replica knows it: its machine, who waits for it, and its timer.
public final class Session: Sendable {
    struct Key: Hashable, Sendable {
        var endpoint: Int64
        var sessionID: String
    }

    /// What a call has to do next.
    enum Entry {
        case forward
        case failed(SignalboxError)
        /// It is over or about to be: wait for the end, then open a new incarnation.
        case over
    }

    private struct Guarded {
        var machine: SessionMachine
        var startWaiters: [CheckedContinuation<Entry, Never>] = []
        var endWaiters: [CheckedContinuation<Void, Never>] = []
        var startError: SignalboxError?
        var timer: Task<Void, Never>?
        var isGone = false
        /// Activity up to here is in the database.
        var written: ContinuousClock.Instant
    }

    let key: Key
    /// Row id.
    let row: Int64
    let version: Int
    public let sandboxID: String
    let agent: AgentProfile
    /// False for a session that another replica of this host owns and whose sandbox we may use.
    let isOwned: Bool
    private let guarded: Mutex<Guarded>

    init(record: SessionRecord, agent: AgentProfile, isOwned: Bool, machine: SessionMachine) {
        key = Key(endpoint: record.endpoint, sessionID: record.sessionID)
        row = record.id
        version = record.version
        sandboxID = record.sandboxID
        self.agent = agent
        self.isOwned = isOwned
        guarded = Mutex(Guarded(machine: machine, written: machine.lastActivity))
    }

    var state: SessionMachine.State { guarded.withLock { $0.machine.state } }
    var inFlight: Int { guarded.withLock { $0.machine.inFlight } }

    /// The warm path: counts a call in if it can go to the sandbox right now.
    func tryForward(_ now: ContinuousClock.Instant) -> Bool {
        guarded.withLock { $0.machine.state == .ready && $0.machine.requestBegan(now: now) == .forward }
    }

    /// Counts a call in, after waiting for the start if need be.
    func enter(_ now: ContinuousClock.Instant) async -> Entry {
        await withCheckedContinuation { continuation in
            let entry: Entry? = guarded.withLock { guarded in
                switch guarded.machine.requestBegan(now: now) {
                case .forward: return .forward
                case .retryLater, .gone: return .over
                case .wait:
                    guarded.startWaiters.append(continuation)
                    return nil
                }
            }
            if let entry { continuation.resume(returning: entry) }
        }
    }

    /// A counted call is over.
    func leave(_ now: ContinuousClock.Instant) { guarded.withLock { $0.machine.requestEnded(now: now) } }

    func handle(_ event: SessionMachine.Event, now: ContinuousClock.Instant) -> [SessionMachine.Action] {
        guarded.withLock { $0.machine.handle(event, now: now) }
    }

    func fail(start error: SignalboxError) { guarded.withLock { $0.startError = error } }

    func wakeWaiters() {
        let waiters = guarded.withLock { exchange(&$0.startWaiters, []) }
        for waiter in waiters { waiter.resume(returning: .forward) }
    }

    func failWaiters(_ end: SessionEnd) {
        let (waiters, startError) = guarded.withLock { (exchange(&$0.startWaiters, []), $0.startError) }
        let error: SignalboxError
        switch end {
        case .startFailed(let why): error = startError ?? .agentFailed(why)
        default: error = SignalboxError(.retryableConflict, "Session operation in progress, please retry")
        }
        for waiter in waiters { waiter.resume(returning: .failed(error)) }
    }

    /// Returns when nothing of the session is left.
    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let isGone = guarded.withLock { guarded in
                if !guarded.isGone { guarded.endWaiters.append(continuation) }
                return guarded.isGone
            }
            if isGone { continuation.resume() }
        }
    }

    func markGone() {
        let (waiters, timer) = guarded.withLock { guarded in
            guarded.isGone = true
            return (exchange(&guarded.endWaiters, []), exchange(&guarded.timer, nil))
        }
        timer?.cancel()
        for waiter in waiters { waiter.resume() }
    }

    func replaceTimer(_ timer: Task<Void, Never>) {
        let former = guarded.withLock { exchange(&$0.timer, $0.isGone ? nil : timer) }
        former?.cancel()
    }

    /// Whether the agent should be asked for background work before its idleness is judged.
    func shouldPing(_ now: ContinuousClock.Instant) -> Bool {
        guarded.withLock { guarded in
            guard guarded.machine.wantsPing, guarded.machine.inFlight == 0, let started = guarded.machine.startedAt else { return false }
            return now < started.advanced(by: guarded.machine.limits.lifetime)
        }
    }

    /// Seconds since the last activity, if there was any that the database does not know of.
    func unwrittenIdleSeconds(_ now: ContinuousClock.Instant) -> Double? {
        guarded.withLock { guarded in
            guard guarded.machine.state == .ready else { return nil }
            let last = guarded.machine.inFlight > 0 ? now : guarded.machine.lastActivity
            guard last > guarded.written else { return nil }
            guarded.written = last
            return Double((now - last).components.seconds)
        }
    }

    private func exchange<Value>(_ place: inout Value, _ value: Value) -> Value {
        let former = place
        place = value
        return former
    }
}
