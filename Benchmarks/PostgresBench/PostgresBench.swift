import ArgumentParser
import Logging
import PostgresClient

/// Measures `PostgresClient` on the query and the table of `pgbench -S`, so that both can be compared.
@main
struct PostgresBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "postgres-bench", abstract: "Select by key through PostgresClient, as pgbench -S -M prepared does.")

    @Option(name: .customLong("database-url"), help: "A database that `pgbench -i` has filled.") var databaseURL: String
    @Option(help: "Tasks that ask at the same time.") var tasks = 32
    @Option(help: "How long to measure.") var seconds = 10
    @Option(help: "Rows of pgbench_accounts.") var rows = 100_000

    func run() async throws {
        var logger = Logger(label: "postgres-bench")
        logger.logLevel = .warning
        let client = PostgresClient(PostgresConfiguration(connectionString: databaseURL), logger: logger)
        let running = Task { await client.run() }
        // Connected and prepared before the clock starts.
        for _ in 0..<tasks { _ = try await Self.balance(client, account: 1) }

        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<tasks {
                group.addTask { [rows] in try await Self.select(client, until: end, rows: rows, seed: UInt64(task + 1)) }
            }
            return try await group.reduce(0, +)
        }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        print(#"{"queries": \#(total), "seconds": \#(elapsed), "perSecond": \#(Double(total) / elapsed)}"#)
        running.cancel()
        await running.value
    }

    /// Selects until the time is over. Returns how often.
    private static func select(
        _ client: PostgresClient, until end: ContinuousClock.Instant, rows: Int, seed: UInt64
    ) async throws -> Int {
        var count = 0
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        while ContinuousClock.now < end {
            // xorshift: cheap, and different in every task.
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            _ = try await balance(client, account: Int64(state % UInt64(rows)) + 1)
            count += 1
        }
        return count
    }

    private static func balance(_ client: PostgresClient, account: Int64) async throws -> Int64 {
        let result = try await client.query(
            "select abalance::bigint as balance from pgbench_accounts where aid = $1::bigint::int", [.int(account)])
        guard let row = result.first else { throw ValidationError("account \(account) is missing; run pgbench -i") }
        return try row.int("balance")
    }
}
