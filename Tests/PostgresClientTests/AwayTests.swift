import Foundation
import TestSupport
import Testing

@testable import PostgresClient

/// PostgreSQL that ends connections, restarts and stays away. The tests that stop a server have one
/// of their own.
@Suite struct AwayTests {
    static func terminateOthers(_ client: PostgresClient) async throws {
        _ = try await client.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    }

    static func backends(_ client: PostgresClient, sleeping: Bool) async throws -> Int64 {
        let row = try await client.query(
            """
            SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND (NOT $1::boolean OR wait_event = 'PgSleep')
            """, [.bool(sleeping)]
        ).first
        return try row?.int("n") ?? 0
    }

    @Test func terminatedConnectionsFailWhatIsUnderWayAndComeBack() async throws {
        try await TestDatabase.with { database in
            try await database.withClient { observer in
                try await database.withClient { client in
                    async let shared = postgresFailure { try await client.query("SELECT pg_sleep(30)") }
                    async let own = postgresFailure { try await client.queryPinned("SELECT pg_sleep(30)", [], deadline: nil) }
                    async let inside = postgresFailure { try await client.transaction { try await $0.query("SELECT pg_sleep(30)") } }
                    try await eventually("all three sleep") { try await Self.backends(observer, sleeping: true) == 3 }
                    try await Self.terminateOthers(observer)
                    #expect(await shared?.kind == .away)
                    #expect(await own?.kind == .away)
                    #expect(await inside?.kind == .away)
                    try await eventually("service resumes") {
                        let first = await postgresFailure { try await client.query("SELECT 1") }
                        let second = await postgresFailure { try await client.queryPinned("SELECT 1", [], deadline: nil) }
                        return first == nil && second == nil
                    }
                }
            }
        }
    }

    @Test func aTransactionDoesNotTripOverAStaleIdleConnection() async throws {
        try await TestDatabase.with { database in
            try await database.withClient { observer in
                try await database.withClient { client in
                    for _ in 0..<10 {
                        try await eventually("connected") {
                            await postgresFailure { try await client.queryPinned("SELECT 1", [], deadline: nil) } == nil
                        }
                        // Old enough to count as stable, so that its loss alone opens no circuit.
                        try await Self.terminateOthers(observer)
                        let error = await postgresFailure { try await client.transaction { try await $0.query("SELECT 1") } }
                        // The circuit may be open for a moment; what must not surface is the dead connection's end.
                        #expect(error == nil || error?.sqlState == "")
                    }
                }
            }
        }
    }

    @Test func terminationsAtRandomLoseNoCallerAndNoConnection() async throws {
        try await TestDatabase.with { database in
            try await database.withClient { observer in
                try await database.withClient({ $0.pipelinedConnections = 2 }) { client in
                    try await observer.query("CREATE TABLE t (n bigint)")
                    let end = ContinuousClock.now.advanced(by: .seconds(2))
                    await withTaskGroup(of: Void.self) { group in
                        for task in 0..<8 as Range<Int64> {
                            group.addTask {
                                while ContinuousClock.now < end {
                                    let error = await postgresFailure {
                                        if task % 2 == 0 {
                                            let row = try await client.query("SELECT $1::bigint AS n", [.int(task)]).first
                                            #expect(try row?.int("n") == task)
                                        } else {
                                            try await client.transaction { tx in
                                                try await tx.query("INSERT INTO t VALUES ($1)", [.int(task)])
                                            }
                                        }
                                    }
                                    #expect(error == nil || error?.kind == .away, "\(String(describing: error))")
                                    if error != nil { try? await Task.sleep(for: .milliseconds(5)) }
                                }
                            }
                        }
                        group.addTask {
                            while ContinuousClock.now < end {
                                try? await Self.terminateOthers(observer)
                                try? await Task.sleep(for: .milliseconds(40))
                            }
                        }
                    }
                    try await eventually("service resumes") {
                        await postgresFailure {
                            try await client.query("SELECT 1")
                            try await client.transaction { _ in }
                        } == nil
                    }
                    try await eventually("no connection leaked") { try await Self.backends(observer, sleeping: false) <= 2 + 4 }
                }
            }
        }
    }

    @Test func anUnreachableServerFailsFastAndNeverHangs() async throws {
        var configuration = PostgresConfiguration(connectionString: "host=/nonexistent dbname=x")
        configuration.pipelinedConnections = 2
        try await Self.withClient(configuration) { client in
            let first = await postgresFailure { try await client.query("SELECT 1") }
            #expect(first?.kind == .away)
            #expect(first?.message.contains("/nonexistent") == true)
            try await eventually("the circuit opens") { !client.isReachable }
            for _ in 0..<100 {
                let start = ContinuousClock.now
                #expect(await postgresFailure { try await client.query("SELECT 1") }?.kind == .away)
                #expect(await postgresFailure { try await client.transaction { _ in } }?.kind == .away)
                #expect(ContinuousClock.now - start < .seconds(9), "a call that waited would take its whole ten seconds")
            }
        }
    }

    @Test func aServerThatAcceptsAndSaysNothingTimesOut() async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic -> UInt16 in
                guard bind(listener, generic, size) == 0, listen(listener, 16) == 0, getsockname(listener, generic, &size) == 0 else {
                    return 0
                }
                return UInt16(bigEndian: pointer.pointee.sin_port)
            }
        }
        var configuration = PostgresConfiguration(connectionString: "host=127.0.0.1 port=\(port) user=x dbname=x")
        configuration.connectTimeout = .milliseconds(200)
        try await Self.withClient(configuration) { client in
            let error = await postgresFailure { try await client.query("SELECT 1") }
            #expect(error?.kind == .away)
            #expect(error?.message.contains("took too long") == true)
        }
    }

    @Test func callsBeforeRunWaitForIt() async throws {
        try await TestDatabase.with { database in
            let client = PostgresClient(database.configuration, logger: TestLog.logger)
            async let shared = client.query("SELECT 1 AS n")
            async let own = client.transaction { try await $0.query("SELECT 2 AS n") }
            await Task.yield()
            let run = Task { await client.run() }
            let (first, second) = try await (shared.first?.int("n"), own.first?.int("n"))
            #expect(first == 1)
            #expect(second == 2)
            run.cancel()
            await run.value
        }
    }

    @Test func anImmediateRestartIsSurvived() async throws {
        try await EmbeddedClusterTests.withHome { home in
            let cluster = EmbeddedCluster(directory: home, logger: TestLog.logger, settings: ["fsync": "off"])
            let connectionString = try await cluster.start()
            try await Self.withClient(PostgresConfiguration(connectionString: connectionString)) { client in
                try await client.query("CREATE TABLE t (n bigint)")
                try await client.query("INSERT INTO t VALUES (1)")
                var notifications = client.notifications(["news"]).makeAsyncIterator()
                #expect(await notifications.next() == .resumed)

                let pid = try #require(cluster.processID)
                kill(pid, SIGQUIT)
                try await eventually("it is gone") { cluster.processID == nil }
                try await eventually("the circuit opens") { !client.isReachable }
                let start = ContinuousClock.now
                #expect(await postgresFailure { try await client.query("SELECT 1") }?.kind == .away)
                #expect(await postgresFailure { try await client.transaction { _ in } }?.kind == .away)
                #expect(ContinuousClock.now - start < .seconds(9), "a call that waited would take its whole ten seconds")

                _ = try await cluster.start()
                try await eventually("service resumes") {
                    await postgresFailure {
                        try await client.query("INSERT INTO t VALUES (2)")
                        try await client.transaction { try await $0.query("INSERT INTO t VALUES (3)") }
                    } == nil
                }
                #expect(client.isReachable)
                #expect(await notifications.next() == .resumed)
                let row = try await client.query("SELECT count(*) AS n FROM t").first
                #expect(try (row?.int("n") ?? 0) >= 3)
            }
            await cluster.stop()
        }
    }

    static func withClient(
        _ configuration: PostgresConfiguration, _ body: @escaping @Sendable (PostgresClient) async throws -> Void
    ) async throws {
        let client = PostgresClient(configuration, logger: TestLog.logger)
        let run = Task { await client.run() }
        let result = await Task { try await body(client) }.result
        run.cancel()
        await run.value
        try result.get()
    }
}
