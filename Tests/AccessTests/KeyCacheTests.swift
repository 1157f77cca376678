import Platform
import Store
import TestSupport
import Testing

@testable import Access

/// What is remembered of keys, for how long, and how much of it.
struct KeyCacheTests {
    private func isUnavailable(_ kind: SignalboxError.Kind?) -> Bool {
        if case .unavailable = kind { true } else { false }
    }

    @Test func keyPastItsTimeAnswersWhileItIsReadAgain() async throws {
        let desk = Desk()
        try await desk.authenticate()
        desk.clock.advance(by: .seconds(59))
        try desk.cached()
        #expect(desk.keys.fetches.count == 1)
        desk.keys.put(.test(role: .viewer))
        desk.keys.hold()
        desk.clock.advance(by: .seconds(2))
        for _ in 0..<10 { #expect(try desk.cached()?.principal.role == .admin) }
        try await eventually { desk.keys.heldCount == 1 }
        #expect(desk.keys.fetches.count == 2, "one refresh for all of them")
        desk.keys.release()
        try await eventually { try desk.cached()?.principal.role == .viewer }
    }

    @Test func rotatedSecretReplacesTheOld() async throws {
        let desk = Desk()
        try await desk.listening {
            try await desk.authenticate()
            desk.keys.put(.test(secret: "new"))
            desk.keys.notify(.changed(keyID: "AKIATEST"))
            try await eventually { desk.authenticator.cache.counts.keys == 0 }
            #expect(await desk.refusal() == .invalidSignature)
            #expect(await desk.refusal(Signed(secret: "new")) == nil)
        }
    }

    @Test func disablingTakesEffectAtTheNotice() async throws {
        let desk = Desk()
        try await desk.listening {
            try await desk.authenticate()
            desk.keys.put(.test(disabled: true))
            desk.keys.notify(.changed(keyID: "AKIATEST"))
            try await eventually { await desk.refusal() == .unrecognizedClient }
        }
    }

    @Test func noticeOutdatesAnAnswerOnItsWay() async throws {
        let desk = Desk()
        desk.keys.hold()
        let waiting = Task { await desk.refusal() }
        try await eventually { desk.keys.heldCount == 1 }
        desk.keys.put(.test(disabled: true))
        desk.authenticator.cache.forget("AKIATEST")
        desk.keys.release()
        #expect(await waiting.value == .unrecognizedClient)
        #expect(desk.keys.fetches == ["AKIATEST", "AKIATEST"])
    }

    @Test func afterMissedNoticesEveryKeyIsReadAgain() async throws {
        let desk = Desk(FakeKeys(.test(), .test("AKIASECOND")))
        try await desk.listening {
            try await desk.authenticate()
            try await desk.authenticate(Signed(key: "AKIASECOND"))
            #expect(await desk.refusal(Signed(key: "AKIATHIRD")) == .unrecognizedClient)
            desk.keys.put(.test(disabled: true))
            desk.keys.remove("AKIASECOND")
            desk.keys.put(.test("AKIATHIRD"))
            desk.keys.notify(.resynchronise)
            for key in ["AKIATEST", "AKIASECOND"] {
                try await eventually { await desk.refusal(Signed(key: key)) == .unrecognizedClient }
            }
            #expect(await desk.refusal(Signed(key: "AKIATHIRD")) == nil)
        }
    }

    @Test func knownKeysStayGoodWhileTheDatabaseIsAway() async throws {
        let desk = Desk()
        try await desk.listening {
            try await desk.authenticate()
            desk.keys.setAway(true)
            for round in 1...3 {
                desk.clock.advance(by: .seconds(3600))
                try desk.cached()
                try await eventually { desk.keys.fetches.count == 1 + round && desk.authenticator.cache.counts.lookups == 0 }
            }
            // Not once for every request.
            for _ in 0..<100 { try desk.cached() }
            #expect(desk.keys.fetches.count == 4)
            desk.keys.notify(.resynchronise)
            try await eventually { desk.keys.fetches.count == 5 && desk.authenticator.cache.counts.lookups == 0 }
            #expect(await desk.refusal() == nil)
            #expect(isUnavailable(await desk.refusal(Signed(key: "AKIASTRANGER"))))
            // Nothing is concluded from that.
            desk.keys.put(.test("AKIASTRANGER"))
            desk.keys.setAway(false)
            #expect(await desk.refusal(Signed(key: "AKIASTRANGER")) == nil)
        }
    }

    @Test func unknownIdIsAskedForOnceInAWhile() async throws {
        let desk = Desk(FakeKeys())
        for _ in 0..<10 { #expect(await desk.refusal() == .unrecognizedClient) }
        #expect(throws: SignalboxError.self) { try desk.cached() }
        #expect(desk.keys.fetches.count == 1)
        desk.keys.put(.test())
        desk.clock.advance(by: .seconds(3))
        #expect(await desk.refusal() == nil)
        #expect(desk.authenticator.cache.counts.unknown == 0)
    }

    @Test func oneQuestionForManyWhoWait() async throws {
        let desk = Desk()
        desk.keys.hold()
        let waiting = (0..<20).map { _ in Task { await desk.refusal() } }
        try await eventually { desk.keys.heldCount == 1 }
        desk.keys.release()
        for task in waiting { #expect(await task.value == nil) }
        #expect(desk.keys.fetches.count == 1)
    }

    @Test func strangersFillNeitherMemoryNorDatabase() async throws {
        let desk = Desk { limits in
            limits.unknown = 10
            limits.keys = 5
            limits.lookups = 4
        }
        for number in 0..<100 {
            #expect(await desk.refusal(Signed(key: "STRANGER\(number)")) == .unrecognizedClient)
            #expect(desk.authenticator.cache.counts.unknown <= 10)
        }
        for number in 0..<20 {
            desk.keys.put(.test("KEY\(number)"))
            #expect(await desk.refusal(Signed(key: "KEY\(number)")) == nil)
        }
        #expect(desk.authenticator.cache.counts.keys == 5)
        desk.keys.hold()
        let waiting = (0..<4).map { number in Task { await desk.refusal(Signed(key: "WAITING\(number)")) } }
        try await eventually { desk.keys.heldCount == 4 }
        #expect(await desk.refusal(Signed(key: "ONEMORE")) == .throttled(retryAfterSeconds: 1))
        desk.keys.release()
        for task in waiting { #expect(await task.value == .unrecognizedClient) }
        #expect(await desk.refusal(Signed(key: "ONEMORE")) == .unrecognizedClient)
        #expect(desk.authenticator.cache.counts.lookups == 0)
    }
}
