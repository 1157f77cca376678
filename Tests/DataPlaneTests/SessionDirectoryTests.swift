import Lifecycle
import Logging
import Platform
import Store
import TestSupport
import Testing

@testable import DataPlane

@Suite struct SessionDirectoryTests {
    struct Fixture {
        let store = FakeStore(endpoints: ["DEFAULT", "prod"])
        let host: FakeHost
        let time = ManualTime()
        let directory: SessionDirectory
        let context: OperationContext
        let identity = ReplicaIdentity(id: "replica-1", epoch: 2)

        init(limits: SessionLimits = SessionLimits(), limit: Int = 100, pingPath: String? = "/ping") {
            host = FakeHost(port: 1, contract: AgentProfile(pingPath: pingPath, limits: limits))
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            directory = SessionDirectory(store: store, host: host, identity: identity, sessionLimit: limit, clock: time, logger: logger)
            context = OperationContext(
                principal: Principal(account: FakeStore.account, accessKeyID: "AKID", role: .invoker), region: FakeStore.region,
                requestID: "r", logger: logger, clock: time)
        }

        var route: Route { store.state.withLock { $0.routes[1]! } }

        func acquire(_ id: String = sessionA) async throws -> Session {
            try await directory.acquire(context, route: route, sessionID: id)!
        }

        /// Lets a timer fire only once somebody sleeps on it.
        func advance(_ duration: Duration) async throws {
            try await eventually("a timer") { time.sleeperCount > 0 }
            time.advance(by: duration)
        }
    }

    @Test func concurrentFirstUsesStartOneSandbox() async throws {
        let fixture = Fixture()
        fixture.host.hold(\.startGate)
        async let sessions = withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await fixture.acquire().sandboxID } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        defer { fixture.host.open(\.startGate) }
        try await eventually("the start") { fixture.host.waiting(\.startGate) == 1 }
        fixture.host.open(\.startGate)
        #expect(try await sessions.count == 1)
        #expect(fixture.host.started.count == 1)
        #expect(fixture.store.opens == 1)
        #expect(fixture.directory.acquireReady(endpoint: 1, sessionID: sessionA)?.inFlight == 51)
        #expect(fixture.directory.acquireReady(endpoint: 2, sessionID: sessionA) == nil)
    }

    @Test func aSessionWhoseInsertionWasNotAnsweredIsEnded() async throws {
        let fixture = Fixture()
        let known = try await fixture.acquire("session-that-is-known-and-has-thirty-three-characters")
        fixture.store.state.withLock { $0.losesAnswers = true }
        await #expect(throws: SignalboxError.self) { _ = try await fixture.acquire() }
        fixture.store.state.withLock { $0.losesAnswers = false }
        #expect(fixture.store.live.count == 2)
        try await fixture.directory.endStrays(fixture.context)
        #expect(fixture.store.live.map(\.sandboxID) == [known.sandboxID])
        // A statement may take effect late: looked for once more.
        fixture.store.insert(sessionID: "late", sandboxID: "late", owner: fixture.identity)
        fixture.time.advance(by: SessionDirectory.strayPatience)
        try await fixture.directory.endStrays(fixture.context)
        #expect(fixture.store.live.map(\.sandboxID) == [known.sandboxID])
        // Then nothing is asked any more: adoption is what looks after other rows.
        fixture.store.insert(sessionID: "later", sandboxID: "later", owner: fixture.identity)
        try await fixture.directory.endStrays(fixture.context)
        #expect(fixture.store.live.count == 2)
    }

    @Test func sessionsThatOthersEndedWhileWeWereSilentEnd() async throws {
        let fixture = Fixture()
        let ended = try await fixture.acquire()
        let kept = try await fixture.acquire("session-that-is-kept-and-has-thirty-three-characters")
        try await fixture.directory.heartbeat(fixture.context)
        try await fixture.store.sessionEnd(fixture.context, session: ended.row, reason: "lost")
        // Heard of in time: nobody can have ended it, so nothing is asked.
        try await fixture.directory.heartbeat(fixture.context)
        #expect(fixture.directory.count == 2)
        fixture.time.advance(by: SessionDirectory.silence + .seconds(1))
        try await fixture.directory.heartbeat(fixture.context)
        try await eventually("its sandbox is stopped") { fixture.directory.count == 1 }
        #expect(fixture.directory.acquireReady(endpoint: 1, sessionID: kept.key.sessionID) != nil)
    }

    @Test func failedStartTellsEveryCallerAndTheNextCallTriesAgain() async throws {
        let fixture = Fixture()
        fixture.host.state.withLock { $0.startError = .agentFailed("the agent exited with code 3") }
        fixture.host.hold(\.startGate)
        async let outcomes = withTaskGroup(of: String.self) { group in
            for _ in 0..<5 {
                group.addTask {
                    do {
                        _ = try await fixture.acquire()
                        return "started"
                    } catch let error as SignalboxError {
                        return "\(error.kind): \(error.message)"
                    } catch { return "\(error)" }
                }
            }
            return await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        defer { fixture.host.open(\.startGate) }
        try await eventually("the callers") { fixture.host.waiting(\.startGate) == 1 }
        fixture.host.open(\.startGate)
        #expect(await outcomes == ["agentFailed: the agent exited with code 3"])
        try await eventually("the row's end") { fixture.store.live.isEmpty }
        #expect(fixture.store.ended.values.sorted() == ["startFailed"])
        fixture.host.state.withLock { $0.startError = nil }
        _ = try await fixture.acquire()
        #expect(fixture.store.live.count == 1)
    }

    /// Promise 5 and decision 6: pinned while it lives, the live version afterwards.
    @Test func sessionKeepsItsVersionAndTheNextIncarnationTakesTheLiveOne() async throws {
        let fixture = Fixture()
        let first = try await fixture.acquire()
        fixture.store.put(endpoint: 1, name: "DEFAULT", version: 2)
        #expect(try await fixture.acquire().version == 1)
        #expect(try await fixture.acquire(sessionB).version == 2)
        try await fixture.directory.stop(fixture.context, endpoint: 1, sessionID: sessionA)
        #expect(fixture.host.stopped.contains(first.sandboxID))
        #expect(try await fixture.acquire().version == 2)
    }

    /// Promise 4: the version comes from the row, not from the route that the caller holds.
    @Test func versionIsReadWhenTheSessionIsMade() async throws {
        let fixture = Fixture()
        let stale = fixture.route
        fixture.store.put(endpoint: 1, name: "DEFAULT", version: 7)
        let session = try await fixture.directory.acquire(fixture.context, route: stale, sessionID: sessionA)
        #expect(session?.version == 7)
    }

    @Test func callDuringTearDownWaitsAndStartsOnTheLiveVersion() async throws {
        let fixture = Fixture()
        let first = try await fixture.acquire()
        fixture.directory.release(first)
        fixture.host.hold(\.stopGate)
        async let stopped: Void = fixture.directory.stop(fixture.context, endpoint: 1, sessionID: sessionA)
        defer { fixture.host.open(\.stopGate) }
        try await eventually("the stop") { fixture.host.waiting(\.stopGate) == 1 }
        fixture.store.put(endpoint: 1, name: "DEFAULT", version: 2)
        async let second = fixture.acquire()
        try await Task.sleep(for: .milliseconds(50))
        #expect(fixture.host.started.count == 1, "the old one is not gone yet")
        fixture.host.open(\.stopGate)
        try await stopped
        #expect(try await second.version == 2)
        #expect(fixture.store.ended.values.sorted() == ["stopped"])
    }

    @Test func stoppingTheUnknownIsNotFound() async throws {
        let fixture = Fixture()
        for _ in 0..<2 {
            let error = await #expect(throws: SignalboxError.self) {
                try await fixture.directory.stop(fixture.context, endpoint: 1, sessionID: sessionA)
            }
            #expect(error?.kind == .notFound)
        }
    }

    @Test func stopDuringStartFailsTheWaitersAsRetryable() async throws {
        let fixture = Fixture()
        fixture.host.hold(\.startGate)
        let waiter = Task { try await fixture.acquire() }
        defer { fixture.host.open(\.startGate) }
        try await eventually("the start") { fixture.host.waiting(\.startGate) == 1 }
        try await eventually("memory") { fixture.store.live.count == 1 && fixture.directory.count == 1 }
        try await fixture.directory.stop(fixture.context, endpoint: 1, sessionID: sessionA)
        let error = await #expect(throws: SignalboxError.self) { try await waiter.value }
        #expect(error?.kind == .retryableConflict)
        fixture.host.open(\.startGate)
        // What came up after it was asked to go is stopped again.
        try await eventually("the late sandbox") { fixture.host.running.isEmpty && fixture.host.stopped.count >= 2 }
    }

    @Test func missingEndpointIsNilAndTheLimitIs402() async throws {
        let fixture = Fixture(limit: 1)
        fixture.store.put(endpoint: 1, name: "DEFAULT", version: nil)
        #expect(try await fixture.directory.acquire(fixture.context, route: fixture.route, sessionID: sessionA) == nil)
        fixture.store.put(endpoint: 1, name: "DEFAULT", version: 1)
        _ = try await fixture.acquire()
        let error = await #expect(throws: SignalboxError.self) { try await fixture.acquire(sessionB) }
        #expect(error?.kind == .quotaExceeded)
        #expect(error?.message == "maxVms limit exceeded for account 123456789012")
    }

    @Test func idleSessionEndsAndABusyOneDoesNot() async throws {
        let fixture = Fixture()
        let session = try await fixture.acquire()
        try await fixture.advance(.seconds(901))
        try await eventually("the timer was set anew") { fixture.time.sleeperCount == 1 }
        #expect(session.state == .ready, "a call is in flight")
        #expect(fixture.host.state.withLock { $0.pings } == 0, "nobody pings an agent that works")

        fixture.directory.release(session)
        fixture.host.state.withLock { $0.ping = PingAnswer(isBusy: true) }
        try await fixture.advance(.seconds(901))
        try await eventually("the ping") { fixture.host.state.withLock { $0.pings } == 1 && fixture.time.sleeperCount == 1 }
        #expect(session.state == .ready, "it works in the background")

        fixture.host.state.withLock { $0.ping = PingAnswer(isBusy: false) }
        try await fixture.advance(.seconds(901))
        try await eventually("the end") { fixture.store.ended.values.contains("idle") }
        #expect(fixture.host.running.isEmpty)
        #expect(fixture.directory.count == 0)
    }

    @Test func maximumLifetimeEndsEvenABusySession() async throws {
        let fixture = Fixture(limits: SessionLimits(idle: .seconds(60), lifetime: .seconds(100)))
        _ = try await fixture.acquire()
        try await fixture.advance(.seconds(60))
        try await eventually("the timer was set anew") { fixture.time.sleeperCount == 1 }
        try await fixture.advance(.seconds(41))
        try await eventually("the end") { fixture.store.ended.values.contains("maxLifetime") }
    }

    @Test func exitEndsTheSession() async throws {
        let fixture = Fixture()
        let session = try await fixture.acquire()
        await fixture.directory.handle(.exited(id: session.sandboxID, how: "the agent exited with code 1"))
        try await eventually("the end") { fixture.store.ended.values.contains("agentExited") }
        let next = try await fixture.acquire()
        #expect(next.sandboxID != session.sandboxID)
        fixture.host.state.withLock { $0.sandboxes = [:] }
        await fixture.directory.handle(.resynchronise)
        try await eventually("the second end") { fixture.store.ended.count == 2 }
    }

    @Test func databaseStopRequestsAreCarriedOut() async throws {
        let fixture = Fixture()
        let session = try await fixture.acquire()
        _ = try await fixture.store.sessionRequestStop(fixture.context, endpoint: 1, sessionID: sessionA)
        try await fixture.directory.stopRequested(fixture.context)
        try await eventually("the end") { fixture.store.live.isEmpty }
        #expect(fixture.host.stopped.contains(session.sandboxID))
    }

    @Test func activityIsWrittenOnceInABatch() async throws {
        let fixture = Fixture()
        for index in 0..<3 { fixture.directory.release(try await fixture.acquire("\(sessionA)\(index)")) }
        fixture.time.advance(by: .seconds(3))
        fixture.directory.release(try await fixture.acquire("\(sessionA)0"))
        fixture.time.advance(by: .seconds(2))
        try await fixture.directory.writeActivity(fixture.context)
        let touches = fixture.store.state.withLock { $0.touches }
        #expect(touches.map(\.idleSeconds) == [2])
        try await fixture.directory.writeActivity(fixture.context)
        #expect(fixture.store.state.withLock { $0.touches.count } == 1)
    }

    /// Promise 9.
    @Test func databaseAway() async throws {
        let fixture = Fixture()
        let session = try await fixture.acquire()
        fixture.store.setAway(true)
        #expect(fixture.directory.acquireReady(endpoint: 1, sessionID: sessionA) === session)
        let error = await #expect(throws: SignalboxError.self) { try await fixture.acquire(sessionB) }
        #expect(error?.kind == .unavailable(retryAfterSeconds: 1))
        // It ends while nobody can write that down.
        await fixture.directory.handle(.exited(id: session.sandboxID, how: "it crashed"))
        try await eventually("memory") { fixture.directory.count == 0 }
        fixture.store.setAway(false)
        let next = try await fixture.acquire()
        #expect(next.sandboxID != session.sandboxID)
        #expect(fixture.store.live.count == 1)
        try await fixture.directory.writeActivity(fixture.context)
        #expect(fixture.store.live.count == 1)
    }

    @Test func adoption() async throws {
        let fixture = Fixture()
        let former = ReplicaIdentity(id: "replica-1", epoch: 1)
        let labels = ["replica": "replica-1", "kind": "session"]
        fixture.store.insert(sessionID: sessionA, sandboxID: "lives", owner: former, version: 3, age: 100, idle: 50)
        fixture.store.insert(sessionID: sessionB, sandboxID: "died", owner: former)
        fixture.store.insert(sessionID: sessionA + "2", sandboxID: "asked", owner: former, stopRequested: true)
        for id in ["lives", "asked", "orphan"] { fixture.host.add(HostedSandbox(id: id, labels: labels, isRunning: true)) }
        fixture.host.add(HostedSandbox(id: "foreign", labels: ["replica": "replica-2"], isRunning: true))
        try await fixture.directory.adopt(fixture.context)
        #expect(fixture.host.running == ["lives", "foreign"])
        #expect(fixture.store.live.map(\.owner) == [fixture.identity])
        let session = try await fixture.acquire()
        #expect(session.sandboxID == "lives" && session.version == 3)
        #expect(fixture.host.started.isEmpty)
        fixture.directory.release(session)
        // 50 of the 900 idle seconds had passed, but the call just now began them anew.
        try await fixture.advance(.seconds(901))
        try await eventually("the end") { fixture.store.live.isEmpty }
    }

    @Test func anotherReplicasSessionIsUsedAndNotOwned() async throws {
        let fixture = Fixture()
        let other = ReplicaIdentity(id: "replica-2", epoch: 1)
        fixture.store.insert(sessionID: sessionA, sandboxID: "theirs", owner: other, version: 4)
        fixture.host.add(HostedSandbox(id: "theirs", labels: ["replica": "replica-2"], isRunning: true))
        let session = try await fixture.acquire()
        #expect(session.sandboxID == "theirs" && session.version == 4 && !session.isOwned)
        #expect(fixture.directory.acquireReady(endpoint: 1, sessionID: sessionA) === session)
        fixture.time.advance(by: .seconds(2))
        #expect(fixture.directory.acquireReady(endpoint: 1, sessionID: sessionA) == nil, "looked up again from time to time")
        await fixture.directory.shutdown(keepSandboxes: false)
        #expect(fixture.host.running == ["theirs"])
    }

    @Test func whatALostReplicaLeftIsTakenOver() async throws {
        let fixture = Fixture()
        let other = ReplicaIdentity(id: "replica-2", epoch: 1)
        fixture.store.insert(sessionID: sessionA, sandboxID: "gone", owner: other)
        fixture.store.state.withLock { $0.silence = 100 }
        let session = try await fixture.acquire()
        #expect(session.isOwned)
        #expect(fixture.store.ended.values.sorted() == ["lost"])
    }

    @Test func shutdownEndsAllOrKeepsAll() async throws {
        let keeping = Fixture()
        _ = try await keeping.acquire()
        await keeping.directory.shutdown(keepSandboxes: true)
        #expect(keeping.host.running.count == 1)
        #expect(keeping.store.live.count == 1)

        let ending = Fixture()
        _ = try await ending.acquire()
        _ = try await ending.acquire(sessionB)
        await ending.directory.shutdown(keepSandboxes: false)
        #expect(ending.host.running.isEmpty)
        #expect(ending.store.live.isEmpty)
        let error = await #expect(throws: SignalboxError.self) { try await ending.acquire() }
        #expect(error?.kind == .unavailable(retryAfterSeconds: 1))
    }
}
