import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct WorkTests {
    private let c = OperationContext.test()
    private let kinds = ["endpoint"]

    @Test func enqueueingCoalesces() async throws {
        try await withStore { store in
            let heard = Heard(store, Channels.work)
            defer { heard.stop() }
            try await heard.ready()
            try await store.workEnqueue(c, kind: "endpoint", subject: "1", after: .seconds(60))
            try await heard.expect("endpoint")
            #expect(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(10)).isEmpty)
            let wait = try #require(try await store.workNextDue(c, kinds: kinds))
            #expect(wait > .seconds(50) && wait <= .seconds(60))
            for _ in 0..<3 { try await store.workEnqueue(c, kind: "endpoint", subject: "1") }
            try await heard.expect("endpoint")
            #expect(try await store.workCount(c, kinds: kinds) == 1)
            #expect(try await store.workNextDue(c, kinds: kinds) == .zero)
            #expect(try await store.workNextDue(c, kinds: ["other"]) == nil)
            #expect(try await store.workClaim(c, kinds: ["other"], holder: "a", lease: .seconds(10), limit: 9).isEmpty)
            #expect(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(10), limit: 9).map(\.subject) == ["1"])
            #expect(try await store.workClaim(c, kinds: kinds, holder: "b", lease: .seconds(10), limit: 9).isEmpty)
        }
    }

    @Test func anAttemptThatSaysNothingIsForgotten() async throws {
        try await withStore { store in
            try await store.workEnqueue(c, kind: "endpoint", subject: "1")
            for (counts, attempts) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
                let item = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
                #expect(item.attempts == attempts)
                try await store.workFail(c, item, error: "no", retryAfter: .zero, counts: counts)
            }
        }
        #expect(Store.isTrouble(Store.translated(PostgresError(.away, "gone"))))
        #expect(!Store.isTrouble(SignalboxError.unavailable("No supervisor answers.")))
    }

    @Test func whatWasClaimedWithoutAnAnswerIsTakenBack() async throws {
        try await withStore { store in
            for subject in ["1", "2"] { try await store.workEnqueue(c, kind: "endpoint", subject: subject) }
            let known = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
            // As if the connection had broken after the commit.
            let lost = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
            let inHand = [known.fencingToken]
            #expect(try await store.workClaim(c, kinds: kinds, holder: "b", lease: .seconds(60), limit: 9, inHand: []).isEmpty)
            let again = try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60), limit: 9, inHand: inHand)
            #expect(again.map(\.id) == [lost.id])
            await #expect(throws: LeaseLost.self) { try await store.workComplete(c, lost) }
        }
    }

    @Test func aPieceAskedForWhileItIsDoneIsDoneAgain() async throws {
        try await withStore { store in
            try await store.workEnqueue(c, kind: "endpoint", subject: "1")
            let first = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
            try await store.workEnqueue(c, kind: "endpoint", subject: "1")
            // Held: not claimable before it is completed.
            #expect(try await store.workClaim(c, kinds: kinds, holder: "b", lease: .seconds(60)).isEmpty)
            try await store.workComplete(c, first)
            let second = try #require(try await store.workClaim(c, kinds: kinds, holder: "b", lease: .seconds(60)).first)
            #expect(second.id == first.id)
            #expect(second.fencingToken > first.fencingToken)
            #expect(second.attempts == 1)
            try await store.workComplete(c, second)
            #expect(try await store.workCount(c, kinds: kinds) == 0)
        }
    }

    @Test func failuresBackOffAndKeepTheirReason() async throws {
        try await withStore { store in
            try await store.workEnqueue(c, kind: "endpoint", subject: "1")
            let item = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
            try await store.workFail(c, item, error: "no space", retryAfter: .seconds(30))
            #expect(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).isEmpty)
            let wait = try #require(try await store.workNextDue(c, kinds: kinds))
            #expect(wait > .seconds(20) && wait <= .seconds(30))
            await #expect(throws: LeaseLost.self) { try await store.workComplete(c, item) }
            // A new wish does not wait for the back-off.
            try await store.workEnqueue(c, kind: "endpoint", subject: "1")
            let again = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
            #expect(again.lastError == "no space")
            // Asked for again meanwhile: due at once.
            try await store.workEnqueue(c, kind: "endpoint", subject: "1")
            try await store.workFail(c, again, error: "again", retryAfter: .seconds(30))
            let third = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
            try await store.workFail(c, third, error: "third", retryAfter: .zero)
            let fourth = try #require(try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(60)).first)
            #expect(fourth.attempts == third.attempts + 1)
        }
    }

    @Test func backOffDoublesToAMinute() throws {
        var item = WorkItem.sample
        let delays = (1...12).map { attempt in
            item.attempts = attempt
            return item.backOff
        }
        #expect(delays.prefix(4) == [.milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2)])
        #expect(delays.last == .seconds(60))
        #expect(delays == delays.sorted())
    }

    @Test func aHolderWhoseLeaseEndedIsFencedOff() async throws {
        try await withTwoStores { first, second in
            try await first.workEnqueue(c, kind: "endpoint", subject: "1")
            let late = try #require(try await first.workClaim(c, kinds: kinds, holder: "a", lease: .milliseconds(1)).first)
            let rival = Rival()
            try await eventually("the lease ends") {
                let claimed = try await second.workClaim(c, kinds: kinds, holder: "b", lease: .seconds(60)).first
                await rival.set(claimed)
                return claimed != nil
            }
            let item = try #require(await rival.item)
            #expect(item.fencingToken > late.fencingToken)
            await #expect(throws: LeaseLost.self) { try await first.workRenew(c, late, lease: .seconds(60)) }
            await #expect(throws: LeaseLost.self) { try await first.workComplete(c, late) }
            await #expect(throws: LeaseLost.self) { try await first.workFail(c, late, error: "e", retryAfter: .zero) }
            // The late writer's transaction changes nothing.
            await #expect(throws: LeaseLost.self) {
                try await first.transaction(c) { tx in
                    try await tx.query("insert into account (number) values ('000000000000')")
                    try await first.workFence(c, in: tx, late)
                }
            }
            #expect(try await first.accountList(c).count == 2)
            try await second.workRenew(c, item, lease: .seconds(60))
            try await second.transaction(c) { tx in
                try await second.workFence(c, in: tx, item)
                try await second.workComplete(c, in: tx, item)
            }
            #expect(try await second.workCount(c, kinds: kinds) == 0)
        }
    }

    private actor Rival {
        var item: WorkItem?
        func set(_ item: WorkItem?) { self.item = item }
    }

    @Test func aRestartFreesWhatTheHolderHeld() async throws {
        try await withStore { store in
            for subject in ["1", "2", "3"] { try await store.workEnqueue(c, kind: "endpoint", subject: subject) }
            let old = try await store.workClaim(c, kinds: kinds, holder: "a", lease: .seconds(600), limit: 2)
            _ = try await store.workClaim(c, kinds: kinds, holder: "b", lease: .seconds(600), limit: 1)
            #expect(try await store.workReleaseAll(c, holder: "a") == 2)
            for item in old { await #expect(throws: LeaseLost.self) { try await store.workComplete(c, item) } }
            #expect(try await store.workClaim(c, kinds: kinds, holder: "c", lease: .seconds(600), limit: 9).count == 2)
        }
    }

    @Test func rivalsNeverHoldTheSamePiece() async throws {
        try await withTwoStores { first, second in
            for subject in 0..<60 { try await first.workEnqueue(c, kind: "endpoint", subject: "\(subject)") }
            let done = try await withThrowingTaskGroup(of: [WorkItem].self) { group in
                for worker in 0..<6 {
                    group.addTask {
                        let store = worker % 2 == 0 ? first : second
                        var mine: [WorkItem] = []
                        while true {
                            let items = try await store.workClaim(c, kinds: kinds, holder: "w\(worker)", lease: .seconds(60), limit: 2)
                            if items.isEmpty {
                                // Others may hold the rest, but nothing is left to claim.
                                return mine
                            }
                            for item in items { try await store.workComplete(c, item) }
                            mine += items
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(done.count == 60)
            #expect(Set(done.map(\.subject)).count == 60)
            #expect(Set(done.map(\.fencingToken)).count == 60)
        }
    }
}

extension WorkItem {
    fileprivate static var sample: WorkItem {
        WorkItem(id: 1, kind: "k", subject: "s", holder: "h", fencingToken: 1, attempts: 1, lastError: nil)
    }
}
