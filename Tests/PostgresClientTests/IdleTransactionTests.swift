import PostgresClient
import Synchronization
import TestSupport
import Testing

/// A process that stops in the middle of a transaction must not keep its locks.
@Suite struct IdleTransactionTests {
    @Test func aTransactionThatWaitsTooLongIsEndedAndItsLocksAreFree() async throws {
        try await TestDatabase.with { database in
            try await database.withClient { other in
                try await other.query("CREATE TABLE t (n bigint)")
                try await other.query("INSERT INTO t VALUES (1)")
                try await database.withClient({ $0.idleTransactionTimeout = .milliseconds(300) }) { stopped in
                    let waited = Atomic<Bool>(false)
                    var error: PostgresError?
                    // A busy machine may be idle too long already before the first update.
                    while !waited.load(ordering: .relaxed) {
                        error = await postgresFailure {
                            try await stopped.transaction { tx in
                                try await tx.query("UPDATE t SET n = 2")
                                // Blocked by the lock until PostgreSQL has ended the transaction above.
                                try await other.query("UPDATE t SET n = n + 10")
                                waited.store(true, ordering: .relaxed)
                                try await tx.query("UPDATE t SET n = 3")
                            }
                        }
                    }
                    #expect(error?.kind == .away)
                    #expect(error?.message.contains("idle-in-transaction") == true, "\(String(describing: error))")
                    #expect(try await other.query("SELECT n FROM t").first?.int("n") == 11)
                    // The pool has another connection for whoever comes next.
                    try await eventually("transactions work again") {
                        await postgresFailure { try await stopped.transaction { try await $0.query("UPDATE t SET n = 4") } } == nil
                    }
                }
            }
        }
    }

    @Test func tenSecondsUnlessConfigured() async throws {
        try await TestDatabase.withDatabase { client in
            let shown = try await client.transaction { tx in
                try await tx.query("SELECT current_setting('idle_in_transaction_session_timeout') AS value").first?.text("value")
            }
            #expect(shown == "10s")
        }
    }
}
