import Platform
import Testing

@testable import PostgresClient

@Suite struct CircuitTests {
    @Test func delaysDoubleUpToALimitAndSpread() {
        let backoff = Circuit.Backoff(first: .milliseconds(50), limit: .seconds(1))
        #expect((1...7).map { backoff.delay(failures: $0, chance: 0) } == [50, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        #expect(backoff.delay(failures: 1, chance: 0.5) == .milliseconds(37.5))
        #expect(backoff.delay(failures: 100, chance: 0.999) > .milliseconds(500))
    }

    @Test func opensOnFailureAndClosesOnSuccess() {
        let time = ManualTime()
        var circuit = Circuit()
        #expect(!circuit.isOpen)
        #expect(circuit.beginAttempt(time.now()) == true)
        #expect(circuit.beginAttempt(time.now()) == false, "one attempt at a time")
        circuit.failed(time.now(), chance: 0)
        #expect(circuit.isOpen)
        #expect(circuit.nextAttempt == time.now().advanced(by: .milliseconds(50)))
        #expect(circuit.beginAttempt(time.now()) == false)
        time.advance(by: .milliseconds(50))
        #expect(circuit.beginAttempt(time.now()) == true)
        #expect(circuit.isOpen, "half open: callers still fail at once")
        circuit.succeeded(time.now())
        #expect(!circuit.isOpen)
    }

    @Test func aStableConnectionIsReplacedAtOnce() {
        let time = ManualTime()
        var circuit = Circuit()
        _ = circuit.beginAttempt(time.now())
        circuit.succeeded(time.now())
        time.advance(by: .seconds(1))
        circuit.lost(time.now(), chance: 0)
        #expect(!circuit.isOpen)
        #expect(circuit.beginAttempt(time.now()) == true)
    }

    @Test func connectionsThatBreakAtOnceBackOff() {
        let time = ManualTime()
        var circuit = Circuit()
        for failures in 1...3 {
            _ = circuit.beginAttempt(time.now())
            circuit.succeeded(time.now())
            circuit.lost(time.now(), chance: 0)
            #expect(circuit.isOpen)
            #expect(circuit.failures == failures)
            time.advance(by: .seconds(1))
        }
    }
}
