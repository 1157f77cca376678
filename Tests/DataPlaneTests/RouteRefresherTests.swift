import Platform
import Store
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

    /// The slow timer reads what is not known in the state that the database has, and forgets what has gone.
    @Test func aRefreshReadsWhatHasChanged() async throws {
        let store = FakeStore(endpoints: ["DEFAULT", "dev", "prod", "test"])
        let cache = RouteCache(source: store)
        func read() async throws -> [Int64] {
            store.state.withLock { $0.endpointsRead = [] }
            try await cache.refresh(.test())
            return store.state.withLock { $0.endpointsRead.sorted() }
        }
        func cached(_ name: String) -> Route? {
            cache.cached(
                RouteKey(
                    account: FakeStore.account, region: FakeStore.region, runtimeID: FakeStore.runtimeID, endpointName: name))
        }
        #expect(try await read() == [1, 2, 3, 4] && cache.count == 4)
        #expect(try await read() == [])
        store.put(endpoint: 2, name: "dev", version: 2)
        store.setPolicies(endpoint: 3, own: "{}")
        store.remove(endpoint: 4)
        store.put(endpoint: 5, name: "new", version: 1)
        #expect(try await read() == [2, 3, 5])
        #expect(cached("dev")?.liveVersion == 2 && cached("prod")?.policyRevision == 1)
        #expect(cached("test") == nil && cached("new") != nil && cache.count == 4)
    }

    /// So many that all are read at once.
    @Test func aRefreshOfManyReadsAll() async throws {
        let store = FakeStore(endpoints: (0..<3000).map { "e\($0)" })
        let cache = RouteCache(source: store)
        try await cache.refresh(.test())
        #expect(cache.count == 3000 && store.state.withLock { $0.endpointsRead.isEmpty })
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
