import Glibc
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
        try await Failpoint.hit(named: "platform.test")
        await #expect(throws: Failpoint.Triggered.self) { try await Failpoint.hit(named: "platform.test") }
        try await Failpoint.hit(named: "platform.test")
        try await Failpoint.hit(named: "another.name")
    }

    @Test func takesRulesFromFilesOnce() throws {
        let path = "/tmp/signalbox-failpoints-\(Identifier.uuid())"
        #expect(mkdir(path, 0o700) == 0)
        let directory = FailpointDirectory(path: path)
        let write = { (name: String, text: String) in
            let file = try #require(fopen("\(path)/\(name)", "w"))
            fputs(text, file)
            fclose(file)
        }
        defer { for name in ["b", "c", "reached", ""] { remove("\(path)/\(name)") } }
        #expect(try directory.action(at: "a") == nil)
        try write("a", "stall:2\n")
        #expect(try directory.action(at: "a") == .stall(seconds: 2))
        #expect(try directory.action(at: "a") == nil)
        try write("b", "always error")
        #expect(try directory.action(at: "b") == .error)
        #expect(try directory.action(at: "b") == .error)
        try write("c", "sometimes kill")
        #expect(throws: SignalboxError.self) { try directory.action(at: "c") }
        let reached = try #require(fopen("\(path)/reached", "r"))
        defer { fclose(reached) }
        var bytes = [CChar](repeating: 0, count: 256)
        let count = fread(&bytes, 1, 255, reached)
        #expect(String(decoding: bytes[..<count].map(UInt8.init), as: UTF8.self) == "a -\na stall:2\na -\nb error\nb error\n")
    }
}
