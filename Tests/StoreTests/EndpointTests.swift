import AgentCoreModel
import Lifecycle
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct EndpointTests {
    private let c = OperationContext.test()

    private func prod(_ store: Store, _ made: TestRuntime, target: Int = 1) async throws -> EndpointRecord {
        try await store.transaction(c) { tx in
            try await store.endpointInsert(
                c, in: tx, runtime: made.runtime, name: "prod", endpointID: WireID.make(name: "prod"), target: target, description: "main")
        }
    }

    @Test func anEndpointGoesLiveOnlyByItsFlip() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let created = try await prod(store, made)
            #expect(created.status == .creating)
            #expect(created.liveVersion == nil)
            #expect(created.targetVersion == 1)
            #expect(try await store.transaction(c) { try await store.endpointFlip(c, in: $0, endpoint: created.id, generation: 1) })
            let live = try await store.endpointFetch(c, runtime: made.runtime.id, name: "prod")
            #expect(live?.status == .ready)
            #expect(live?.liveVersion == 1)
            #expect(live?.description == "main")
            // A second flip of the same generation, as by a holder that lost its lease.
            #expect(try await !store.transaction(c) { try await store.endpointFlip(c, in: $0, endpoint: created.id, generation: 1) })
            await #expect { try await prod(store, made) } throws: { error in
                (error as? SignalboxError)?.message == "Agent runtime endpoint with name 'prod' already exists."
            }
        }
    }

    @Test func aFailureLeavesTheLiveVersionAndMayBeCleared() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let id = made.endpoint.id
            _ = try await store.testVersion(c, of: made.runtime)
            let moving = try await store.transaction(c) { try await store.endpointTarget(c, in: $0, endpoint: id, version: 2) }
            let updating = try #require(moving)
            #expect(updating.status == .updating)
            #expect(updating.liveVersion == 1)
            #expect(updating.targetVersion == 2)
            #expect(try await store.transaction(c) { try await store.endpointTarget(c, in: $0, endpoint: id, version: 1) } == nil)
            #expect(
                try await !store.transaction(c) {
                    try await store.endpointFail(c, in: $0, endpoint: id, generation: updating.generation - 1, reason: "late")
                })
            #expect(
                try await store.transaction(c) {
                    try await store.endpointFail(c, in: $0, endpoint: id, generation: updating.generation, reason: "no interpreter")
                })
            let failed = try #require(try await store.endpointFetch(c, id: id))
            #expect(failed.status == .updateFailed)
            #expect(failed.liveVersion == 1)
            #expect(failed.failureReason == "no interpreter")
            let cleared = try await store.transaction(c) { try await store.endpointClear(c, in: $0, endpoint: id) }
            #expect(cleared?.status == .ready)
            #expect(cleared?.targetVersion == 1)
            #expect(cleared?.failureReason == nil)
            #expect(try await store.transaction(c) { try await store.endpointClear(c, in: $0, endpoint: id) } == nil)
            let history = try await store.historyList(c, endpoint: id)
            #expect(
                history.map(\.step) == [
                    EndpointHistoryStep(.created, to: 1), EndpointHistoryStep(.flipped, to: 1),
                    EndpointHistoryStep(.requested, from: 1, to: 2),
                    EndpointHistoryStep(.failed, from: 1, to: 2), EndpointHistoryStep(.requested, from: 2, to: 1),
                ])
            #expect(history.allSatisfy { $0.actor == "AKIATEST" && $0.requestID == c.requestID })
            #expect(Set(history.map(\.generation)).count == history.count)
        }
    }

    @Test func onlyLegalTransitionsApply() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let id = made.endpoint.id
            let attempts: [(EndpointEvent, @Sendable (PostgresTransaction, Int64) async throws -> Bool)] = [
                (.targetRequested, { tx, _ in try await store.endpointTarget(c, in: tx, endpoint: id, version: 1) != nil }),
                (.flipped, { try await store.endpointFlip(c, in: $0, endpoint: id, generation: $1) }),
                (.cleared, { tx, _ in try await store.endpointClear(c, in: tx, endpoint: id) != nil }),
                (.deleteRequested, { tx, _ in try await store.endpointMarkDeleting(c, in: tx, endpoint: id) != nil }),
                (.deleteFailed, { tx, _ in try await store.endpointDeleteFailed(c, in: tx, endpoint: id, reason: "r") }),
            ]
            for status in AgentRuntimeStatus.allCases {
                for (event, attempt) in attempts {
                    try await store.postgres.query(
                        "update runtime_endpoint set status = $2 where id = $1", [.int(id), .text(status.rawValue)])
                    let generation = try await store.endpointFetch(c, id: id)?.generation ?? 0
                    let applied = try await store.transaction(c) { try await attempt($0, generation) }
                    let after = try await store.endpointFetch(c, id: id)
                    switch EndpointMachine.table.apply(event, to: status) {
                    case .success(let outcome):
                        #expect(applied, "\(event) at \(status)")
                        #expect(after?.status == outcome.status)
                        #expect(after?.generation == generation + 1)
                    case .failure:
                        #expect(!applied, "\(event) at \(status)")
                        #expect(after?.status == status)
                        #expect(after?.generation == generation)
                    }
                }
            }
        }
    }

    @Test func deletingStopsSessionsAndWaitsForTheirEnd() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let endpoint = try await prod(store, made)
            _ = try await store.transaction(c) { try await store.endpointFlip(c, in: $0, endpoint: endpoint.id, generation: 1) }
            let owner = try await store.replicaRegister(c, id: "replica", host: "host")
            let opening = try await store.sessionOpen(c, endpoint: endpoint.id, sessionID: "s", sandboxID: "b", owner: owner, limit: 9)
            let session = try #require(opening?.session)
            #expect(try await !store.transaction(c) { try await store.endpointDelete(c, in: $0, endpoint: endpoint.id) })
            #expect(
                try await store.transaction(c) { try await store.endpointMarkDeleting(c, in: $0, endpoint: endpoint.id) }?.status
                    == .deleting)
            #expect(try await store.sessionListStopRequested(c, owner: owner).map(\.stopReason) == ["deleted"])
            #expect(try await store.sessionOpen(c, endpoint: endpoint.id, sessionID: "t", sandboxID: "d", owner: owner, limit: 9) == nil)
            #expect(try await store.routeFetch(c, endpoints: [endpoint.id]).isEmpty)
            #expect(try await !store.transaction(c) { try await store.endpointDelete(c, in: $0, endpoint: endpoint.id) })
            try await store.sessionEnd(c, session: session.id, reason: SessionEnd.deleted.code)
            #expect(try await store.transaction(c) { try await store.endpointDelete(c, in: $0, endpoint: endpoint.id) })
            #expect(try await store.endpointFetch(c, id: endpoint.id) == nil)
            #expect(try await store.historyList(c, endpoint: endpoint.id).last?.step.kind == .deleted)
        }
    }

    @Test func descriptionsArePatched() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let endpoint = try await prod(store, made)
            try await store.transaction(c) { try await store.endpointDescribe(c, in: $0, endpoint: endpoint.id, description: nil) }
            #expect(try await store.endpointFetch(c, id: endpoint.id)?.description == "main")
            try await store.transaction(c) { try await store.endpointDescribe(c, in: $0, endpoint: endpoint.id, description: "new") }
            let after = try await store.endpointFetch(c, id: endpoint.id)
            #expect(after?.description == "new")
            #expect(after?.generation == endpoint.generation)
        }
    }

    /// The walk of `RollbackPlan`, through the rows.
    @Test func rollbacksWalkBackOverDeletedVersionsAndNeverPingPong() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let endpoint = try await prod(store, made)
            _ = try await store.transaction(c) { try await store.endpointFlip(c, in: $0, endpoint: endpoint.id, generation: 1) }
            var rows: [Int: Int64] = [:]
            for version in 2...5 {
                rows[version] = try await store.testVersion(c, of: made.runtime).id
                try await store.testFlip(c, endpoint: endpoint.id, to: version)
            }
            func plan() async throws -> Result<RollbackPlan, RollbackPlan.Refusal> {
                try await store.transaction(c) { tx in
                    let now = try #require(
                        try await store.endpointFetchForUpdate(c, in: tx, runtime: endpoint.runtime, name: endpoint.name))
                    return try await store.endpointRollbackPlan(c, in: tx, endpoint: now)
                }
            }
            _ = try await store.versionTransition(c, version: try #require(rows[3]), event: .deleteRequested)
            #expect(try await plan() == .success(.move(to: 4)))
            try await store.testFlip(c, endpoint: endpoint.id, to: 4, rollbackTo: 4)
            #expect(try await plan() == .success(.move(to: 2)))
            try await store.testFlip(c, endpoint: endpoint.id, to: 2, rollbackTo: 2)
            #expect(try await plan() == .success(.move(to: 1)))
            try await store.testFlip(c, endpoint: endpoint.id, to: 1, rollbackTo: 1)
            #expect(try await plan() == .failure(.nothingEarlier))
            #expect(
                try await store.historyList(c, endpoint: endpoint.id).filter { $0.step.kind == .rolledBack }.map(\.step.to) == [4, 2, 1])
            // Forward again: the way back is what was live before, not what was rolled back from.
            try await store.testFlip(c, endpoint: endpoint.id, to: 5)
            #expect(try await plan() == .success(.move(to: 1)))
        }
    }

    @Test func everyChangeOfARouteIsNotified() async throws {
        try await withStore { store in
            let heard = Heard(store, Channels.endpoint)
            defer { heard.stop() }
            try await heard.ready()
            let made = try await store.testRuntime(c, configuration: Store.testConfiguration(headers: ["X-One"]))
            try await heard.expect("\(made.endpoint.id)")
            let route = try #require(try await store.routeFetch(c, key: made.key))
            #expect(route.liveVersion == 1)
            #expect(route.headerAllowlist == ["X-One"])
            #expect(try await store.routeFetch(c, endpoints: [route.endpoint, 0]) == [route])
            #expect(try await store.routeList(c) == [route])
            #expect(try await store.routeStates(c) == [route.state])
            var key = made.key
            key.account = TestTenant.otherAccount
            #expect(try await store.routeFetch(c, key: key) == nil)

            _ = try await store.testVersion(c, of: made.runtime)
            try await store.testFlip(c, endpoint: route.endpoint, to: 2)
            try await heard.expect("\(route.endpoint)")
            let flipped = try #require(try await store.routeFetch(c, key: made.key))
            #expect(flipped.liveVersion == 2)
            #expect(flipped.generation > route.generation)

            try await store.transaction(c) { tx in
                _ = try await store.runtimeTransition(c, in: tx, runtime: made.runtime.id, event: .deleteRequested)
                try await store.endpointMarkDeletingAll(c, in: tx, runtime: made.runtime.id)
            }
            try await heard.expect("\(route.endpoint)")
            #expect(try await store.routeList(c) == [])
            #expect(try await store.routeStates(c) == [])
            // Goes by the cascade of its runtime.
            #expect(try await store.transaction(c) { try await store.runtimeDelete(c, in: $0, runtime: made.runtime.id) })
            try await heard.expect("\(route.endpoint)")
        }
    }
}

/// Payloads of one channel, in order of arrival.
final class Heard: Sendable {
    private let task: Task<Void, Never>
    private let stream: AsyncStream<PostgresNotification.Event>
    private let box = Box()

    actor Box {
        var payloads: [String] = []
        var isListening = false
        func take(_ event: PostgresNotification.Event) {
            switch event {
            case .payload(_, let payload): payloads.append(payload)
            case .resumed: isListening = true
            }
        }
        func remove(_ payload: String) -> Bool {
            guard let index = payloads.firstIndex(of: payload) else { return false }
            payloads.removeSubrange(...index)
            return true
        }
    }

    init(_ store: Store, _ channel: String) {
        let stream = store.postgres.notifications([channel])
        self.stream = stream
        task = Task { [box] in for await event in stream { await box.take(event) } }
    }

    func ready() async throws { try await eventually("LISTEN") { await self.box.isListening } }

    /// Waits for the payload and forgets it and what came before.
    func expect(_ payload: String) async throws { try await eventually("a notification \(payload)") { await self.box.remove(payload) } }

    func stop() { task.cancel() }
}
