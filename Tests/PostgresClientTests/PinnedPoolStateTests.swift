import Platform
import Testing

@testable import PostgresClient

/// The pool's decisions, without a socket and on a clock that stands still.
@Suite struct PinnedPoolStateTests {
    typealias Action = PinnedPoolState.Action

    struct Bench {
        let time = ManualTime()
        var pool: PinnedPoolState

        init(maximum: Int = 2) { pool = PinnedPoolState(maximum: maximum) }

        mutating func on(_ event: PinnedPoolState.Event) -> [Action] { pool.handle(event, now: time.now()) }

        mutating func ask(_ id: Int, within time: Duration = .seconds(10)) -> [Action] {
            on(.leaseRequested(id, deadline: self.time.now().advanced(by: time)))
        }

        /// Started, with connection 1 idle.
        static func ready(maximum: Int = 2) -> Bench {
            var bench = Bench(maximum: maximum)
            _ = bench.on(.started)
            _ = bench.on(.connected(1))
            return bench
        }

        /// Every connection lost for good: the circuit is open.
        static func away() -> Bench {
            var bench = Bench()
            _ = bench.on(.started)
            _ = bench.on(.connectFailed(1, chance: 0))
            return bench
        }
    }

    @Test func makesOneConnectionAtTheStart() {
        var bench = Bench()
        #expect(bench.on(.started) == [.connect(1)])
        #expect(bench.on(.connected(1)) == [])
        #expect(bench.pool.connectionCount == 1)
    }

    @Test func requestsBeforeTheStartWait() {
        var bench = Bench()
        #expect(bench.ask(1) == [])
        #expect(bench.on(.started) == [.connect(1)])
        #expect(bench.on(.connected(1)) == [.grant(1, 1, isFresh: true)])
    }

    @Test func grantsAnIdleConnectionAtOnce() {
        var bench = Bench.ready()
        #expect(bench.ask(7) == [.grant(7, 1, isFresh: true)])
        #expect(bench.pool.waiterCount == 0)
    }

    @Test func aReusedConnectionIsNotFresh() {
        var bench = Bench.ready()
        _ = bench.ask(1)
        #expect(bench.on(.released(1, reusable: true)) == [])
        #expect(bench.ask(2) == [.grant(2, 1, isFresh: false)])
    }

    @Test func growsWhileCallersWaitUpToTheMaximum() {
        var bench = Bench.ready(maximum: 3)
        _ = bench.ask(1)
        #expect(bench.ask(2) == [.connect(2)])
        #expect(bench.ask(3) == [.connect(3)])
        #expect(bench.ask(4) == [])
        #expect(bench.on(.connected(3)) == [.grant(2, 3, isFresh: true)])
    }

    @Test func doesNotConnectMoreThanIsWanted() {
        var bench = Bench.ready(maximum: 8)
        _ = bench.ask(1)
        #expect(bench.ask(2) == [.connect(2)])
        #expect(bench.on(.released(1, reusable: true)) == [.grant(2, 1, isFresh: false)])
        #expect(bench.ask(3) == [], "connection 2 is on its way")
        #expect(bench.on(.connected(2)) == [.grant(3, 2, isFresh: true)])
    }

    @Test func servesInTheOrderOfAsking() {
        var bench = Bench.ready(maximum: 1)
        _ = bench.ask(1)
        for id in 2...5 { #expect(bench.ask(id) == []) }
        for id in 2...5 { #expect(bench.on(.released(1, reusable: true)) == [.grant(id, 1, isFresh: false)]) }
    }

    @Test func takesTheMostRecentlyUsedConnection() {
        var bench = Bench.ready()
        _ = bench.ask(1)
        _ = bench.ask(2)
        _ = bench.on(.connected(2))
        _ = bench.on(.released(2, reusable: true))
        _ = bench.on(.released(1, reusable: true))
        #expect(bench.ask(3) == [.grant(3, 1, isFresh: false)])
    }

    @Test func aWaiterFailsAtItsDeadline() {
        var bench = Bench.ready(maximum: 1)
        _ = bench.ask(1)
        _ = bench.ask(2, within: .seconds(1))
        _ = bench.ask(3, within: .seconds(5))
        #expect(bench.pool.nextTimer == bench.time.now().advanced(by: .seconds(1)))
        bench.time.advance(by: .seconds(1))
        #expect(bench.on(.timer) == [.fail(2, .deadline)])
        #expect(bench.on(.released(1, reusable: true)) == [.grant(3, 1, isFresh: false)])
        #expect(bench.pool.nextTimer == nil)
    }

    @Test func aDeadlineInThePastFailsAtOnce() {
        var bench = Bench.ready()
        #expect(bench.ask(1, within: .zero) == [.fail(1, .deadline)])
    }

    @Test func aCancelledWaiterLeavesTheLine() {
        var bench = Bench.ready(maximum: 1)
        _ = bench.ask(1)
        _ = bench.ask(2)
        _ = bench.ask(3)
        #expect(bench.on(.requestCancelled(2)) == [.fail(2, .cancelled)])
        #expect(bench.on(.released(1, reusable: true)) == [.grant(3, 1, isFresh: false)])
    }

    @Test func cancellingWhatWasGrantedOrNeverAskedDoesNothing() {
        var bench = Bench.ready()
        _ = bench.ask(1)
        #expect(bench.on(.requestCancelled(1)) == [])
        #expect(bench.on(.requestCancelled(99)) == [])
    }

    @Test func anUnusableConnectionIsClosedAndReplaced() {
        var bench = Bench.ready(maximum: 1)
        _ = bench.ask(1)
        _ = bench.ask(2)
        #expect(bench.on(.released(1, reusable: false)) == [.close(1), .connect(2)])
        #expect(bench.on(.connected(2)) == [.grant(2, 2, isFresh: true)])
    }

    @Test func aLostIdleConnectionIsReplacedAndNeverGranted() {
        var bench = Bench.ready()
        bench.time.advance(by: .seconds(5))
        #expect(bench.on(.connectionLost(1, chance: 0)) == [.connect(2)])
        #expect(bench.ask(1) == [])
        #expect(bench.on(.connected(2)) == [.grant(1, 2, isFresh: true)])
    }

    @Test func aLostLeaseMakesRoomAndItsReleaseIsIgnored() {
        var bench = Bench.ready(maximum: 1)
        bench.time.advance(by: .seconds(5))
        _ = bench.ask(1)
        _ = bench.ask(2)
        #expect(bench.on(.connectionLost(1, chance: 0)) == [.connect(2)])
        #expect(bench.on(.released(1, reusable: false)) == [])
        #expect(bench.on(.connected(2)) == [.grant(2, 2, isFresh: true)])
    }

    @Test func oneLostConnectionOfSeveralOpensNothing() {
        var bench = Bench.ready()
        _ = bench.ask(1)
        _ = bench.ask(2)
        _ = bench.on(.connected(2))
        #expect(bench.on(.connectionLost(1, chance: 0)) == [])
        #expect(!bench.pool.isOpen)
        #expect(bench.on(.released(2, reusable: true)) == [])
        #expect(bench.ask(3) == [.grant(3, 2, isFresh: false)])
    }

    @Test func aFailedAttemptOpensTheCircuitAndFailsTheWaiters() {
        var bench = Bench()
        _ = bench.on(.started)
        _ = bench.ask(1)
        _ = bench.ask(2)
        #expect(bench.on(.connectFailed(1, chance: 0)) == [.fail(1, .away), .fail(2, .away)])
        #expect(bench.pool.isOpen)
        #expect(bench.on(.connected(2)) == [])
        #expect(!bench.pool.isOpen, "another attempt was under way and succeeded")
    }

    @Test func whileOpenRequestsFailAtOnce() {
        var bench = Bench.away()
        #expect(bench.pool.isOpen)
        #expect(bench.ask(1) == [.fail(1, .away)])
        #expect(bench.pool.nextTimer == bench.time.now().advanced(by: .milliseconds(50)))
    }

    @Test func halfOpenMakesOneAttemptAndStillFailsCallers() {
        var bench = Bench.away()
        bench.time.advance(by: .milliseconds(50))
        #expect(bench.on(.timer) == [.connect(2)])
        #expect(bench.on(.timer) == [])
        #expect(bench.ask(1) == [.fail(1, .away)])
    }

    @Test func aSuccessfulAttemptClosesTheCircuit() {
        var bench = Bench.away()
        bench.time.advance(by: .milliseconds(50))
        _ = bench.on(.timer)
        #expect(bench.on(.connected(2)) == [])
        #expect(!bench.pool.isOpen)
        #expect(bench.ask(1) == [.grant(1, 2, isFresh: true)])
    }

    @Test func repeatedFailuresWaitLonger() {
        var bench = Bench.away()
        for (connection, delay) in [(2, 100), (3, 200), (4, 400), (5, 800), (6, 1000), (7, 1000)] {
            bench.time.advance(by: .seconds(1))
            #expect(bench.on(.timer) == [.connect(connection)])
            _ = bench.on(.connectFailed(connection, chance: 0))
            #expect(bench.pool.nextTimer == bench.time.now().advanced(by: .milliseconds(delay)))
        }
    }

    @Test func aFailureToGrowLeavesTheOthersInService() {
        var bench = Bench.ready()
        _ = bench.ask(1)
        #expect(bench.ask(2) == [.connect(2)])
        #expect(bench.on(.connectFailed(2, chance: 0)) == [], "connection limit reached, say")
        #expect(!bench.pool.isOpen)
        #expect(bench.pool.waiterCount == 1)
        bench.time.advance(by: .milliseconds(50))
        #expect(bench.on(.timer) == [.connect(3)])
        #expect(bench.on(.released(1, reusable: true)) == [.grant(2, 1, isFresh: false)])
    }

    @Test func withNobodyWaitingAFailureToGrowSetsNoTimer() {
        var bench = Bench.ready()
        _ = bench.ask(1)
        _ = bench.ask(2)
        _ = bench.on(.connectFailed(2, chance: 0))
        _ = bench.on(.requestCancelled(2))
        #expect(bench.pool.nextTimer == nil, "a timer in the past would never let the thread sleep")
    }

    @Test func losingTheLastConnectionWhileOpenFailsTheWaiters() {
        var bench = Bench.ready()
        _ = bench.ask(1)
        _ = bench.ask(2)
        _ = bench.on(.connectFailed(2, chance: 0))
        #expect(bench.on(.connectionLost(1, chance: 0)) == [.fail(2, .away)])
    }

    @Test func aConnectionThatBreaksAtOnceOpensTheCircuit() {
        var bench = Bench.ready()
        #expect(bench.on(.connectionLost(1, chance: 0)) == [])
        #expect(bench.pool.isOpen)
        bench.time.advance(by: .milliseconds(50))
        #expect(bench.on(.timer) == [.connect(2)])
    }

    /// It broke on its way from the connecting thread: an attempt that failed, also while the circuit is half open.
    @Test func aConnectionLostBeforeItIsKnownCountsAsAFailedAttempt() {
        var bench = Bench.away()
        bench.time.advance(by: .seconds(1))
        #expect(bench.on(.timer) == [.connect(2)])
        #expect(bench.on(.connectionLost(2, chance: 0)) == [])
        #expect(bench.on(.connected(2)) == [.close(2)])
        #expect(bench.pool.nextTimer != nil, "there will be another attempt")
        bench.time.advance(by: .seconds(1))
        #expect(bench.on(.timer) == [.connect(3)])
    }

    @Test func aLateConnectionIsClosed() {
        var bench = Bench.ready()
        #expect(bench.on(.connected(42)) == [.close(42)])
        #expect(bench.on(.connectFailed(42, chance: 0)) == [])
        #expect(bench.on(.connectionLost(42, chance: 0)) == [])
    }

    @Test func shuttingDownFailsWaitersAndClosesConnections() {
        var bench = Bench.ready(maximum: 2)
        _ = bench.ask(1)
        _ = bench.ask(2)
        _ = bench.ask(3)
        #expect(bench.on(.shutDown) == [.fail(2, .closed), .fail(3, .closed), .close(1), .close(2)])
        #expect(bench.ask(4) == [.fail(4, .closed)])
        #expect(bench.on(.connected(2)) == [.close(2)])
        #expect(bench.on(.released(1, reusable: true)) == [])
        #expect(bench.on(.timer) == [])
        #expect(bench.pool.nextTimer == nil)
    }

    /// Random events, and the promises that hold after each: nobody is granted twice or forgotten,
    /// no connection is lent to two, the maximum holds.
    @Test(arguments: 0..<50) func randomHistoriesKeepThePromises(seed: UInt64) {
        var random = SplitMix(state: seed)
        var bench = Bench(maximum: 3)
        var waiting: Set<Int> = []
        var connecting: Set<Int> = []
        var lent: [Int: Int] = [:]
        var idle: Set<Int> = []
        var nextRequest = 0

        func apply(_ actions: [Action]) {
            for action in actions {
                switch action {
                case .connect(let id): #expect(connecting.insert(id).inserted)
                case .close(let id):
                    lent[id] = nil
                    idle.remove(id)
                    connecting.remove(id)
                case .grant(let request, let id, _):
                    #expect(waiting.remove(request) != nil)
                    #expect(idle.remove(id) != nil)
                    #expect(lent.updateValue(request, forKey: id) == nil)
                case .fail(let request, _): #expect(waiting.remove(request) != nil)
                }
            }
            #expect(connecting.count + lent.count + idle.count <= 3)
            #expect(waiting.count == bench.pool.waiterCount)
            #expect(idle.isEmpty || waiting.isEmpty)
            #expect(waiting.isEmpty || bench.pool.nextTimer != nil)
            #expect(connecting.count + lent.count + idle.count > 0 || bench.pool.nextTimer != nil, "it would never come back")
        }

        apply(bench.on(.started))
        for _ in 0..<400 {
            let chance = Double.random(in: 0..<1, using: &random)
            switch Int.random(in: 0..<9, using: &random) {
            case 0, 1, 2:
                nextRequest += 1
                waiting.insert(nextRequest)
                apply(bench.ask(nextRequest, within: .milliseconds(Int64.random(in: 0..<500, using: &random))))
            case 3, 4:
                guard let id = connecting.sorted().randomElement(using: &random) else { continue }
                connecting.remove(id)
                if chance < 0.7 {
                    idle.insert(id)
                    apply(bench.on(.connected(id)))
                } else if chance < 0.85 {
                    apply(bench.on(.connectFailed(id, chance: chance)))
                } else {
                    apply(bench.on(.connectionLost(id, chance: chance)))
                    apply(bench.on(.connected(id)))
                }
            case 5, 6:
                guard let id = lent.keys.sorted().randomElement(using: &random) else { continue }
                lent[id] = nil
                if chance < 0.8 { idle.insert(id) }
                apply(bench.on(.released(id, reusable: chance < 0.8)))
            case 7:
                guard let id = (Array(lent.keys) + Array(idle)).sorted().randomElement(using: &random) else { continue }
                lent[id] = nil
                idle.remove(id)
                apply(bench.on(.connectionLost(id, chance: chance)))
            default:
                bench.time.advance(by: .milliseconds(Int64.random(in: 0..<300, using: &random)))
                apply(bench.on(.timer))
                if let id = waiting.sorted().randomElement(using: &random), chance < 0.3 { apply(bench.on(.requestCancelled(id))) }
            }
        }
    }
}

/// A small deterministic generator. Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators".
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
