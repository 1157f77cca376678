import Testing

@testable import Platform

@Suite struct FailpointTests {
    @Test func parsesActionsAndHits() throws {
        let rules = try Failpoint.parse("update.committed=kill@2; flip.before=stall:0.5;probe.start=error")
        #expect(rules["update.committed"] == .init(action: .kill, onlyHit: 2))
        #expect(rules["flip.before"] == .init(action: .stall(seconds: 0.5)))
        #expect(rules["probe.start"] == .init(action: .error))
    }

    @Test(arguments: ["x", "x=", "x=explode", "x=stall:soon", "x=kill@0", "x=kill@never"])
    func refusesWhatItCannotRead(_ specification: String) {
        #expect(throws: SignalboxError.self) { try Failpoint.parse(specification) }
    }

    @Test func firesOnlyOnItsHit() async throws {
        try Failpoint.configure("platform.test=error@2")
        defer { try? Failpoint.configure("") }
        try await Failpoint.hit("platform.test")
        await #expect(throws: Failpoint.Triggered.self) { try await Failpoint.hit("platform.test") }
        try await Failpoint.hit("platform.test")
        try await Failpoint.hit("another.name")
    }
}
