import Foundation
import Logging
import Platform
import PostgresClient
import Synchronization

/// One PostgreSQL for the whole test process: a private cluster made at first use, or the server
/// that `SIGNALBOX_TEST_DATABASE_URL` names (its role must be allowed to create databases).
actor TestCluster {
    static let shared = TestCluster()

    private var starting: Task<TestServer, any Error>?
    private var templates: [String: Task<String, any Error>] = [:]

    /// Starts the cluster at the first call.
    func server() async throws -> TestServer {
        if let starting { return try await starting.value }
        let task = Task { try await TestServer.start() }
        starting = task
        return try await task.value
    }

    /// Name of the database that `template` was applied to, made once.
    func database(for template: TestTemplate) async throws -> String {
        if let made = templates[template.name] { return try await made.value }
        let server = try await server()
        let task = Task {
            let name = "signalbox_template_\(getpid())_\(template.name)"
            try await server.createDatabase(name, template: nil)
            try await server.withClient(database: name) { try await template.prepare($0) }
            return name
        }
        templates[template.name] = task
        return try await task.value
    }
}

/// A server to make databases on, and a client for doing so.
struct TestServer: Sendable {
    let configuration: PostgresConfiguration
    private let administrator: PostgresClient

    static func start() async throws -> TestServer {
        if let url = ProcessInfo.processInfo.environment["SIGNALBOX_TEST_DATABASE_URL"] {
            return TestServer(PostgresConfiguration(connectionString: url))
        }
        let home = "/tmp/signalbox-test-\(getpid())-\(Identifier.alphanumeric(6))"
        // Nothing in a test outlives the machine, so nothing waits for the disk.
        let cluster = EmbeddedCluster(
            directory: home, logger: TestLog.logger,
            settings: ["fsync": "off", "full_page_writes": "off", "max_connections": "500", "shared_buffers": "64MB"])
        let watchdog = try TestWatchdog(directory: home)
        let connectionString = try await cluster.start()
        watchdog.arm()
        return TestServer(PostgresConfiguration(connectionString: connectionString))
    }

    private init(_ configuration: PostgresConfiguration) {
        var configuration = configuration
        configuration.pipelinedConnections = 1
        configuration.pinnedConnections = 4
        configuration.statementTimeout = .seconds(60)
        self.configuration = configuration
        let administrator = PostgresClient(configuration, logger: TestLog.logger)
        self.administrator = administrator
        // Lives as long as the test process.
        Task { await administrator.run() }
    }

    func createDatabase(_ name: String, template: String?) async throws {
        try await administer("CREATE DATABASE \"\(name)\"" + (template.map { " TEMPLATE \"\($0)\"" } ?? ""))
    }

    func dropDatabase(_ name: String) async throws {
        try await administer("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)")
    }

    /// Names of databases cannot be parameters; these are made here from a number and a process id.
    private func administer(_ text: String) async throws {
        try await administrator.administer(SQLScript(migration: "test database", text: text))
    }

    func withClient<T: Sendable>(
        database: String, _ adjust: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (PostgresClient) async throws -> T
    ) async throws -> T {
        var configuration = try configuration.withDatabase(database)
        configuration.statementTimeout = .seconds(10)
        adjust(&configuration)
        let client = PostgresClient(configuration, logger: TestLog.logger)
        let run = Task { await client.run() }
        let result = await Task { try await body(client) }.result
        run.cancel()
        await run.value
        return try result.get()
    }
}
