import Foundation
import PostgresClient
import TestSupport
import Testing

@Suite struct DeadlineTests {
    /// Statements that sleep on the server, this one not counted.
    static func sleepers(_ client: PostgresClient) async throws -> Int64 {
        let row = try await client.query(
            """
            SELECT count(*) AS n FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND wait_event = 'PgSleep'
            """
        ).first
        return try row?.int("n") ?? -1
    }

    /// From the other lane: how many sleep, and the end of their sleep.
    static func sleepersSeenPinned(_ client: PostgresClient) async throws -> Int64? {
        try await client.queryPinned(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
            [], deadline: nil
        ).first?.int("n")
    }

    static func wakeSleepers(_ client: PostgresClient) async throws {
        try await client.queryPinned(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
            [], deadline: nil)
    }

    @Test func aPipelinedCallerIsLetGoAndTheAnswerDiscarded() async throws {
        try await TestDatabase.with { database in
            try await database.withClient({ $0.statementTimeout = .seconds(120) }) { client in
                try await client.query("SELECT 1")  // connected, so that the statement below leaves before its deadline
                let error = await postgresFailure {
                    try await client.query("SELECT pg_sleep(100)", [], deadline: .now.advanced(by: .seconds(2)))
                }
                #expect(error?.kind == .deadline)
                try await eventually("the server still sleeps") { try await Self.sleepersSeenPinned(client) == 1 }
                // The next one waits behind it and gets its own answer.
                async let next = client.query("SELECT 42 AS n")
                try await Self.wakeSleepers(client)
                let number = try await next.first?.int("n")
                #expect(number == 42)
            }
        }
    }

    @Test func theServersStatementTimeoutIsADeadline() async throws {
        try await TestDatabase.with { database in
            try await database.withClient({ $0.statementTimeout = .seconds(1) }) { client in
                let error = await postgresFailure {
                    try await client.query("SELECT pg_sleep(30)", [], deadline: .now.advanced(by: .seconds(20)))
                }
                #expect(error?.kind == .deadline)
                #expect(error?.sqlState == "57014")
                let last = try await client.query("SELECT 1 AS n").first?.int("n")
                #expect(last == 1)
            }
        }
    }

    @Test func aPinnedStatementIsCancelledOnTheServer() async throws {
        try await TestDatabase.withDatabase { client in
            let error = await postgresFailure {
                try await client.queryPinned("SELECT pg_sleep(30)", [], deadline: .now.advanced(by: .milliseconds(50)))
            }
            #expect(error?.kind == .deadline)
            try await eventually("the server stopped") { try await Self.sleepers(client) == 0 }
            let last = try await client.queryPinned("SELECT 1 AS n", [], deadline: nil).first?.int("n")
            #expect(last == 1)
        }
    }

    @Test func cancellingTheTaskCancelsAPinnedStatement() async throws {
        try await TestDatabase.withDatabase { client in
            let task = Task { try await client.queryPinned("SELECT pg_sleep(30)", [], deadline: .now.advanced(by: .seconds(60))) }
            try await eventually("it sleeps") { try await Self.sleepers(client) == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await eventually("the server stopped") { try await Self.sleepers(client) == 0 }
        }
    }

    @Test func cancellingTheTaskLetsAPipelinedCallerGo() async throws {
        try await TestDatabase.withDatabase { client in
            let task = Task { try await client.query("SELECT pg_sleep(8)") }
            try await eventually("it sleeps") { try await Self.sleepersSeenPinned(client) == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await Self.wakeSleepers(client)
            let last = try await client.query("SELECT 7 AS n").first?.int("n")
            #expect(last == 7)
        }
    }

    @Test func aCancelledTaskSendsNothing() async throws {
        try await TransactionTests.withTable { client in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await client.query("INSERT INTO t VALUES (1)")
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            let other = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await client.transaction { try await $0.query("INSERT INTO t VALUES (2)") }
            }
            await #expect(throws: CancellationError.self) { try await other.value }
            try await TransactionTests.expect(client, rows: 0)
        }
    }

    @Test func aTransactionsDeadlineRollsBack() async throws {
        try await TransactionTests.withTable { client in
            let error = await postgresFailure {
                try await client.transaction(deadline: .now.advanced(by: .milliseconds(200))) { tx in
                    try await tx.query("INSERT INTO t VALUES (1)")
                    try await tx.query("SELECT pg_sleep(30)")
                }
            }
            #expect(error?.kind == .deadline)
            try await eventually("the server stopped") { try await Self.sleepers(client) == 0 }
            try await TransactionTests.expect(client, rows: 0)
        }
    }

    @Test func aTransactionThatEndsTooLateIsNotCommitted() async throws {
        try await TransactionTests.withTable { client in
            let deadline = ContinuousClock.now.advanced(by: .milliseconds(100))
            let error = await postgresFailure {
                try await client.transaction(deadline: deadline) { tx in
                    try await tx.query("INSERT INTO t VALUES (1)")
                    try await Task.sleep(until: deadline.advanced(by: .milliseconds(1)), clock: .continuous)
                }
            }
            #expect(error?.kind == .deadline)
            try await TransactionTests.expect(client, rows: 0)
        }
    }

    @Test func waitingForAConnectionHasADeadline() async throws {
        try await TestDatabase.with { database in
            try await database.withClient({ $0.pinnedConnections = 1 }) { client in
                try await client.transaction { _ in
                    let error = await postgresFailure {
                        try await client.queryPinned("SELECT 1", [], deadline: .now.advanced(by: .milliseconds(30)))
                    }
                    #expect(error?.kind == .deadline)
                }
                let last = try await client.queryPinned("SELECT 1 AS n", [], deadline: nil).first?.int("n")
                #expect(last == 1)
            }
        }
    }

    /// Deadlines that fall all around the answers: no caller is resumed twice, no connection is lost
    /// to the pool, no cancellation hits a later statement.
    @Test func deadlinesAroundTheAnswerHarmNobody() async throws {
        try await TestDatabase.with { database in
            try await database.withClient({ $0.pinnedConnections = 3 }) { client in
                await withTaskGroup(of: Void.self) { group in
                    for task in 0..<6 {
                        group.addTask {
                            for round in 0..<40 {
                                let deadline = ContinuousClock.now.advanced(by: .microseconds((task * 40 + round) % 23 * 200))
                                let error = await postgresFailure {
                                    try await client.queryPinned("SELECT pg_sleep(0.002)", [], deadline: deadline)
                                }
                                #expect(error == nil || error?.kind == .deadline)
                            }
                        }
                    }
                }
                for _ in 0..<20 { try await client.queryPinned("SELECT pg_sleep(0.001)", [], deadline: nil) }
                #expect(client.isReachable)
            }
        }
    }

    /// A server that is frozen reacts to nothing: callers are let go all the same, and the client closes.
    @Test func aFrozenServerHoldsNobody() async throws {
        try await TestDatabase.with { database in
            var configuration = database.configuration
            // No other connection to turn to.
            configuration.pinnedConnections = 1
            let client = PostgresClient(configuration, logger: TestLog.logger)
            let run = Task { await client.run() }
            let own: Statement = "SELECT pg_backend_pid()::bigint AS pid"
            let pids = try await [client.query(own), client.queryPinned(own, [], deadline: nil)].compactMap { try $0.first?.int32("pid") }
            for pid in pids { kill(pid, SIGSTOP) }
            let start = ContinuousClock.now
            let deadline = start.advanced(by: .milliseconds(100))
            async let shared = postgresFailure { try await client.query("SELECT 1", [], deadline: deadline) }
            async let pinned = postgresFailure { try await client.queryPinned("SELECT 1", [], deadline: deadline) }
            async let inside = postgresFailure { try await client.transaction(deadline: deadline) { try await $0.query("SELECT 1") } }
            let kinds = await [shared?.kind, pinned?.kind, inside?.kind]
            #expect(kinds == [.deadline, .deadline, .deadline])
            #expect(ContinuousClock.now - start < .seconds(9))
            run.cancel()
            await run.value
            for pid in pids { kill(pid, SIGCONT) }
        }
    }
}
