import Platform
import Testing

@Suite struct ManualTimeTests {
    @Test func sleeperWakesWhenTimeReachesIt() async throws {
        let time = ManualTime()
        let deadline = time.now().advanced(by: .seconds(10))
        let task = Task { try await time.sleep(until: deadline) }
        while time.sleeperCount == 0 { await Task.yield() }
        time.advance(by: .seconds(9))
        #expect(time.sleeperCount == 1)
        time.advance(by: .seconds(1))
        try await task.value
        #expect(time.now() == deadline)
    }

    @Test func cancelledSleeperThrows() async {
        let time = ManualTime()
        let task = Task { try await time.sleep(for: .seconds(1)) }
        while time.sleeperCount == 0 { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(time.sleeperCount == 0)
    }

    @Test func pastDeadlineReturnsAtOnce() async throws {
        let time = ManualTime()
        try await time.sleep(until: time.now())
    }
}
