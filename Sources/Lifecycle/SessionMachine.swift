/// Times that govern a session. Source: contract §8 and the version's lifecycleConfiguration.
public struct SessionLimits: Sendable, Equatable {
    /// idleRuntimeSessionTimeout.
    public var idle: Duration
    /// maxLifetime, counted from the start of the compute.
    public var lifetime: Duration
    /// Consecutive failed pings after which the agent counts as unhealthy.
    public var pingFailures: Int
    /// Consecutive healthy pings that each advance `time_of_last_update` after which it is reported.
    public var restampingPings: Int

    public init(idle: Duration = .seconds(900), lifetime: Duration = .seconds(28_800), pingFailures: Int = 3, restampingPings: Int = 10) {
        self.idle = idle
        self.lifetime = lifetime
        self.pingFailures = pingFailures
        self.restampingPings = restampingPings
    }
}

/// What a 200 from GET /ping said. An unknown status text counts as healthy.
public struct PingAnswer: Sendable, Equatable {
    /// `HealthyBusy`: background work goes on, which blocks idleness.
    public var isBusy: Bool
    /// `time_of_last_update` as an instant; nil when absent or not readable.
    public var lastUpdate: ContinuousClock.Instant?

    public init(isBusy: Bool, lastUpdate: ContinuousClock.Instant? = nil) {
        self.isBusy = isBusy
        self.lastUpdate = lastUpdate
    }
}

/// The life of one session on the replica that owns it: starting → ready → stopping → ended.
///
/// Pure: an event and the time go in, actions come out, and the driver carries them out, outside any
/// lock, in order. Requests have methods of their own that allocate nothing, because they are the
/// warm path.
///
/// The timer is lazy: activity never moves it. When it fires, `timerFired` either stops the session
/// or answers with the next `setTimer`. It is never later than the true deadline, so a session ends
/// on time.
public struct SessionMachine: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        case starting
        case ready
        case stopping(SessionEnd)
        case ended(SessionEnd)
    }

    public enum Event: Sendable, Equatable {
        /// The sandbox runs and answered its health check.
        case started
        /// It did not, and nothing of it is left.
        case startFailed(String)
        /// The timer last asked for.
        case timerFired
        case pingAnswered(PingAnswer)
        /// No answer within the ping timeout (≥ 10 s, contract §8), or a status other than 200.
        case pingFailed
        /// Somebody wants it gone: `.stopped`, `.deleted`, `.shutdown`.
        case stopRequested(SessionEnd)
        /// The agent's process ended, whoever made it.
        case sandboxExited(String)
        /// The supervisor confirmed that nothing of the sandbox is left.
        case sandboxGone
    }

    public enum Action: Sendable, Equatable {
        /// Calls that wait for the start may go on to the sandbox.
        case wakeWaiters
        /// Calls that wait for the start must fail with this.
        case failWaiters(SessionEnd)
        /// Replaces the timer.
        case setTimer(ContinuousClock.Instant)
        /// Stop it (SIGTERM, grace, SIGKILL), then send `sandboxGone`. Idempotent at the supervisor.
        case stopSandbox(SessionEnd)
        /// The agent re-stamps `time_of_last_update` on every ping and would never be idle: warn once.
        case reportRestamping
        /// Nothing of it is left: record the end, forget the session, answer those who asked it to stop.
        case ended(SessionEnd)
    }

    /// What a call may do now.
    public enum Admission: Sendable, Equatable {
        /// Counted as in flight: go to the sandbox, then call `requestEnded`.
        case forward
        /// Counted as in flight: wait for `wakeWaiters`, then go on and call `requestEnded`.
        /// After `failWaiters` call nothing.
        case wait
        /// Tear-down is in progress: 409 RetryableConflict (contract §8).
        case retryLater
        /// Over: open a new incarnation.
        case gone
    }

    public let limits: SessionLimits
    public private(set) var state: State
    /// Start of the compute; nil while starting.
    public private(set) var startedAt: ContinuousClock.Instant?
    /// Calls admitted and not ended, waiting ones included.
    public private(set) var inFlight = 0
    /// The last ping said HealthyBusy.
    public private(set) var isBusy = false
    public private(set) var lastActivity: ContinuousClock.Instant
    private var failedPings = 0
    private var restamped = 0
    private var lastUpdate: ContinuousClock.Instant?
    private var reportedRestamping = false

    /// A session whose sandbox is about to be started by the driver.
    public init(limits: SessionLimits, now: ContinuousClock.Instant) {
        self.limits = limits
        state = .starting
        lastActivity = now
    }

    /// A session found running after a restart. `startedAt` and `lastActivity` lie in the past.
    public init(
        adopting limits: SessionLimits, startedAt: ContinuousClock.Instant, lastActivity: ContinuousClock.Instant
    ) {
        self.limits = limits
        state = .ready
        self.startedAt = startedAt
        self.lastActivity = lastActivity
    }

    // MARK: Requests

    /// A call, command or stream wants to use the session.
    public mutating func requestBegan(now: ContinuousClock.Instant) -> Admission {
        switch state {
        case .starting:
            inFlight += 1
            return .wait
        case .ready:
            inFlight += 1
            lastActivity = max(lastActivity, now)
            return .forward
        case .stopping: return .retryLater
        case .ended: return .gone
        }
    }

    /// One that was admitted is over, however it ended. Late ones, after the session's end, are ignored.
    public mutating func requestEnded(now: ContinuousClock.Instant) {
        if inFlight > 0 { inFlight -= 1 }
        lastActivity = max(lastActivity, now)
    }

    /// Something moved in an open stream that counts as activity (a WebSocket frame).
    public mutating func activity(now: ContinuousClock.Instant) {
        lastActivity = max(lastActivity, now)
    }

    /// Pings make sense now.
    public var wantsPing: Bool { state == .ready }

    /// When it would end by idleness or age if nothing more happened; nil when the driver needs no timer.
    public var deadline: ContinuousClock.Instant? {
        guard state == .ready, let startedAt else { return nil }
        let age = startedAt.advanced(by: limits.lifetime)
        if inFlight > 0 || isBusy { return age }
        return min(age, lastActivity.advanced(by: limits.idle))
    }

    // MARK: Events

    public mutating func handle(_ event: Event, now: ContinuousClock.Instant) -> [Action] {
        switch event {
        case .started: return started(now)
        case .startFailed(let why): return finish(.startFailed(why))
        case .timerFired: return timerFired(now)
        case .pingAnswered(let answer): return pingAnswered(answer, now)
        case .pingFailed: return pingFailed()
        case .stopRequested(let end): return stop(end)
        case .sandboxExited(let how):
            // While stopping, the end is when nothing is left, not when the first process went.
            if case .stopping = state { return [] }
            return finish(state == .starting ? .startFailed(how) : .agentExited(how))
        case .sandboxGone: return finish(.lost)
        }
    }

    private mutating func started(_ now: ContinuousClock.Instant) -> [Action] {
        switch state {
        case .starting:
            state = .ready
            startedAt = now
            lastActivity = max(lastActivity, now)
            return [.wakeWaiters, .setTimer(timerInstant(now))]
        case .ready: return []
        // It came up after it was asked to go.
        case .stopping(let end), .ended(let end): return [.stopSandbox(end)]
        }
    }

    private mutating func timerFired(_ now: ContinuousClock.Instant) -> [Action] {
        guard state == .ready, let startedAt else { return [] }
        if now >= startedAt.advanced(by: limits.lifetime) { return stop(.maxLifetime) }
        if inFlight == 0, !isBusy, now >= lastActivity.advanced(by: limits.idle) { return stop(.idle) }
        return [.setTimer(timerInstant(now))]
    }

    /// Idleness cannot come before a whole idle time from now while calls are in flight or the agent
    /// is busy, so looking again then is never too late.
    private func timerInstant(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let age = (startedAt ?? now).advanced(by: limits.lifetime)
        let quietSince = inFlight > 0 || isBusy ? max(now, lastActivity) : lastActivity
        return min(age, quietSince.advanced(by: limits.idle))
    }

    private mutating func pingAnswered(_ answer: PingAnswer, _ now: ContinuousClock.Instant) -> [Action] {
        guard state == .ready else { return [] }
        failedPings = 0
        isBusy = answer.isBusy
        if answer.isBusy { lastActivity = max(lastActivity, now) }
        guard let update = answer.lastUpdate, update <= now else { return [] }
        lastActivity = max(lastActivity, update)
        defer { lastUpdate = update }
        guard !answer.isBusy, let previous = lastUpdate, update > previous else {
            restamped = 0
            return []
        }
        restamped += 1
        guard restamped > limits.restampingPings, !reportedRestamping else { return [] }
        reportedRestamping = true
        return [.reportRestamping]
    }

    private mutating func pingFailed() -> [Action] {
        // An agent with one thread cannot answer while it works (contract, clarifications).
        guard state == .ready, inFlight == 0 else {
            failedPings = 0
            return []
        }
        failedPings += 1
        return failedPings >= limits.pingFailures ? stop(.unhealthy) : []
    }

    private mutating func stop(_ end: SessionEnd) -> [Action] {
        switch state {
        case .starting:
            state = .stopping(end)
            inFlight = 0
            return [.failWaiters(end), .stopSandbox(end)]
        case .ready:
            state = .stopping(end)
            return [.stopSandbox(end)]
        case .stopping, .ended: return []
        }
    }

    private mutating func finish(_ end: SessionEnd) -> [Action] {
        switch state {
        case .starting:
            state = .ended(end)
            inFlight = 0
            return [.failWaiters(end), .ended(end)]
        case .ready:
            state = .ended(end)
            return [.ended(end)]
        // The reason it was stopped for is the truer one.
        case .stopping(let first):
            state = .ended(first)
            return [.ended(first)]
        case .ended: return []
        }
    }
}
