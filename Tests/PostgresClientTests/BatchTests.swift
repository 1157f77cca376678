import PostgresClient
import TestSupport
import Testing

/// Statements of a transaction that travel together.
@Suite struct BatchTests {
    @Test func resultsComeInTheirOrderAndEachSeesTheOnesBefore() async throws {
        try await TransactionTests.withTable { client in
            let counts = try await client.transaction { tx in
                try tx.queryLater("INSERT INTO t VALUES ($1)", [.int(1)])
                let results = try await tx.queries([
                    ("SELECT count(*) AS n FROM t", []), ("INSERT INTO t VALUES ($1)", [.int(2)]), ("SELECT count(*) AS n FROM t", []),
                ])
                #expect(results.map(\.affectedRows) == [1, 1, 1])
                return [try results[0].first?.int("n"), try results[2].first?.int("n")]
            }
            #expect(counts == [1, 2])
            try await TransactionTests.expect(client, rows: 2)
        }
    }

    @Test func whatIsPutOffIsCommittedWithoutAnyOtherStatement() async throws {
        try await TransactionTests.withTable { client in
            try await client.transaction { try $0.queryLater("INSERT INTO t VALUES (1)", []) }
            try await client.transaction { _ in }
            try await TransactionTests.expect(client, rows: 1)
        }
    }

    @Test func whatIsPutOffGoesWithTheTransaction() async throws {
        try await TransactionTests.withTable { client in
            await #expect(throws: TransactionTests.Mine.self) {
                try await client.transaction { tx in
                    try tx.queryLater("INSERT INTO t VALUES (1)", [])
                    try await tx.query("SELECT 1")
                    try tx.queryLater("INSERT INTO t VALUES (2)", [])
                    throw TransactionTests.Mine()
                }
            }
            try await TransactionTests.expect(client, rows: 0)
        }
    }

    /// It fails the COMMIT as well as a statement, and what is behind it does not run.
    @Test(arguments: [true, false]) func anErrorOfWhatWasPutOffIsNotLost(withAnother: Bool) async throws {
        try await TransactionTests.withTable { client in
            let error = await postgresFailure {
                try await client.transaction { tx in
                    try await tx.query("INSERT INTO t VALUES (1)")
                    try tx.queryLater("INSERT INTO t VALUES (1)", [])
                    if withAnother { try await tx.query("SELECT pg_sleep(60)") }
                }
            }
            #expect(error?.isUniqueViolation == true)
            try await TransactionTests.expect(client, rows: 0)
        }
    }

    @Test func anErrorInTheMiddleLeavesTheConnectionUsable() async throws {
        try await TransactionTests.withTable { client in
            for _ in 0..<20 {
                let error = await postgresFailure {
                    try await client.transaction { tx in
                        _ = try await tx.queries([
                            ("INSERT INTO t VALUES (1)", []), ("SELECT no_such_column FROM t", []), ("SELECT 'never prepared' AS x", []),
                        ])
                    }
                }
                #expect(error?.sqlState == "42703")
                let found = try await client.transaction { try await $0.query("SELECT 'never prepared' AS x").first?.text("x") }
                #expect(found == "never prepared")
            }
            try await TransactionTests.expect(client, rows: 0)
        }
    }

    /// After a statement whose outcome nobody knows, a body that goes on all the same must not write outside of its transaction.
    @Test func nothingFollowsAStatementThatWasGivenUp() async throws {
        try await TransactionTests.withTable { client in
            let error = await postgresFailure {
                try await client.transaction { tx in
                    let first = await postgresFailure {
                        try await tx.query("SELECT pg_sleep(60)", [], deadline: .now.advanced(by: .milliseconds(50)))
                    }
                    #expect(first?.kind == .deadline)
                    _ = await postgresFailure { try await tx.query("INSERT INTO t VALUES (1)") }
                }
            }
            #expect(error?.kind == .deadline)
            try await TransactionTests.expect(client, rows: 0)
        }
    }

    /// More than the socket takes at once, in both directions.
    @Test func manyLargeStatementsTravelTogether() async throws {
        try await TransactionTests.withTable { client in
            let text = String(repeating: "x", count: 1 << 20)
            let results = try await client.transaction { tx in
                try await tx.queries((0..<20).map { number in ("SELECT $1 || $2 AS x", [.text(text), .text("\(number)")]) })
            }
            for (number, result) in results.enumerated() {
                #expect(try result.first?.text("x") == text + "\(number)")
            }
        }
    }
}
