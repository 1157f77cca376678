import AgentCoreModel
import Foundation
import NIOCore
import Platform
import TestSupport
import Testing

@testable import ControlPlane
@testable import Server
@testable import Store

/// How much is kept, and for how long.
struct AnswerCacheTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func key(_ number: Int) -> AnswerKey {
        AnswerKey(account: TestTenant.account, region: TestTenant.region, runtimeID: "a-\(number)", part: .version(nil))
    }

    private var source: AnswerSource {
        let runtime = RuntimeRecord(
            id: 1, runtimeID: "a", account: TestTenant.account, region: TestTenant.region, name: "a", status: .ready, failureReason: nil,
            lastVersion: 1, createdAt: Date(), updatedAt: Date())
        return AnswerSource(
            rows: RowsRead(runtime: 1, part: .version(1)), revision: RowsRevision(serverStart: Date(), runtime: 1, part: 1),
            guarded: GuardedRuntime(runtime: runtime, policies: ResourcePolicies(hasEndpoint: false)), endpoint: nil)
    }

    @Test func bytesAreBounded() {
        let cache = AnswerCache(limit: 1 << 20)
        let body = ByteBuffer(repeating: 1, count: 1024)
        for number in 0..<5000 {
            cache.keep(key(number), body, source, at: start)
            // What is asked for again and again stays.
            if number > 0 { #expect(cache.find(key(0), at: start) != nil, "\(number)") }
            #expect(cache.bytes <= 1 << 20)
        }
        #expect(cache.find(key(4999), at: start) != nil && cache.find(key(1), at: start) == nil)
        // The same key again replaces.
        let bytes = cache.bytes
        cache.keep(key(4999), body, source, at: start)
        #expect(cache.bytes == bytes)
        // Large ones are not kept at all.
        cache.keep(key(-1), ByteBuffer(repeating: 1, count: 64 * 1024), source, at: start)
        #expect(cache.find(key(-1), at: start) == nil && cache.bytes == bytes)
    }

    @Test func transactionIdsAreComparedForAnHourAtMost() {
        let cache = AnswerCache()
        cache.keep(key(1), ByteBuffer(string: "x"), source, at: start)
        #expect(cache.find(key(1), at: start + .minutes(59)) != nil)
        #expect(cache.find(key(1), at: start + .minutes(60)) == nil)
        #expect(cache.bytes == 0)
    }

    @Test func everyPartOfAKeyCounts() {
        let cache = AnswerCache()
        let asked = key(1)
        cache.keep(asked, ByteBuffer(string: "x"), source, at: start)
        var others = [asked, asked, asked, asked, asked]
        others[0].account = TestTenant.otherAccount
        others[1].region = "eu-west-1"
        others[2].runtimeID = "b"
        others[3].part = .version("1")
        others[4].part = .endpoint("")
        for other in others { #expect(cache.find(other, at: start) == nil) }
        #expect(cache.find(asked, at: start) != nil)
    }
}
