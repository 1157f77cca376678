import PostgresClient
import Synchronization
import TestSupport
import Testing

/// Statements whose end is a call instead of a task's resumption.
@Suite struct CallTests {
    private func call(
        _ client: PostgresClient, _ statement: Statement, _ parameters: [PostgresValue] = [], deadline: ContinuousClock.Instant? = nil
    ) async throws -> QueryResult {
        try await withCheckedThrowingContinuation { continuation in
            // Twice would trap.
            client.query(statement, parameters, deadline: deadline) { continuation.resume(with: $0) }
        }
    }

    @Test func everyEndIsHeardOnce() async throws {
        try await TestDatabase.withDatabase { client async throws in
            #expect(try await call(client, "SELECT $1 + 1 AS n", [41]).first?.int("n") == 42)
            #expect(await postgresFailure { try await call(client, "SELECT 1 / 0") }?.sqlState == "22012")
            let tooMany = [PostgresValue](repeating: .null, count: 70_000)
            #expect(await postgresFailure { try await call(client, "SELECT 1", tooMany) }?.kind == .server)
            let late = await postgresFailure {
                try await call(client, "SELECT pg_sleep(1)", deadline: .now.advanced(by: .milliseconds(100)))
            }
            #expect(late?.kind == .deadline)
            // The answer that came too late was nobody's, and the next statement has its own.
            #expect(try await call(client, "SELECT 7 AS n").first?.int("n") == 7)
        }
    }

    @Test func aClientThatIsClosedSaysSo() async throws {
        let closed = Mutex<PostgresClient?>(nil)
        try await TestDatabase.withDatabase { client in closed.withLock { $0 = client } }
        let client = try #require(closed.withLock { $0 })
        #expect(await postgresFailure { try await call(client, "SELECT 1") }?.kind == .closed)
    }

    @Test func transactionIDsAreNumbers() async throws {
        try await TestDatabase.withDatabase { client async throws in
            try await client.query("CREATE TABLE t (id bigint)")
            try await client.query("INSERT INTO t VALUES (1)")
            let row = try #require(
                try await client.query("SELECT xmin, xmin::text::bigint AS number, '4294967295'::xid AS last FROM t").first)
            #expect(try row.int("xmin") == row.int("number"))
            #expect(try row.int("last") == 4_294_967_295)
        }
    }
}
