import AgentCoreModel
import Platform
import Store
import TestSupport
import Testing

@testable import ControlPlane

struct ReconcilerTests {
    @Test func aSuccessorGoesOnWithWhatAKilledServerHeld() async throws {
        try await Fixture.with(reconciling: false) { box in
            let id = try await box.plane.createAgentRuntime(box.c, box.request()).agentRuntimeId
            // What a killed server leaves: a claim with a lease that has long to run.
            let held = try await box.store.workClaim(
                box.c, kinds: ["prepare-version"], holder: box.replica.id, lease: .seconds(600))
            let item = try #require(held.first)
            let settled = try await box.reconciling { try await box.settled(id) }
            #expect(settled.status == .ready)
            // Its late write is refused.
            let late = PrepareVersion(store: box.store, preparer: box.preparer)
            let version = try await box.store.transaction(box.c) { tx in
                let runtime = try await box.store.runtimeFetchForUpdate(box.c, in: tx, runtimeID: id)
                return try await box.store.versionFetch(box.c, in: tx, runtime: runtime?.id ?? 0)
            }
            let subject = try #require(version?.id)
            #expect(try await late.reconcile(box.c, item, subject: subject) == .done)
            await #expect(throws: LeaseLost.self) { try await box.store.workComplete(box.c, item) }
        }
    }

    @Test func aHolderThatLostItsLeaseChangesNothing() async throws {
        try await Fixture.with(reconciling: false) { box in
            let id = try await box.plane.createAgentRuntime(box.c, box.request()).agentRuntimeId
            let claimed = try await box.store.workClaim(box.c, kinds: ["prepare-version"], holder: "slow", lease: .seconds(600))
            let item = try #require(claimed.first)
            try await box.store.workReleaseAll(box.c, holder: "slow")
            let subject = try #require(Int64(item.subject))
            await #expect(throws: LeaseLost.self) {
                _ = try await PrepareVersion(store: box.store, preparer: box.preparer).reconcile(box.c, item, subject: subject)
            }
            #expect(try await box.runtime(id).status == .creating)
            #expect(try await box.endpoint(id).liveVersion == nil)
        }
    }

    @Test func twoReplicasPrepareAVersionOnce() async throws {
        try await Fixture.with { box in
            let other = try await box.store.replicaRegister(box.c, id: Identifier.uuid(), host: "there")
            try await box.reconciling(as: other) {
                for number in 0..<6 { _ = try await box.plane.createAgentRuntime(box.c, box.request("agent\(number)")) }
                try await eventually("all are ready") {
                    try await box.plane.listAgentRuntimes(box.c, ListAgentRuntimesRequest()).agentRuntimes.allSatisfy {
                        $0.status == .ready
                    }
                }
            }
            #expect(box.preparer.probes.count == 6)
        }
    }

    @Test func whatNeverPassesEndsAsAFailure() async throws {
        try await Fixture.with(reconciling: false) { box in
            box.preparer.away(1, times: .max)
            let id = try await box.plane.createAgentRuntime(box.c, box.request()).agentRuntimeId
            let reconciler = PrepareVersion(store: box.store, preparer: box.preparer)
            for attempt in 1...WorkItem.patience {
                let claimed = try await box.store.workClaim(
                    box.c, kinds: ["prepare-version"], holder: box.replica.id, lease: .seconds(60))
                let item = try #require(claimed.first)
                let subject = try #require(Int64(item.subject))
                guard attempt == WorkItem.patience else {
                    await #expect(throws: SignalboxError.self) { _ = try await reconciler.reconcile(box.c, item, subject: subject) }
                    try await box.store.workFail(box.c, item, error: "away", retryAfter: .zero)
                    continue
                }
                guard case .committed(let transition, let seconds) = try await reconciler.reconcile(box.c, item, subject: subject) else {
                    Issue.record("nothing was committed")
                    continue
                }
                #expect(transition == Transition(.createRuntime, .failed) && seconds > 0 && seconds < 600)
            }
            let failed = try await box.runtime(id)
            #expect(failed.status == .createFailed)
            #expect(failed.failureReason?.hasSuffix("No supervisor answers.") == true)
        }
    }

    @Test func theAuditTrailIsKeptForAWhile() async throws {
        try await Fixture.with { box in
            let filter = AuditFilter(operation: "Old")
            func entries() async throws -> Int { try await box.store.auditList(box.c, filter: filter, page: PageRequest()).items.count }
            for days in [1, 3, 9] {
                _ = try await box.store.postgres.query(
                    """
                    insert into audit (at, account, region, resource, operation, outcome, actor, request_id)
                    values (now() - $3 * interval '1 day', $1, $2, 'x', 'Old', 'ok', 'k', 'q')
                    """, [.text(box.c.account), .text(box.c.region), .int(days)])
            }
            for (retention, left) in [(nil, 3), (.seconds(5 * 86_400), 2), (.seconds(2 * 86_400), 1)] as [(Duration?, Int)] {
                let housekeeping = Housekeeping(
                    store: box.store, identity: box.replica, auditRetention: retention, clock: SystemTime(), logger: TestLog.logger)
                _ = try await housekeeping.look(after: [])
                #expect(try await entries() == left)
            }
        }
    }

    @Test func onlyAReplicaSilentTwiceIsBuried() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let lost = try await box.store.replicaRegister(box.c, id: Identifier.uuid(), host: "there")
            let key = RouteKey(account: box.c.account, region: box.c.region, runtimeID: id, endpointName: "DEFAULT")
            let route = try #require(try await box.store.routeFetch(box.c, key: key))
            _ = try await box.store.sessionOpen(
                box.c, endpoint: route.endpoint, sessionID: "lost", sandboxID: Identifier.uuid(), owner: lost, limit: 10)
            _ = try await box.session(id, "DEFAULT", "kept")
            try await box.store.postgres.query(
                "update replica set heartbeat_at = now() - interval '1 hour'", [], deadline: nil)
            let housekeeping = Housekeeping(store: box.store, identity: box.replica, clock: SystemTime(), logger: TestLog.logger)
            let suspects = try await housekeeping.look(after: [])
            #expect(suspects == [lost])
            #expect(try await box.store.sessionCount(box.c, endpoint: route.endpoint) == 2)
            _ = try await housekeeping.look(after: suspects)
            #expect(try await box.store.sessionCount(box.c, endpoint: route.endpoint) == 1)
        }
    }

    @Test func aWakeIsKeptAndATimerEndsTheWait() async {
        let signal = WakeSignal()
        let clock = ManualTime()
        signal.wake()
        #expect(await signal.wait(atMost: .seconds(60), clock: clock))
        async let waiting = signal.wait(atMost: .seconds(60), clock: clock)
        while clock.sleeperCount == 0 { await Task.yield() }
        clock.advance(by: .seconds(61))
        #expect(await !waiting)
        let cancelled = Task { await signal.wait(atMost: .seconds(3600), clock: ManualTime()) }
        cancelled.cancel()
        #expect(await !cancelled.value)
    }
}
