import Foundation
import Logging
import PostgresClient
import Synchronization

/// What a test's database starts from. Made once per process, then cloned for every test.
///
/// ```swift
/// extension TestTemplate {
///     static let store = TestTemplate("store") { client in try await Migrator(client).run() }
/// }
/// ```
public struct TestTemplate: Sendable {
    let name: String
    let prepare: @Sendable (PostgresClient) async throws -> Void

    /// - Parameter name: lower-case letters, digits and underscores; one name, one meaning.
    public init(_ name: String, prepare: @escaping @Sendable (PostgresClient) async throws -> Void) {
        self.name = name
        self.prepare = prepare
    }

    /// No tables at all.
    public static let empty = TestTemplate("empty") { _ in }
}

/// A database of a test's own on a real PostgreSQL.
public struct TestDatabase: Sendable {
    /// Connects to this database; small pools, so that many tests may run at once.
    public let configuration: PostgresConfiguration
    public let name: String
    private let server: TestServer

    private static let count = Atomic<Int>(0)

    /// Clones `template`, runs `body` with the database, and drops it whatever happened.
    public static func with<T: Sendable>(
        _ template: TestTemplate = .empty, _ body: @Sendable (TestDatabase) async throws -> T
    ) async throws -> T {
        let server = try await TestCluster.shared.server()
        let source = try await TestCluster.shared.database(for: template)
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        let name = "signalbox_test_\(getpid())_\(number)"
        try await server.createDatabase(name, template: source)
        var configuration = try server.configuration.withDatabase(name)
        configuration.statementTimeout = .seconds(10)
        let database = TestDatabase(configuration: configuration, name: name, server: server)
        let result: Result<T, any Error>
        do { result = .success(try await body(database)) } catch { result = .failure(error) }
        // A cancelled test drops its database too.
        _ = await Task { try? await server.dropDatabase(name) }.value
        return try result.get()
    }

    /// The usual form: one running client on a fresh database.
    public static func withDatabase<T: Sendable>(
        _ template: TestTemplate = .empty, _ body: @escaping @Sendable (PostgresClient) async throws -> T
    ) async throws -> T {
        try await with(template) { try await $0.withClient(body) }
    }

    /// A further client on this database, such as a second replica's.
    public func withClient<T: Sendable>(_ body: @escaping @Sendable (PostgresClient) async throws -> T) async throws -> T {
        try await withClient({ _ in }, body)
    }

    /// - Parameter adjust: changes the client's configuration.
    public func withClient<T: Sendable>(
        _ adjust: (inout PostgresConfiguration) -> Void, _ body: @escaping @Sendable (PostgresClient) async throws -> T
    ) async throws -> T {
        try await server.withClient(database: name, adjust, body)
    }
}

/// The logger of all tests: silent unless `SIGNALBOX_TEST_LOG` names a level.
public enum TestLog {
    public static let logger: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = ProcessInfo.processInfo.environment["SIGNALBOX_TEST_LOG"].flatMap(Logger.Level.init(rawValue:)) ?? .critical
        return logger
    }()
}
