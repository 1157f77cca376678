import AgentCoreModel
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

extension Store {
    fileprivate func revisions(_ keys: [RowsRead]) async throws -> [RowsRevision?] {
        try await withCheckedThrowingContinuation { continuation in
            revisions(of: keys) { continuation.resume(with: $0) }
        }
    }
}

/// When rows count as the same.
struct RevisionTests {
    private let c = OperationContext.test()

    @Test func theStatementThatReadsNamesTheStateThatIsAskedFor() async throws {
        try await withTwoStores { store, other in
            let made = try await store.testRuntime(c)
            let second = try await store.testRuntime(c, name: "other")
            let id = made.runtime.runtimeID
            let read = try #require(try await store.runtimeFetchGuarded(c, runtimeID: id, version: nil))
            let endpoint = try #require(try await store.endpointFetchGuarded(c, runtimeID: id, name: "DEFAULT"))
            #expect(endpoint.endpoint == made.endpoint && endpoint.guarded.runtime == made.runtime)
            let keys = [
                RowsRead(runtime: made.runtime.id, part: .version(made.version.id)),
                RowsRead(runtime: made.runtime.id, part: .endpoint(made.endpoint.id)),
                RowsRead(runtime: second.runtime.id, part: .version(second.version.id)),
                RowsRead(runtime: -1, part: .version(made.version.id)), RowsRead(runtime: made.runtime.id, part: .version(-1)),
                RowsRead(runtime: made.runtime.id, part: .endpoint(-1)),
            ]
            let found = try await store.revisions(keys)
            #expect(found.map { $0 == nil } == [false, false, false, true, true, true])
            #expect(found[0] == read.revision && found[1] == endpoint.revision && found[2] != found[0])
            #expect(try await other.revisions(keys.reversed()) == found.reversed(), "by whichever connection")
            let server = try await store.postgres.query("select pg_postmaster_start_time() as start", []).first?.timestamp("start")
            #expect(found[0]?.serverStart == server)
            #expect(try await store.revisions([]).isEmpty)
            #expect(try await store.endpointFetchGuarded(c, runtimeID: id, name: "none")?.endpoint == nil)
            #expect(try await store.endpointFetchGuarded(c, runtimeID: "none", name: "DEFAULT") == nil)
            #expect(try await store.endpointFetchGuarded(.test(account: TestTenant.otherAccount), runtimeID: id, name: "DEFAULT") == nil)
        }
    }

    /// Rows that are only locked, and changes that were taken back, are the same rows.
    @Test func whatIsNoChangeMakesNone() async throws {
        try await withTwoStores { store, other in
            let made = try await store.testRuntime(c)
            let key = RowsRead(runtime: made.runtime.id, part: .version(made.version.id))
            let before = try await store.revisions([key])
            try await other.transaction(c) { tx in
                _ = try await other.runtimeFetchForUpdate(c, in: tx, id: made.runtime.id)
                #expect(try await store.revisions([key]) == before)
            }
            await #expect(throws: SignalboxError.self) {
                try await other.transaction(c) { tx in
                    _ = try await other.runtimeTransition(c, in: tx, runtime: made.runtime.id, event: .updateRequested)
                    #expect(try await store.revisions([key]) == before, "not committed")
                    throw SignalboxError.conflict("taken back")
                }
            }
            #expect(try await store.revisions([key]) == before)
        }
    }

    /// One transaction may write a row several times; another one, the same contents once more.
    @Test func everyTransactionThatWritesARowChangesIt() async throws {
        try await withTwoStores { store, other in
            let made = try await store.testRuntime(c)
            let key = RowsRead(runtime: made.runtime.id, part: .endpoint(made.endpoint.id))
            var seen = try await store.revisions([key])
            for _ in 0..<3 {
                try await other.transaction(c) { tx in
                    for text in ["a", "b"] { try await other.endpointDescribe(c, in: tx, endpoint: made.endpoint.id, description: text) }
                }
                let now = try await store.revisions([key])
                #expect(!seen.contains(now[0]))
                seen += now
            }
        }
    }
}
