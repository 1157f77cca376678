import Platform
import Synchronization
import TestSupport
import Testing

@testable import DataPlane

@Suite struct RouteRefresherTests {
    /// While one read is under way, what changes meanwhile shares the next; nothing that changed during a read is taken for read.
    @Test(.timeLimit(.minutes(1))) func changesDuringAReadShareTheNextOne() async throws {
        let refresher = RouteRefresher()
        let reads = Mutex<[[Int64]]>([])
        refresher.changed(1)
        let task = Task {
            await refresher.run(clock: SystemTime()) { endpoints in
                let isFirst = reads.withLock { reads in
                    reads.append(endpoints.sorted())
                    return reads.count == 1
                }
                guard isFirst else { return }
                for endpoint: Int64 in [2, 3, 1, 3] { refresher.changed(endpoint) }
            }
        }
        try await eventually("both are read") { reads.withLock { $0.count } == 2 }
        #expect(reads.withLock { $0 } == [[1], [1, 2, 3]])
        refresher.changed(4)
        try await eventually("a later change is read, too") { reads.withLock { $0.last } == [4] }
        task.cancel()
        await task.value
    }

    @Test(.timeLimit(.minutes(1))) func manyAreReadInBatches() async throws {
        let refresher = RouteRefresher()
        for endpoint: Int64 in 0..<1000 { refresher.changed(endpoint) }
        let sizes = Mutex<[Int]>([])
        let task = Task { await refresher.run(clock: SystemTime()) { endpoints in sizes.withLock { $0.append(endpoints.count) } } }
        try await eventually("all are read") { sizes.withLock { $0.reduce(0, +) } == 1000 }
        #expect(sizes.withLock { $0.max() } == 256)
        task.cancel()
        await task.value
    }
}
