import AgentCoreModel
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct WorkloadIdentityTests {
    private let c = OperationContext.test()

    private func insert(_ store: Store, _ c: OperationContext, _ name: String) async throws -> WorkloadIdentityRecord {
        try await store.transaction(c) { try await store.workloadIdentityInsert(c, in: $0, name: name, returnURLs: [], tags: [:]) }
    }

    @Test func aRuntimeHasOneForAsLongAsItLives() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let name = made.runtime.runtimeID
            let own = try #require(try await store.workloadIdentityFetch(c, name: name))
            #expect(own.runtime == made.runtime.id)
            #expect(try await !store.transaction(c) { try await store.workloadIdentityDelete(c, in: $0, name: name) })
            let deleted = try await store.transaction(c) { tx in
                _ = try await store.runtimeTransition(c, in: tx, runtime: made.runtime.id, event: .deleteRequested)
                return try await store.runtimeDelete(c, in: tx, runtime: made.runtime.id)
            }
            #expect(deleted)
            #expect(try await store.workloadIdentityFetch(c, name: name) == nil)
        }
    }

    /// What a server of the release before made on the same database is known, too.
    @Test func runtimesFromBeforeTheMigrationGetOne() async throws {
        try await TestDatabase.withDatabase { client in
            let number = try #require(Migration.embedded.firstIndex { $0.name == "tags-identities-policies" })
            try await Migrator(postgres: client, migrations: Array(Migration.embedded[..<number])).migrate(c)
            try await client.query("insert into account (number) values ('123456789012')")
            try await client.query(
                """
                insert into agent_runtime (runtime_id, account, region, name, status)
                values ('old-0123456789', '123456789012', 'us-east-1', 'old', 'READY')
                """)
            try await Migrator(postgres: client).migrate(c)
            let store = Store(postgres: client, secrets: try .test())
            let identity = try await store.workloadIdentityFetch(c, name: "old-0123456789")
            #expect(try await identity?.runtime == store.runtimeFetch(c, runtimeID: "old-0123456789")?.id)
            #expect(identity?.returnURLs == [])
        }
    }

    @Test func namesAreUniqueInAnAccountAndRegion() async throws {
        try await withStore { store in
            _ = try await insert(store, c, "same")
            await #expect { _ = try await insert(store, c, "same") } throws: { ($0 as? SignalboxError)?.kind == .conflict }
            let other = OperationContext.test(account: TestTenant.otherAccount)
            #expect(try await store.workloadIdentityFetch(other, name: "same") == nil)
            #expect(try await !store.transaction(other) { try await store.workloadIdentityDelete(other, in: $0, name: "same") })
            _ = try await insert(store, other, "same")
            var elsewhere = c
            elsewhere.region = "eu-west-1"
            _ = try await insert(store, elsewhere, "same")
            #expect(try await store.transaction(c) { try await store.workloadIdentityDelete(c, in: $0, name: "same") })
            #expect(try await store.workloadIdentityFetch(c, name: "same") == nil)
            #expect(try await store.workloadIdentityFetch(elsewhere, name: "same") != nil)
        }
    }

    @Test func anUpdateReplacesTheListOrLeavesIt() async throws {
        try await withStore { store in
            let made = try await insert(store, c, "mine")
            let first = try await store.transaction(c) {
                try await store.workloadIdentityUpdate(c, in: $0, name: "mine", returnURLs: ["https://a", "https://b"])
            }
            #expect(first?.returnURLs == ["https://a", "https://b"])
            #expect(try #require(first).updatedAt > made.updatedAt)
            let second = try await store.transaction(c) { try await store.workloadIdentityUpdate(c, in: $0, name: "mine", returnURLs: nil) }
            #expect(second?.returnURLs == ["https://a", "https://b"])
            let third = try await store.transaction(c) { try await store.workloadIdentityUpdate(c, in: $0, name: "mine", returnURLs: []) }
            #expect(third?.returnURLs == [])
            #expect(try await store.transaction(c) { try await store.workloadIdentityUpdate(c, in: $0, name: "no", returnURLs: []) } == nil)
        }
    }

    @Test func pagesByNameWhateverComesAndGoes() async throws {
        try await withStore { store in
            for name in ["bbb", "Zulu", "aaa", "ccc", "ddd"] { _ = try await insert(store, c, name) }
            var names: [String] = []
            var token: String?
            repeat {
                let page = try await store.workloadIdentityList(c, page: PageRequest(maxResults: 2, nextToken: token))
                names += page.items.map(\.name)
                if token == nil {
                    // One before the cursor, and the one it stands on.
                    _ = try await insert(store, c, "Alpha")
                    let last = try #require(page.items.last).name
                    #expect(try await store.transaction(c) { try await store.workloadIdentityDelete(c, in: $0, name: last) })
                }
                token = page.nextToken
            } while token != nil
            #expect(names == ["Zulu", "aaa", "bbb", "ccc", "ddd"])
            let foreign = try #require(try await store.workloadIdentityList(c, page: PageRequest(maxResults: 1)).nextToken)
            await #expect(throws: SignalboxError.self) {
                try await store.workloadIdentityList(
                    .test(account: TestTenant.otherAccount), page: PageRequest(maxResults: 1, nextToken: foreign))
            }
        }
    }
}
