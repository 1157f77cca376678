import Testing

@testable import Lifecycle

struct SessionMachineTests {
    private let start = ContinuousClock().now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start.advanced(by: .seconds(seconds)) }
    private let limits = SessionLimits(idle: .seconds(100), lifetime: .seconds(1000))

    private func ready() -> SessionMachine {
        var machine = SessionMachine(limits: limits, now: at(0))
        #expect(machine.handle(.started, now: at(1)) == [.wakeWaiters, .setTimer(at(101))])
        return machine
    }

    @Test func callsWaitForTheStartAndThenGoOn() {
        var machine = SessionMachine(limits: limits, now: at(0))
        #expect(machine.requestBegan(now: at(0)) == .wait)
        #expect(machine.requestBegan(now: at(0)) == .wait)
        // The timer looks again one idle time from now, because calls are in flight.
        #expect(machine.handle(.started, now: at(2)) == [.wakeWaiters, .setTimer(at(102))])
        #expect(machine.inFlight == 2)
        #expect(machine.requestBegan(now: at(2)) == .forward)
    }

    @Test func aFailedStartFailsTheWaiters() {
        var machine = SessionMachine(limits: limits, now: at(0))
        _ = machine.requestBegan(now: at(0))
        let end = SessionEnd.startFailed("no such interpreter")
        #expect(machine.handle(.startFailed("no such interpreter"), now: at(1)) == [.failWaiters(end), .ended(end)])
        #expect(machine.inFlight == 0)
        #expect(machine.requestBegan(now: at(2)) == .gone)
    }

    @Test func idlenessCountsFromTheEndOfTheLastCall() {
        var machine = ready()
        #expect(machine.requestBegan(now: at(50)) == .forward)
        // In flight: not idle however long it lasts.
        #expect(machine.handle(.timerFired, now: at(101)) == [.setTimer(at(201))])
        #expect(machine.handle(.timerFired, now: at(201)) == [.setTimer(at(301))])
        machine.requestEnded(now: at(250))
        #expect(machine.deadline == at(350))
        #expect(machine.handle(.timerFired, now: at(301)) == [.setTimer(at(350))])
        #expect(machine.handle(.timerFired, now: at(350)) == [.stopSandbox(.idle)])
        #expect(machine.requestBegan(now: at(350)) == .retryLater)
        #expect(machine.handle(.sandboxGone, now: at(351)) == [.ended(.idle)])
    }

    @Test func maximumLifetimeWinsOverCallsInFlight() {
        var machine = ready()
        _ = machine.requestBegan(now: at(990))
        #expect(machine.handle(.timerFired, now: at(995)) == [.setTimer(at(1001))])
        #expect(machine.handle(.timerFired, now: at(1001)) == [.stopSandbox(.maxLifetime)])
        machine.requestEnded(now: at(1002))
        #expect(machine.handle(.sandboxGone, now: at(1003)) == [.ended(.maxLifetime)])
    }

    @Test func healthyBusyBlocksIdleness() {
        var machine = ready()
        #expect(machine.handle(.pingAnswered(PingAnswer(isBusy: true)), now: at(90)) == [])
        #expect(machine.handle(.timerFired, now: at(101)) == [.setTimer(at(201))])
        #expect(machine.handle(.pingAnswered(PingAnswer(isBusy: true)), now: at(180)) == [])
        #expect(machine.handle(.pingAnswered(PingAnswer(isBusy: false)), now: at(190)) == [])
        // From the last busy ping, not from the healthy one.
        #expect(machine.deadline == at(280))
        #expect(machine.handle(.timerFired, now: at(201)) == [.setTimer(at(280))])
        #expect(machine.handle(.timerFired, now: at(280)) == [.stopSandbox(.idle)])
    }

    @Test func timeOfLastUpdateCountsUnlessItLiesAhead() {
        var machine = ready()
        _ = machine.handle(.pingAnswered(PingAnswer(isBusy: false, lastUpdate: at(60))), now: at(61))
        #expect(machine.deadline == at(160))
        _ = machine.handle(.pingAnswered(PingAnswer(isBusy: false, lastUpdate: at(5000))), now: at(62))
        #expect(machine.deadline == at(160))
        _ = machine.handle(.pingAnswered(PingAnswer(isBusy: false, lastUpdate: at(10))), now: at(63))
        #expect(machine.deadline == at(160))
    }

    @Test func anAgentThatRestampsEveryPingIsReportedOnce() {
        var machine = ready()
        var reports = 0
        for second in 1...30 {
            let now = at(Double(second * 2))
            let actions = machine.handle(.pingAnswered(PingAnswer(isBusy: false, lastUpdate: now)), now: now)
            reports += actions.filter { $0 == .reportRestamping }.count
            // Eleven advances need twelve pings.
            #expect((reports == 1) == (second >= 12))
        }
    }

    @Test func threeFailedPingsInARowAreUnhealthy() {
        var machine = ready()
        #expect(machine.handle(.pingFailed, now: at(10)) == [])
        #expect(machine.handle(.pingFailed, now: at(20)) == [])
        #expect(machine.handle(.pingAnswered(PingAnswer(isBusy: false)), now: at(30)) == [])
        #expect(machine.handle(.pingFailed, now: at(40)) == [])
        _ = machine.requestBegan(now: at(45))
        // Not while a call is in flight; and the count starts anew after it.
        for second in [50.0, 60, 70] { #expect(machine.handle(.pingFailed, now: at(second)) == []) }
        machine.requestEnded(now: at(75))
        #expect(machine.handle(.pingFailed, now: at(80)) == [])
        #expect(machine.handle(.pingFailed, now: at(90)) == [])
        #expect(machine.handle(.pingFailed, now: at(100)) == [.stopSandbox(.unhealthy)])
    }

    @Test func aStopDuringTheStartStopsWhatComesUpLate() {
        var machine = SessionMachine(limits: limits, now: at(0))
        _ = machine.requestBegan(now: at(0))
        #expect(machine.handle(.stopRequested(.deleted), now: at(1)) == [.failWaiters(.deleted), .stopSandbox(.deleted)])
        #expect(machine.handle(.started, now: at(2)) == [.stopSandbox(.deleted)])
        #expect(machine.handle(.sandboxExited("exit 143"), now: at(3)) == [])
        #expect(machine.handle(.sandboxGone, now: at(3)) == [.ended(.deleted)])
        #expect(machine.handle(.sandboxGone, now: at(4)) == [])
        #expect(machine.handle(.stopRequested(.stopped), now: at(4)) == [])
    }

    @Test func anAgentThatExitsEndsItsSession() {
        var machine = ready()
        #expect(machine.handle(.sandboxExited("exited with code 3"), now: at(5)) == [.ended(.agentExited("exited with code 3"))])
        var starting = SessionMachine(limits: limits, now: at(0))
        let end = SessionEnd.startFailed("exited with code 1")
        #expect(starting.handle(.sandboxExited("exited with code 1"), now: at(1)) == [.failWaiters(end), .ended(end)])
    }

    @Test func anAdoptedSessionKeepsItsAge() {
        var machine = SessionMachine(adopting: limits, startedAt: at(-950), lastActivity: at(-20))
        #expect(machine.state == .ready)
        #expect(machine.deadline == at(50))
        #expect(machine.handle(.timerFired, now: at(0)) == [.setTimer(at(50))])
        #expect(machine.handle(.timerFired, now: at(50)) == [.stopSandbox(.maxLifetime)])
    }

    /// Invariants that hold whatever happens in whatever order.
    @Test func randomEventsKeepTheInvariants() {
        var generator = Seeded(seed: 3)
        for _ in 0..<400 {
            var machine = SessionMachine(limits: limits, now: at(0))
            var now = 0.0
            var ends = 0
            var waiters = 0
            var forwarded = 0
            var timer: ContinuousClock.Instant?
            for _ in 0..<120 {
                now += Double.random(in: 0...20, using: &generator)
                let before = machine.state
                var actions: [SessionMachine.Action] = []
                switch Int.random(in: 0..<13, using: &generator) {
                case 0...3:
                    switch machine.requestBegan(now: at(now)) {
                    case .wait:
                        #expect(before == .starting)
                        waiters += 1
                    case .forward:
                        #expect(before == .ready)
                        forwarded += 1
                    case .retryLater:
                        guard case .stopping = before else {
                            Issue.record("retryLater in \(before)")
                            return
                        }
                    case .gone:
                        guard case .ended = before else {
                            Issue.record("gone in \(before)")
                            return
                        }
                    }
                case 4...6:
                    if forwarded > 0 {
                        forwarded -= 1
                        machine.requestEnded(now: at(now))
                    }
                case 7: actions = machine.handle(.started, now: at(now))
                case 8:
                    if let due = timer, due <= at(now) {
                        timer = nil
                        actions = machine.handle(.timerFired, now: at(now))
                    }
                case 9: actions = machine.handle(.pingAnswered(PingAnswer(isBusy: .random(using: &generator))), now: at(now))
                case 10: actions = machine.handle(.pingFailed, now: at(now))
                case 11:
                    if Int.random(in: 0..<10, using: &generator) == 0 {
                        actions = machine.handle(.stopRequested(.stopped), now: at(now))
                    }
                default: if case .stopping = machine.state { actions = machine.handle(.sandboxGone, now: at(now)) }
                }
                for action in actions {
                    switch action {
                    case .wakeWaiters:
                        forwarded += waiters
                        waiters = 0
                    case .failWaiters: waiters = 0
                    case .setTimer(let due):
                        timer = due
                        // Never later than the true deadline.
                        if let deadline = machine.deadline, machine.inFlight == 0, !machine.isBusy { #expect(due <= deadline) }
                    case .ended: ends += 1
                    case .stopSandbox, .reportRestamping: break
                    }
                }
                if machine.state == .ready {
                    #expect(machine.inFlight == forwarded)
                    #expect(timer != nil, "ready without a timer")
                }
                if machine.state != .starting { #expect(waiters == 0, "waiters forgotten") }
                if case .ended = before { #expect(machine.state == before, "left the end") }
            }
            if case .ended = machine.state { #expect(ends == 1) } else { #expect(ends == 0) }
        }
    }
}
