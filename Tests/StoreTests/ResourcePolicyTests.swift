import AgentCoreModel
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct ResourcePolicyTests {
    private let c = OperationContext.test()

    private func policy(_ sid: String) -> String {
        """
        {"Version": "2012-10-17", "Statement": [{"Sid": "\(sid)", "Effect": "Deny", "Principal": "*",
            "Action": "bedrock-agentcore:*", "Resource": "of no interest any more"}]}
        """
    }

    private func set(_ store: Store, _ owner: PolicyOwner, _ policy: String?) async throws {
        try await store.transaction(c) { try await store.policySet(c, in: $0, owner, policy) }
    }

    @Test func theyTravelWithRuntimeAndRoute() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let id = made.runtime.runtimeID
            try await set(store, .runtime(made.runtime.id), policy("runtime"))
            try await set(store, .endpoint(made.endpoint.id), policy("endpoint"))
            #expect(try await store.policyFetch(c, .runtime(made.runtime.id)) == policy("runtime"))
            #expect(try await store.policyFetch(c, .endpoint(made.endpoint.id)) == policy("endpoint"))
            let alone = try #require(try await store.runtimeFetchGuarded(c, runtimeID: id))
            #expect(alone.runtime == made.runtime)
            #expect(alone.policies == ResourcePolicies(runtime: PolicyDocument(stored: policy("runtime")), hasEndpoint: false))
            let both = ResourcePolicies(
                runtime: PolicyDocument(stored: policy("runtime")), endpoint: PolicyDocument(stored: policy("endpoint")), hasEndpoint: true)
            #expect(try await store.runtimeFetchGuarded(c, runtimeID: id, endpoint: "DEFAULT")?.policies == both)
            let locked = try await store.transaction(c) {
                try await store.runtimeFetchGuardedForUpdate(c, in: $0, runtimeID: id, endpoint: "DEFAULT")
            }
            #expect(locked?.policies == both)
            #expect(try await store.routeFetch(c, key: made.key)?.policies == both)
            #expect(try await store.routeFetch(c, endpoints: [made.endpoint.id]).first?.policies == both)
            #expect(try await store.routeList(c).map(\.policies) == [both])
            #expect(try await store.runtimeFetchGuarded(c, runtimeID: id, endpoint: "none")?.policies.endpoint == nil)
            #expect(try await store.runtimeFetchGuarded(.test(account: TestTenant.otherAccount), runtimeID: id) == nil)
            try await set(store, .runtime(made.runtime.id), nil)
            try await set(store, .endpoint(made.endpoint.id), nil)
            #expect(try await store.policyFetch(c, .runtime(made.runtime.id)) == nil)
            #expect(try await store.routeFetch(c, key: made.key)?.policies == ResourcePolicies(hasEndpoint: true))
        }
    }

    @Test func everyChangeIsToldAndNumbered() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let prod = try await store.transaction(c) {
                try await store.endpointInsert(
                    c, in: $0, runtime: made.runtime, name: "prod", endpointID: WireID.make(name: "prod"), target: 1)
            }
            func revisions() async throws -> [Int64] {
                try await store.routeFetch(c, endpoints: [made.endpoint.id, prod.id]).sorted { $0.endpoint < $1.endpoint }
                    .map(\.policyRevision)
            }
            let events = store.postgres.notifications([Channels.endpoint])
            var iterator = events.makeAsyncIterator()
            // Listening.
            #expect(await iterator.next() == .resumed)
            func heard(_ count: Int) async -> Set<String> {
                var payloads: Set<String> = []
                while payloads.count < count, case .payload(_, let payload)? = await iterator.next() { payloads.insert(payload) }
                return payloads
            }
            let both: Set<String> = ["\(made.endpoint.id)", "\(prod.id)"]
            try await set(store, .runtime(made.runtime.id), policy("a"))
            #expect(await heard(2) == both)
            #expect(try await revisions() == [1, 1])
            // The same again is no change.
            try await set(store, .runtime(made.runtime.id), policy("a"))
            try await set(store, .endpoint(prod.id), policy("b"))
            #expect(await heard(1) == ["\(prod.id)"])
            #expect(try await revisions() == [1, 2])
            try await set(store, .runtime(made.runtime.id), nil)
            #expect(await heard(2) == both)
            #expect(try await revisions() == [2, 3])
            // Neither a status nor a version of it moved.
            #expect(try await store.endpointFetch(c, id: prod.id) == prod)
        }
    }
}
