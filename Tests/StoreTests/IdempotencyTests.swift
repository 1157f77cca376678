import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct IdempotencyTests {
    private let c = OperationContext.test()
    private let key = IdempotencyKey(operation: "CreateAgentRuntime", target: "", token: "t1")
    private let hash = [UInt8](repeating: 7, count: 32)

    private func begin(
        _ store: Store, _ c: OperationContext, _ key: IdempotencyKey, _ hash: [UInt8], body: [UInt8]
    ) async throws -> IdempotencyOutcome {
        try await store.transaction(c) { tx in
            let outcome = try await store.idempotencyBegin(c, in: tx, key, requestSHA256: hash)
            if outcome == .new { try await store.idempotencyFinish(c, in: tx, key, status: 202, body: body) }
            return outcome
        }
    }

    @Test func aTokenReplaysItsResponse() async throws {
        try await withStore { store async throws in
            #expect(try await begin(store, c, key, hash, body: [1, 2]) == .new)
            #expect(try await begin(store, c, key, hash, body: [3]) == .replay(status: 202, body: [1, 2]))
            #expect(try await begin(store, c, key, [UInt8](repeating: 8, count: 32), body: [3]) == .mismatch)
            // Each part of the key counts.
            var other = key
            other.operation = "UpdateAgentRuntime"
            #expect(try await begin(store, c, other, hash, body: [3]) == .new)
            other = key
            other.target = "r"
            #expect(try await begin(store, c, other, hash, body: [3]) == .new)
            #expect(try await begin(store, .test(account: TestTenant.otherAccount), key, hash, body: [3]) == .new)
            var elsewhere = c
            elsewhere.region = "eu-west-1"
            #expect(try await begin(store, elsewhere, key, hash, body: [3]) == .new)
        }
    }

    @Test func aRolledBackUseLeavesTheTokenFree() async throws {
        try await withStore { store async throws in
            struct Stop: Error {}
            await #expect(throws: Stop.self) {
                try await store.transaction(c) { tx in
                    _ = try await store.idempotencyBegin(c, in: tx, key, requestSHA256: hash)
                    throw Stop()
                }
            }
            #expect(try await begin(store, c, key, hash, body: [1]) == .new)
        }
    }

    @Test func oldTokensAreForgotten() async throws {
        try await withStore { store async throws in
            _ = try await begin(store, c, key, hash, body: [1])
            #expect(try await store.idempotencyExpire(c, age: .seconds(3600)) == 0)
            try await store.postgres.query("update idempotency set created_at = now() - interval '2 hours'")
            #expect(try await store.idempotencyExpire(c, age: .seconds(3600)) == 1)
            #expect(try await begin(store, c, key, hash, body: [2]) == .new)
        }
    }

    /// Promise test 6: the same token on two replicas at once: one row, the same answer.
    @Test func rivalsWithOneTokenGetOneAnswer() async throws {
        try await withTwoStores { first, second in
            for round in 0..<50 {
                let token = IdempotencyKey(operation: "CreateAgentRuntime", target: "", token: "round\(round)")
                let answers = try await withThrowingTaskGroup(of: ([UInt8], Bool).self) { group in
                    for (index, store) in [first, second, first, second].enumerated() {
                        group.addTask {
                            switch try await begin(store, c, token, hash, body: [UInt8(index)]) {
                            case .new: return ([UInt8(index)], true)
                            case .replay(_, let body): return (body, false)
                            case .mismatch: throw SignalboxError.conflict("mismatch")
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers.filter(\.1).count == 1)
                #expect(Set(answers.map(\.0)).count == 1)
            }
        }
    }
}
