import PostgresClient
import TestSupport
import Testing

@Suite struct QueryTests {
    @Test func errorsCarryStateAndConstraint() async throws {
        try await TestDatabase.withDatabase { client in
            try await client.query("CREATE TABLE t (id bigint PRIMARY KEY, n bigint CONSTRAINT positive CHECK (n > 0))")
            try await client.query("INSERT INTO t VALUES (1, 1)")
            let duplicate = await postgresFailure { try await client.query("INSERT INTO t VALUES ($1, 1)", [1]) }
            #expect(duplicate?.kind == .server)
            #expect(duplicate?.isUniqueViolation == true)
            #expect(duplicate?.constraint == "t_pkey")
            let negative = await postgresFailure { try await client.queryPinned("INSERT INTO t VALUES (2, -1)", [], deadline: nil) }
            #expect(negative?.sqlState == "23514")
            #expect(negative?.constraint == "positive")
            let syntax = await postgresFailure { try await client.query("SELEC 1") }
            #expect(syntax?.sqlState == "42601")
            #expect(syntax?.description.contains("SELEC") == true)
        }
    }

    @Test func neighboursOfAFailedStatementAreUnharmed() async throws {
        try await TestDatabase.withDatabase { client in
            try await client.query("CREATE TABLE t (id bigint PRIMARY KEY)")
            let outcomes = await withTaskGroup(of: (Int, PostgresError?).self) { group in
                for number in 0..<300 {
                    group.addTask {
                        let error = await postgresFailure {
                            switch number % 3 {
                            case 0: try await client.query("INSERT INTO t VALUES ($1)", [.int(number)])
                            case 1: try await client.query("INSERT INTO t VALUES (1 / ($1 - $1))", [.int(number)])
                            default: try await client.query("SELECT missing FROM t")
                            }
                        }
                        return (number, error)
                    }
                }
                var outcomes: [Int: PostgresError?] = [:]
                for await (number, error) in group { outcomes[number] = error }
                return outcomes
            }
            for (number, error) in outcomes { #expect(error?.sqlState == [nil, "22012", "42703"][number % 3]) }
            #expect(try await client.query("SELECT count(*) AS n FROM t").first?.int("n") == 100)
        }
    }

    @Test func aThousandAtOnceGetTheirOwnAnswers() async throws {
        try await TestDatabase.withDatabase { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<1000 as Range<Int64> {
                    group.addTask {
                        let row = try #require(
                            try await client.query("SELECT $1::bigint AS n, $2::text AS s", [.int(number), .text("\(number)")]).first)
                        #expect(try row.int("n") == number)
                        #expect(try row.text("s") == "\(number)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func sessionsAreSetUpOnBothLanes() async throws {
        try await TestDatabase.withDatabase { client in
            let statement: Statement = """
                SELECT current_setting('synchronous_commit') AS commit, current_setting('TimeZone') AS zone,
                       current_setting('statement_timeout') AS timeout, current_setting('client_encoding') AS encoding
                """
            let shared = try #require(try await client.query(statement).first)
            let own = try #require(try await client.queryPinned(statement, [], deadline: nil).first)
            for row in [shared, own] {
                #expect(try row.text("commit") == "on")
                #expect(try row.text("zone") == "UTC")
                #expect(try row.text("encoding") == "UTF8")
            }
            #expect(try shared.text("timeout") == "10s")
            #expect(try own.text("timeout") == "0")
        }
    }

    @Test func statementsArePreparedOncePerConnection() async throws {
        try await TestDatabase.withDatabase { client in
            for number in 0..<20 as Range<Int64> { try await client.query("SELECT $1::bigint + 1 AS once", [.int(number)]) }
            let count = try await client.query("SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%AS once'").first
            #expect(try count?.int("n") == 1)
        }
    }

    @Test func aChangedTableDoesNotBreakPreparedStatements() async throws {
        try await TestDatabase.withDatabase { client in
            try await client.query("CREATE TABLE t (a bigint)")
            try await client.query("INSERT INTO t VALUES (1)")
            let all: Statement = "SELECT * FROM t"
            #expect(try await client.query(all).first?.int("a") == 1)
            #expect(try await client.queryPinned(all, [], deadline: nil).first?.int("a") == 1)
            try await client.query("ALTER TABLE t ADD COLUMN b bigint DEFAULT 2")
            #expect(try await client.query(all).first?.int("b") == 2)
        }
    }

    @Test func twoStatementsInOneAreRefused() async throws {
        try await TestDatabase.withDatabase { client in
            #expect(await postgresFailure { try await client.query("SELECT 1; SELECT 2") }?.sqlState == "42601")
            let last = try await client.query("SELECT 3 AS n").first?.int("n")
            #expect(last == 3)
        }
    }

    @Test func copyIsRefusedAndTheClientGoesOn() async throws {
        try await TestDatabase.withDatabase { client in
            try await client.query("CREATE TABLE t (a bigint)")
            #expect(await postgresFailure { try await client.queryPinned("COPY t TO STDOUT", [], deadline: nil) } != nil)
            #expect(await postgresFailure { try await client.query("COPY t FROM STDIN") } != nil)
            try await eventually("both lanes answer") {
                let first = await postgresFailure { try await client.query("SELECT 1") }
                let second = await postgresFailure { try await client.queryPinned("SELECT 1", [], deadline: nil) }
                return first == nil && second == nil
            }
        }
    }

    @Test func aClosedClientSaysSo() async throws {
        try await TestDatabase.with { database in
            let client = PostgresClient(database.configuration, logger: TestLog.logger)
            let run = Task { await client.run() }
            try await client.query("SELECT 1")
            run.cancel()
            await run.value
            #expect(await postgresFailure { try await client.query("SELECT 1") }?.kind == .closed)
            #expect(await postgresFailure { try await client.queryPinned("SELECT 1", [], deadline: nil) }?.kind == .closed)
            for await _ in client.notifications(["x"]) { Issue.record("a closed client has no notifications") }
        }
    }

    @Test func closingFailsWhatIsUnderWay() async throws {
        try await TestDatabase.with { database in
            let client = PostgresClient(database.configuration, logger: TestLog.logger)
            let run = Task { await client.run() }
            async let shared = postgresFailure { try await client.query("SELECT pg_sleep(30)") }
            async let own = postgresFailure { try await client.queryPinned("SELECT pg_sleep(30)", [], deadline: nil) }
            try await database.withClient { observer in
                try await eventually("both sleep") { try await DeadlineTests.sleepers(observer) == 2 }
            }
            run.cancel()
            await run.value
            #expect(await shared?.kind == .closed)
            #expect(await own?.kind == .closed)
        }
    }
}

/// The PostgresError that `body` throws, if any.
func postgresFailure<T>(_ body: () async throws -> T) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch let error as PostgresError {
        return error
    } catch {
        Issue.record("unexpected \(error)")
        return nil
    }
}
