import AgentCoreModel
import Lifecycle
import Platform
import PostgresClient
import Synchronization
import TestSupport
import Testing

@testable import Store

struct SessionTests {
    private let c = OperationContext.test()

    @Test func aSessionIsOpenedOnceAndKeepsItsVersion() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c, environmentVariables: ["A": "1"])
            let owner = try await store.replicaRegister(c, id: "replica", host: "host")
            let id = made.endpoint.id
            let first = try #require(try await store.sessionOpen(c, endpoint: id, sessionID: "s", sandboxID: "b1", owner: owner, limit: 9))
            #expect(first.isNew)
            #expect(first.session.version == 1)
            #expect(first.session.owner == owner)
            #expect(first.session.sandboxID == "b1")
            #expect(first.version.environmentVariables == ["A": "1"])
            #expect(first.version.configuration == made.version.configuration)
            _ = try await store.testVersion(c, of: made.runtime)
            try await store.testFlip(c, endpoint: id, to: 2)
            let again = try #require(try await store.sessionOpen(c, endpoint: id, sessionID: "s", sandboxID: "b2", owner: owner, limit: 9))
            #expect(!again.isNew)
            #expect(again.session.version == 1)
            #expect(again.session.id == first.session.id)
            #expect(again.session.sandboxID == "b1")
            #expect(again.version.version == 1)
            // Pinning is per incarnation (decision 6).
            try await store.sessionEnd(c, session: first.session.id, reason: SessionEnd.idle.code)
            try await store.sessionEnd(c, session: first.session.id, reason: SessionEnd.idle.code)
            #expect(try await store.sessionFetch(c, endpoint: id, sessionID: "s") == nil)
            let next = try #require(try await store.sessionOpen(c, endpoint: id, sessionID: "s", sandboxID: "b3", owner: owner, limit: 9))
            #expect(next.isNew)
            #expect(next.session.version == 2)
            let past = try await store.postgres.query("select id, version_number, reason from session_history")
            #expect(past.rows.count == 1)
            #expect(try past.first?.int("id") == first.session.id)
            #expect(try past.first?.text("reason") == "idle")
        }
    }

    @Test func nothingLiveMeansNoSession() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let owner = try await store.replicaRegister(c, id: "replica", host: "host")
            #expect(try await store.sessionOpen(c, endpoint: 99_999, sessionID: "s", sandboxID: "b", owner: owner, limit: 9) == nil)
            let creating = try await store.transaction(c) { tx in
                try await store.endpointInsert(
                    c, in: tx, runtime: made.runtime, name: "prod", endpointID: WireID.make(name: "prod"), target: 1)
            }
            #expect(try await store.sessionOpen(c, endpoint: creating.id, sessionID: "s", sandboxID: "b", owner: owner, limit: 9) == nil)
            // A first failed change leaves nothing live; a later failed one leaves what was.
            _ = try await store.transaction(c) { tx in
                try await store.runtimeTransition(c, in: tx, runtime: made.runtime.id, event: .deleteRequested)
            }
            #expect(
                try await store.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s", sandboxID: "b", owner: owner, limit: 9) == nil)
        }
    }

    @Test func theOwnersLimitIsAQuota() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let owner = try await store.replicaRegister(c, id: "one", host: "host")
            let other = try await store.replicaRegister(c, id: "two", host: "host")
            for index in 0..<3 {
                #expect(
                    try await store.sessionOpen(
                        c, endpoint: made.endpoint.id, sessionID: "s\(index)", sandboxID: "b\(index)", owner: owner, limit: 3) != nil)
            }
            await #expect {
                try await store.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s3", sandboxID: "b3", owner: owner, limit: 3)
            } throws: { error in
                let error = error as? SignalboxError
                return error?.kind == .quotaExceeded && error?.message == "maxVms limit exceeded for account 123456789012"
            }
            // A live one is no new one, and another owner has a limit of its own.
            #expect(
                try await store.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s2", sandboxID: "x", owner: owner, limit: 3)?.isNew
                    == false)
            #expect(
                try await store.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s3", sandboxID: "b3", owner: other, limit: 3)?.isNew
                    == true)
        }
    }

    @Test func anAccountsLimitHoldsForAllReplicasTogether() async throws {
        try await withTwoStores { one, two in
            let limit = 7
            let owners = [
                try await one.replicaRegister(c, id: "one", host: "a"), try await one.replicaRegister(c, id: "two", host: "b"),
            ]
            let stores = [one, two].map { store in
                var store = store
                store.accountSessionLimit = limit
                return store
            }
            // Two runtimes: what is counted is the account's.
            let endpoints = [try await one.testRuntime(c).endpoint.id, try await one.testRuntime(c, name: "other").endpoint.id]
            let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<32 {
                    group.addTask {
                        do {
                            return try await stores[index % 2].sessionOpen(
                                c, endpoint: endpoints[index / 2 % 2], sessionID: "s\(index)", sandboxID: "b\(index)",
                                owner: owners[index % 2], limit: 999) != nil
                        } catch let error as SignalboxError where error.kind == .quotaExceeded {
                            #expect(error.message == "maxVms limit exceeded for account 123456789012")
                            return false
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.filter { $0 }.count == limit)
            // One that lives is no new one; another account's and another region's do not count.
            let live = try #require(try await one.postgres.query("select session_id, endpoint from session limit 1").first)
            let again = try await stores[0].sessionOpen(
                c, endpoint: try live.int("endpoint"), sessionID: try live.text("session_id"), sandboxID: "x", owner: owners[0], limit: 999)
            #expect(again?.isNew == false)
            let foreign = try await one.testRuntime(.test(account: TestTenant.otherAccount), name: "foreign")
            #expect(
                try await stores[0].sessionOpen(
                    c, endpoint: foreign.endpoint.id, sessionID: "f", sandboxID: "f", owner: owners[0], limit: 999)?.isNew == true)
        }
    }

    @Test func rivalsForOneIdShareOneSession() async throws {
        try await withTwoStores { first, second in
            let made = try await first.testRuntime(c)
            let owners = [
                try await first.replicaRegister(c, id: "one", host: "a"), try await first.replicaRegister(c, id: "two", host: "b"),
            ]
            for round in 0..<50 {
                let opened = try await withThrowingTaskGroup(of: SessionOpening?.self) { group in
                    for index in 0..<4 {
                        group.addTask {
                            try await (index % 2 == 0 ? first : second).sessionOpen(
                                c, endpoint: made.endpoint.id, sessionID: "s\(round)", sandboxID: "b\(round)-\(index)",
                                owner: owners[index % 2], limit: 999)
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(opened.filter { $0?.isNew == true }.count == 1)
                #expect(Set(opened.map { $0?.session.id }).count == 1)
                #expect(Set(opened.map { $0?.session.sandboxID }).count == 1)
            }
        }
    }

    /// An opening that began before the flip's commit waits for it and then reads the new version.
    @Test func anOpeningWaitsForAFlipInProgress() async throws {
        try await withTwoStores { control, data in
            let made = try await control.testRuntime(c)
            _ = try await control.testVersion(c, of: made.runtime)
            let owner = try await data.replicaRegister(c, id: "replica", host: "host")
            let requested = try await control.transaction(c) {
                try await control.endpointTarget(c, in: $0, endpoint: made.endpoint.id, version: 2)
            }
            let target = try #require(requested)
            let opening = Mutex<Task<SessionOpening?, any Error>?>(nil)
            try await control.transaction(c) { tx in
                _ = try await control.endpointFlip(c, in: tx, endpoint: made.endpoint.id, generation: target.generation)
                let task = Task {
                    try await data.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s", sandboxID: "b", owner: owner, limit: 9)
                }
                opening.withLock { $0 = task }
                try await Self.waitForAdvisoryWaiter(control)
            }
            let session = try await opening.withLock { $0 }?.value
            #expect(session?.isNew == true)
            #expect(session?.session.version == 2)
            #expect(session?.version.version == 2)
        }
    }

    /// A flip waits for openings in progress, so that whoever reads READY knows all old sessions.
    @Test func aFlipWaitsForOpeningsInProgress() async throws {
        try await withTwoStores { control, data in
            let made = try await control.testRuntime(c)
            _ = try await control.testVersion(c, of: made.runtime)
            let owner = try await data.replicaRegister(c, id: "replica", host: "host")
            let requested = try await control.transaction(c) {
                try await control.endpointTarget(c, in: $0, endpoint: made.endpoint.id, version: 2)
            }
            let target = try #require(requested)
            let flip = Mutex<Task<Int, any Error>?>(nil)
            try await data.transaction(c) { tx in
                let opened = try await tx.query(
                    "select outcome from session_open($1, 's', 'b', $2, $3, 9)",
                    [.int(made.endpoint.id), .text(owner.id), .int(owner.epoch)])
                #expect(try opened.first?.text("outcome") == "opened")
                let task = Task {
                    try await control.transaction(c) { tx in
                        _ = try await control.endpointFlip(c, in: tx, endpoint: made.endpoint.id, generation: target.generation)
                        return try await control.sessionRequestStop(c, in: tx, endpoint: made.endpoint.id, version: 1)
                    }
                }
                flip.withLock { $0 = task }
                try await Self.waitForAdvisoryWaiter(data)
                #expect(try await data.endpointFetch(c, id: made.endpoint.id)?.liveVersion == 1)
            }
            #expect(try await flip.withLock { $0 }?.value == 1, "the rollback missed the session")
        }
    }

    /// A control plane stopped in mid-transaction must not hold up everybody on the shared connection.
    @Test func anOpeningGivesUpOnAFenceThatStays() async throws {
        try await withTwoStores { control, data in
            let made = try await control.testRuntime(c)
            let owner = try await data.replicaRegister(c, id: "replica", host: "host")
            try await control.transaction(c) { tx in
                try await control.endpointFence(c, in: tx, endpoint: made.endpoint.id)
                await #expect {
                    try await data.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s", sandboxID: "b", owner: owner, limit: 9)
                } throws: { error in
                    guard case .unavailable = (error as? SignalboxError)?.kind else { return false }
                    return true
                }
            }
            #expect(
                try await data.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s", sandboxID: "b", owner: owner, limit: 9)?.isNew
                    == true)
        }
    }

    /// Batches of activity and stop requests meet on the same rows.
    @Test func activityAndStopsDoNotDeadlock() async throws {
        try await withTwoStores { first, second in
            let made = try await first.testRuntime(c)
            let owner = try await first.replicaRegister(c, id: "replica", host: "host")
            var ids: [Int64] = []
            for index in 0..<40 {
                let opening = try await first.sessionOpen(
                    c, endpoint: made.endpoint.id, sessionID: "s\(index)", sandboxID: "b\(index)", owner: owner, limit: 99)
                ids.append(try #require(opening).session.id)
            }
            let sessions = ids
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { for _ in 0..<20 { try await first.sessionTouch(c, sessions.shuffled().map { ($0, 1) }) } }
                }
                group.addTask {
                    for _ in 0..<20 {
                        _ = try await second.transaction(c) {
                            try await second.sessionRequestStop(c, in: $0, endpoint: made.endpoint.id, version: 1)
                        }
                        try await second.postgres.query("update session set stop_requested_at = null where id = $1", [.int(sessions[0])])
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    private static func waitForAdvisoryWaiter(_ store: Store) async throws {
        try await eventually("somebody waits for the fence") {
            let waiting = try await store.postgres.query(
                """
                select count(*) from pg_locks where locktype = 'advisory' and not granted
                    and database = (select oid from pg_database where datname = current_database())
                """)
            return try waiting.first?.int("count") == 1
        }
    }

    /// Promise 4 under load: two replicas open sessions while a third connection flips to and fro.
    @Test func noSessionOpenedAfterReadyWasReadIsOnAnotherVersion() async throws {
        try await TestDatabase.with(.store) { database in
            try await database.withClient { controlClient in
                try await database.withClient { dataClient in
                    let control = Store(postgres: controlClient, secrets: try .test())
                    let data = Store(postgres: dataClient, secrets: try .test())
                    let made = try await control.testRuntime(c)
                    _ = try await control.testVersion(c, of: made.runtime)
                    let owner = try await data.replicaRegister(c, id: "replica", host: "host")
                    let endpoint = made.endpoint.id
                    let run = FenceRun()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for worker in 0..<6 {
                            group.addTask {
                                var number = 0
                                while !run.done.load(ordering: .acquiring) {
                                    number += 1
                                    let before = run.ready.withLock { $0 }
                                    let opened = try await data.sessionOpen(
                                        c, endpoint: endpoint, sessionID: "s\(worker)-\(number)", sandboxID: "b\(worker)-\(number)",
                                        owner: owner, limit: 1_000_000)
                                    let after = run.ready.withLock { $0 }
                                    if before.isSettled, after.isSettled, before.flips == after.flips {
                                        #expect(opened?.session.version == before.version)
                                        #expect(opened?.version.version == before.version)
                                        run.checked.wrappingAdd(1, ordering: .relaxed)
                                    }
                                }
                            }
                        }
                        group.addTask {
                            defer { run.done.store(true, ordering: .releasing) }
                            for flip in 1...60 {
                                let version = flip % 2 + 1
                                let goal = run.checked.load(ordering: .relaxed) + 5
                                run.ready.withLock { $0.isSettled = false }
                                try await control.testFlip(c, endpoint: endpoint, to: version)
                                let now = try await control.endpointFetch(c, id: endpoint)
                                #expect(now?.status == .ready && now?.liveVersion == version)
                                run.ready.withLock { $0 = (version, flip, true) }
                                try await eventually("sessions opened after the flip") { run.checked.load(ordering: .relaxed) >= goal }
                            }
                        }
                        try await group.waitForAll()
                    }
                    #expect(run.checked.load(ordering: .relaxed) >= 300)
                }
            }
        }
    }

    @Test func activityIsWrittenTogetherAndNeverMovesBack() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let owner = try await store.replicaRegister(c, id: "replica", host: "host")
            var ids: [Int64] = []
            for index in 0..<2 {
                let opening = try await store.sessionOpen(
                    c, endpoint: made.endpoint.id, sessionID: "s\(index)", sandboxID: "b\(index)", owner: owner, limit: 9)
                ids.append(try #require(opening).session.id)
            }
            try await store.postgres.query(
                "update session set last_active_at = now() - interval '1 hour', started_at = now() - interval '2 hours'")
            try await store.sessionTouch(c, [(ids[0], 10), (ids[1], 7200)])
            try await store.sessionTouch(c, [])
            let owned = try await store.sessionListOwned(c, replica: owner.id)
            #expect(owned.map(\.session.id) == ids)
            #expect(abs(owned[0].session.idleSeconds - 10) < 5)
            #expect(abs(owned[1].session.idleSeconds - 3600) < 5)
            #expect(abs(owned[0].session.ageSeconds - 7200) < 5)
            #expect(owned.allSatisfy { $0.version.version == 1 && !$0.isNew })
        }
    }

    @Test func stopsAreAskedForOnceAndHeardByTheOwner() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let owner = try await store.replicaRegister(c, id: "replica-1", host: "host")
            for id in ["s", "t"] {
                _ = try await store.sessionOpen(c, endpoint: made.endpoint.id, sessionID: id, sandboxID: "b" + id, owner: owner, limit: 9)
            }
            let heard = Heard(store, Channels.session)
            defer { heard.stop() }
            try await heard.ready()
            #expect(try await store.sessionRequestStop(c, endpoint: made.endpoint.id, sessionID: "s"))
            try await heard.expect("replica-1")
            #expect(try await !store.sessionRequestStop(c, endpoint: made.endpoint.id, sessionID: "unknown"))
            #expect(try await store.sessionListStopRequested(c, owner: owner).map(\.sessionID) == ["s"])
            #expect(
                try await store.transaction(c) { try await store.sessionRequestStop(c, in: $0, endpoint: made.endpoint.id, version: 2) }
                    == 0)
            #expect(
                try await store.transaction(c) { try await store.sessionRequestStop(c, in: $0, runtime: made.runtime.id, reason: .deleted) }
                    == 1)
            try await heard.expect("replica-1")
            #expect(try await store.sessionListStopRequested(c, owner: owner).map(\.stopReason) == ["stopped", "deleted"])
            #expect(try await store.sessionCount(c, runtime: made.runtime.id) == 2)
            #expect(try await store.sessionCount(c, endpoint: made.endpoint.id, version: 1) == 2)
            #expect(try await store.sessionCount(c, endpoint: made.endpoint.id, version: 2) == 0)
            #expect(try await store.sessionEndAll(c, replica: owner.id, reason: SessionEnd.lost.code) == 2)
            #expect(try await store.sessionCount(c, runtime: made.runtime.id) == 0)
        }
    }

    @Test func epochsRiseAndOldOnesAreOver() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let first = try await store.replicaRegister(c, id: "replica", host: "host")
            let opening = try await store.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s", sandboxID: "b", owner: first, limit: 9)
            let session = try #require(opening).session
            let second = try await store.replicaRegister(c, id: "replica", host: "host")
            #expect((first.epoch, second.epoch) == (1, 2))
            try await store.replicaHeartbeat(c, second)
            await #expect(throws: SignalboxError.self) { try await store.replicaHeartbeat(c, first) }
            try await store.sessionAdopt(c, session: session.id, owner: second)
            #expect(try await store.sessionFetch(c, endpoint: made.endpoint.id, sessionID: "s")?.owner == second)
            await #expect(throws: SignalboxError.self) { try await store.sessionAdopt(c, session: session.id, owner: first) }
            await #expect(throws: SignalboxError.self) { try await store.sessionAdopt(c, session: 12_345, owner: second) }
            let replicas = try await store.replicaList(c)
            #expect(replicas.map(\.identity) == [second])
        }
    }
}

/// What the workers of the fence test share.
private final class FenceRun: Sendable {
    /// What was read as READY, and how often it flipped: an opening that saw no flip must match.
    let ready = Mutex((version: 1, flips: 0, isSettled: true))
    let done = Atomic<Bool>(false)
    let checked = Atomic<Int>(0)
}
