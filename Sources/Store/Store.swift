public import Platform
public import PostgresClient

/// Everything durable but objects' bytes (`Artifacts`), as methods named after the resource.
///
/// The context comes first. A method that takes `in executor:` takes part in the caller's
/// transaction, or runs alone when given the client; errors of PostgreSQL become `SignalboxError`
/// at the outermost call of the store.
public struct Store: Sendable {
    public let postgres: PostgresClient
    public let secrets: SecretBox
    let pageTokens: PageToken
    let configurations = ConfigurationCache()
    /// Live sessions that an account may have in a region, on all replicas together. nil: as many as the replicas take.
    public var accountSessionLimit: Int?

    public init(postgres: PostgresClient, secrets: SecretBox) {
        self.postgres = postgres
        self.secrets = secrets
        pageTokens = PageToken(secrets: secrets)
    }

    /// BEGIN … COMMIT around `body`, which may run up to five times when PostgreSQL reports a
    /// deadlock or a serialization failure: it must have no effect outside the transaction.
    public func transaction<T: Sendable>(
        _ c: OperationContext, _ body: @Sendable (PostgresTransaction) async throws -> T
    ) async throws -> T {
        var attempt = 1
        while true {
            do {
                return try await postgres.transaction(isolation: .readCommitted, deadline: c.deadline, body)
            } catch let error as PostgresError where error.isSerializationFailure && attempt < 5 {
                attempt += 1
                c.logger.debug("transaction repeated", metadata: ["error": "\(error)"])
            } catch {
                throw Self.translated(error)
            }
        }
    }

    /// Key lookups and small writes: the pipelined lane when given no transaction.
    func run(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, _ statement: Statement, _ parameters: [PostgresValue]
    ) async throws -> QueryResult {
        guard let executor else {
            do {
                return try await postgres.query(statement, parameters, deadline: c.deadline)
            } catch {
                throw Self.translated(error)
            }
        }
        return try await executor.query(statement, parameters, deadline: nil)
    }

    /// A write whose result nobody reads: in a transaction it travels with what follows, and its error is thrown there.
    func runLater(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, _ statement: Statement, _ parameters: [PostgresValue]
    ) async throws {
        if let transaction = executor as? PostgresTransaction { return try transaction.queryLater(statement, parameters) }
        _ = try await run(c, in: executor, statement, parameters)
    }

    /// Lists: a pinned connection when given no transaction, so that the statement can be cancelled.
    func runList(_ c: OperationContext, _ statement: Statement, _ parameters: [PostgresValue]) async throws -> QueryResult {
        do {
            return try await postgres.queryPinned(statement, parameters, deadline: c.deadline)
        } catch {
            throw Self.translated(error)
        }
    }
}
