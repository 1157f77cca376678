import Glibc
import Synchronization
import Testing

@testable import PostgresClient

@Suite struct NotificationHubTests {
    /// Readers leave while they are fed. Were a stream fed under the lock that its end takes, the thread that feeds and the one
    /// that cancels would sooner or later wait for each other, and everything that these two serve with them.
    @Test func readersMayLeaveInTheMiddleOfAnEvent() async throws {
        let hub = NotificationHub(channels: ["a"]) { _ in }
        hub.hear(.event(.resumed))
        let (isOver, rounds) = (Flag(), Count())
        #expect(
            DetachedThread.start {
                while !isOver.value {
                    hub.hear(.event(.payload(channel: "a", payload: "")))
                    sched_yield()
                }
            })
        // In a deadlock no task can tell of it any more.
        #expect(
            DetachedThread.start {
                var seen = -1
                while !isOver.value, rounds.value > seen {
                    seen = rounds.value
                    for _ in 0..<300 where !isOver.value { usleep(100_000) }
                }
                precondition(isOver.value, "readers that leave and the thread that feeds them wait for each other")
            })
        for _ in 0..<3000 {
            let readers = (0..<4).map { _ in Task { for await _ in hub.read(["a"]) {} } }
            for _ in 0..<10 { await Task.yield() }
            for reader in readers { reader.cancel() }
            for reader in readers { await reader.value }
            rounds.add()
        }
        isOver.set()
    }

    private final class Flag: Sendable {
        private let atomic = Atomic(false)
        var value: Bool { atomic.load(ordering: .acquiring) }
        func set() { atomic.store(true, ordering: .releasing) }
    }

    private final class Count: Sendable {
        private let atomic = Atomic(0)
        var value: Int { atomic.load(ordering: .relaxed) }
        func add() { atomic.add(1, ordering: .relaxed) }
    }
}
