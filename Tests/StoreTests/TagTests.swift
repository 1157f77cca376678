import AgentCoreModel
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct TagTests {
    private let c = OperationContext.test()

    @Test func everyOwnerKeepsItsOwn() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let identity = try await store.transaction(c) {
                try await store.workloadIdentityInsert(c, in: $0, name: "mine", returnURLs: [], tags: ["of": "identity"])
            }
            for owner in [TagOwner.runtime(made.runtime.id), .endpoint(made.endpoint.id), .workloadIdentity(identity.id)] {
                let before = try await store.tagsFetch(c, owner)
                #expect(try await store.transaction(c) { try await store.tagsMerge(c, in: $0, owner, ["a": "1", "b": "2"]) })
                #expect(try await store.transaction(c) { try await store.tagsMerge(c, in: $0, owner, ["b": "3", "c": "\"é"]) })
                try await store.transaction(c) { try await store.tagsRemove(c, in: $0, owner, keys: ["a", "nothing"]) }
                #expect(try await store.tagsFetch(c, owner) == before.merging(["b": "3", "c": "\"é"]) { $1 })
            }
            #expect(try await store.tagsFetch(c, .runtime(0)) == [:])
        }
    }

    @Test func fiftyAndNoMoreWhoeverAddsThem() async throws {
        try await withStore { store in
            let owner = TagOwner.runtime(try await store.testRuntime(c).runtime.id)
            let results = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<60 {
                    group.addTask { try await store.transaction(c) { try await store.tagsMerge(c, in: $0, owner, ["k\(index)": "v"]) } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.filter { $0 }.count == 50)
            let tags = try await store.tagsFetch(c, owner)
            #expect(tags.count == 50)
            // One that is there may change at any time.
            let key = try #require(tags.keys.first)
            #expect(try await store.transaction(c) { try await store.tagsMerge(c, in: $0, owner, [key: "new"]) })
            #expect(try await store.tagsFetch(c, owner)[key] == "new")
        }
    }

    @Test func taggingWakesNobody() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            _ = try await store.transaction(c) { try await store.tagsMerge(c, in: $0, .endpoint(made.endpoint.id), ["a": "b"]) }
            let after = try await store.endpointFetch(c, id: made.endpoint.id)
            #expect(after == made.endpoint)
        }
    }
}
