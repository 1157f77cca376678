import PostgresClient
import TestSupport
import Testing

/// A statement by itself that PostgreSQL picks to end a deadlock, as one with a migration that locks tables in another order.
@Suite struct DeadlockTests {
    private static let both: Statement = "SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b) AS n"

    @Test(arguments: [false, true]) func theStatementIsRunAgain(isPinned: Bool) async throws {
        try await TestDatabase.withDatabase { client in
            try await client.executeScript(SQLScript(migration: "tables", text: "CREATE TABLE a (); CREATE TABLE b ()"))
            let reader = try await client.transaction { tx in
                // The other side is never the one that looks for deadlocks.
                try await tx.query("SET LOCAL deadlock_timeout = '60s'")
                try await tx.query("LOCK TABLE b IN ACCESS EXCLUSIVE MODE")
                let reader = Task {
                    try await isPinned ? client.queryPinned(Self.both, [], deadline: nil) : client.query(Self.both)
                }
                try await eventually("it has one lock and waits for the other") {
                    try await tx.query("SELECT count(*) AS n FROM pg_locks WHERE relation = 'b'::regclass AND NOT granted")
                        .first?.int("n") == 1
                }
                // Granted only once it was rolled back.
                try await tx.query("LOCK TABLE a IN ACCESS EXCLUSIVE MODE")
                try await tx.query("ALTER TABLE b ADD COLUMN c int")
                return reader
            }
            #expect(try await reader.value.first?.int("n") == 0)
        }
    }
}
