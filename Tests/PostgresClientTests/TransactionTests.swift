import PostgresClient
import TestSupport
import Testing

@Suite struct TransactionTests {
    struct Mine: Error {}

    static func withTable<T: Sendable>(_ body: @escaping @Sendable (PostgresClient) async throws -> T) async throws -> T {
        try await TestDatabase.withDatabase { client in
            try await client.query("CREATE TABLE t (n bigint PRIMARY KEY)")
            return try await body(client)
        }
    }

    static func expect(_ client: PostgresClient, rows: Int64, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let actual = try await count(client)
        #expect(actual == rows, sourceLocation: sourceLocation)
    }

    static func count(_ client: PostgresClient) async throws -> Int64? {
        try await client.query("SELECT count(*) AS n FROM t").first?.int("n")
    }

    @Test func commits() async throws {
        try await Self.withTable { client in
            let value = try await client.transaction { tx in
                try await tx.query("INSERT INTO t VALUES (1)")
                #expect(try await Self.count(client) == 0, "not visible outside yet")
                return try await tx.query("SELECT count(*) AS n FROM t").first?.int("n")
            }
            #expect(value == 1)
            try await Self.expect(client, rows: 1)
        }
    }

    @Test func rollsBackWhenTheBodyThrows() async throws {
        try await Self.withTable { client in
            await #expect(throws: Mine.self) {
                try await client.transaction { tx in
                    try await tx.query("INSERT INTO t VALUES (1)")
                    throw Mine()
                }
            }
            try await Self.expect(client, rows: 0)
        }
    }

    @Test func aStatementsErrorReachesTheCallerAndRollsBack() async throws {
        try await Self.withTable { client in
            let error = await postgresFailure {
                try await client.transaction { tx in
                    try await tx.query("INSERT INTO t VALUES (1)")
                    try await tx.query("INSERT INTO t VALUES (1)")
                }
            }
            #expect(error?.isUniqueViolation == true)
            try await Self.expect(client, rows: 0)
        }
    }

    @Test func aSwallowedErrorIsNoCommit() async throws {
        try await Self.withTable { client in
            let error = await postgresFailure {
                try await client.transaction { tx in
                    try await tx.query("INSERT INTO t VALUES (1)")
                    _ = try? await tx.query("SELECT 1 / 0")
                }
            }
            #expect(error?.sqlState == "25P02")
            try await Self.expect(client, rows: 0)
        }
    }

    @Test func aDeferredConstraintFailsTheCommit() async throws {
        try await Self.withTable { client in
            try await client.query("CREATE TABLE u (n bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
            let error = await postgresFailure { try await client.transaction { try await $0.query("INSERT INTO u VALUES (9)") } }
            #expect(error?.isForeignKeyViolation == true)
            #expect(try await client.query("SELECT count(*) AS n FROM u").first?.int("n") == 0)
        }
    }

    @Test func isolationLevelsAreSet() async throws {
        try await TestDatabase.withDatabase { client in
            for (level, name) in [
                (IsolationLevel.readCommitted, "read committed"), (.repeatableRead, "repeatable read"), (.serializable, "serializable"),
            ] {
                let actual = try await client.transaction(isolation: level) {
                    try await $0.query("SELECT current_setting('transaction_isolation') AS level").first?.text("level")
                }
                #expect(actual == name)
            }
        }
    }

    @Test func serializationFailuresAreRecognised() async throws {
        try await Self.withTable { client in
            try await client.query("INSERT INTO t VALUES (1)")
            let error = await postgresFailure {
                try await client.transaction(isolation: .repeatableRead) { tx in
                    try await tx.query("SELECT * FROM t")
                    try await client.query("UPDATE t SET n = n + 1")
                    try await tx.query("UPDATE t SET n = n + 1")
                }
            }
            #expect(error?.isSerializationFailure == true)
        }
    }

    @Test func moreTransactionsThanConnectionsTakeTurns() async throws {
        try await Self.withTable { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<60 as Range<Int64> {
                    group.addTask {
                        try await client.transaction { tx in
                            try await tx.query("INSERT INTO t VALUES ($1)", [.int(number)])
                            try await tx.query("SELECT pg_sleep(0.001)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await Self.expect(client, rows: 60)
        }
    }

    @Test func statementsOfOneTransactionMayBeAskedForAtOnce() async throws {
        try await Self.withTable { client in
            try await client.transaction { tx in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<50 as Range<Int64> {
                        group.addTask { try await tx.query("INSERT INTO t VALUES ($1)", [.int(number)]) }
                    }
                    try await group.waitForAll()
                }
            }
            try await Self.expect(client, rows: 50)
        }
    }

    @Test func aHandleThatEscapedIsDead() async throws {
        try await Self.withTable { client in
            let escaped = try await client.transaction { $0 }
            #expect(await postgresFailure { try await escaped.query("INSERT INTO t VALUES (1)") }?.kind == .closed)
            try await Self.expect(client, rows: 0)
        }
    }

    @Test func scriptsRunWholeOrNotAtAll() async throws {
        try await TestDatabase.withDatabase { client in
            try await client.executeScript(SQLScript(migration: "001-a", text: "CREATE TABLE a (n int); INSERT INTO a VALUES (1), (2);"))
            let error = await postgresFailure {
                try await client.executeScript(SQLScript(migration: "002-b", text: "INSERT INTO a VALUES (3); SELECT nonsense; "))
            }
            #expect(error?.sqlState == "42703")
            #expect(error?.message.hasPrefix("002-b: ") == true)
            #expect(try await client.query("SELECT count(*) AS n FROM a").first?.int("n") == 2)
        }
    }

    @Test func aTransactionMixesScriptsLocksAndStatements() async throws {
        try await TestDatabase.with { database in
            try await database.withClient { client in
                try await client.query("CREATE TABLE done (name text PRIMARY KEY)")
                // Two migrators at once: the lock lets one do the work and shows it to the other.
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            try await client.transaction { tx in
                                try await tx.query("SELECT pg_advisory_xact_lock($1)", [4711])
                                guard try await tx.query("SELECT 1 FROM done WHERE name = $1", ["first"]).rows.isEmpty else { return }
                                try await tx.script(
                                    SQLScript(migration: "first", text: "CREATE TABLE made (n int); CREATE INDEX ON made (n)"))
                                try await tx.query("INSERT INTO done VALUES ($1)", ["first"])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await client.query("SELECT count(*) AS n FROM done").first?.int("n") == 1)
            }
        }
    }
}
