import Logging
import Platform
import PostgresClient
import Store

/// A database for the time of a command.
enum Database {
    /// Connects, runs `body`, closes the connections.
    static func with<Value: Sendable>(
        _ url: String, logger: Logger, _ body: @Sendable @escaping (PostgresClient) async throws -> Value
    ) async throws -> Value {
        var configuration = PostgresConfiguration(connectionString: url)
        configuration.pipelinedConnections = 1
        configuration.pinnedConnections = 1
        let postgres = PostgresClient(configuration, logger: logger)
        let running = Task { await postgres.run() }
        let work = Task { try await body(postgres) }
        let result = await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
        running.cancel()
        await running.value
        return try result.get()
    }

    /// Brings the schema up to date. Gives the names of the migrations that were applied.
    static func migrate(_ url: String, logger: Logger) async throws -> [String] {
        try await with(url, logger: logger) { postgres in
            try await Migrator(postgres: postgres).migrate(.background("migrate", logger: logger))
        }
    }
}

extension DevelopmentKey {
    static let account = "123456789012"
    static let region = "us-east-1"

    /// The home's key, made if there is none, and known to the database: its account, too.
    static func ensure(_ home: HomeDirectory, url: String, logger: Logger) async throws -> DevelopmentKey {
        let key =
            try read(home)
            ?? DevelopmentKey(
                accessKeyId: "AKIA" + Identifier.alphanumeric(16).uppercased(), secretAccessKey: Identifier.alphanumeric(40),
                account: account, region: region)
        // On disk first: a key that only the database knows would be of use to nobody.
        try key.write(home)
        try await Database.with(url, logger: logger) { postgres in
            let context = OperationContext.background("key", logger: logger)
            let store = try await Store.open(postgres, home, context)
            try await store.accountCreate(context, number: key.account)
            guard try await store.accessKeyFetch(context, keyID: key.accessKeyId) == nil else { return }
            _ = try await store.accessKeyCreate(
                context, account: key.account, role: .admin, keyID: key.accessKeyId, secret: key.secretAccessKey)
        }
        return key
    }
}
