import Logging
import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// STUB: signatures fixed, bodies being written.
public struct PostgresConfiguration: Sendable {
    /// libpq connection string or URI, TLS options included.
    public var connectionString: String
    public var pipelinedConnections = 2
    public var pinnedConnections = 8
    /// For statements without a deadline of their own.
    public var statementTimeout: Duration = .seconds(10)
    public var connectTimeout: Duration = .seconds(5)
    public var applicationName = "signalbox"

    public init(connectionString: String) { self.connectionString = connectionString }
}

/// One row of a result. Columns are read by name; a wrong name or type throws `PostgresError.decoding`.
public struct Row: Sendable {
    public func int(_ column: StaticString) throws -> Int64 { fatalError() }
    public func int32(_ column: StaticString) throws -> Int32 { fatalError() }
    public func double(_ column: StaticString) throws -> Double { fatalError() }
    public func text(_ column: StaticString) throws -> String { fatalError() }
    public func bool(_ column: StaticString) throws -> Bool { fatalError() }
    public func bytes(_ column: StaticString) throws -> [UInt8] { fatalError() }
    public func timestamp(_ column: StaticString) throws -> Date { fatalError() }
    /// json or jsonb, as text
    public func json(_ column: StaticString) throws -> String { fatalError() }
    public func textArray(_ column: StaticString) throws -> [String] { fatalError() }
    public func intArray(_ column: StaticString) throws -> [Int64] { fatalError() }
    public func isNull(_ column: StaticString) throws -> Bool { fatalError() }
    public func intOrNil(_ column: StaticString) throws -> Int64? { fatalError() }
    public func textOrNil(_ column: StaticString) throws -> String? { fatalError() }
    public func bytesOrNil(_ column: StaticString) throws -> [UInt8]? { fatalError() }
    public func timestampOrNil(_ column: StaticString) throws -> Date? { fatalError() }
    public func jsonOrNil(_ column: StaticString) throws -> String? { fatalError() }
}

/// What a statement returned.
public struct QueryResult: Sendable {
    public var rows: [Row]
    /// Rows inserted, updated, deleted or selected.
    public var affectedRows: Int
    public var first: Row? { rows.first }
}

/// Anything that carries out statements: the client itself (each statement on its own) or a transaction.
public protocol PostgresExecutor: Sendable {
    @discardableResult
    func query(_ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?) async throws -> QueryResult
}

extension PostgresExecutor {
    @discardableResult
    public func query(_ statement: Statement, _ parameters: [PostgresValue] = []) async throws -> QueryResult {
        try await query(statement, parameters, deadline: nil)
    }
}

/// An open transaction on a pinned connection. Valid only inside the closure that received it.
public struct PostgresTransaction: PostgresExecutor {
    @discardableResult
    public func query(_ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?) async throws -> QueryResult { fatalError() }
}

public enum IsolationLevel: Sendable { case readCommitted, repeatableRead, serializable }

public struct PostgresNotification: Sendable, Equatable {
    public enum Event: Sendable, Equatable {
        case payload(channel: String, payload: String)
        /// The listening connection was lost and is back: notifications may have been missed.
        case resumed
    }
}

/// Asynchronous libpq client with two lanes.
public final class PostgresClient: PostgresExecutor {
    public init(_ configuration: PostgresConfiguration, logger: Logger) { fatalError() }

    /// Keeps connections alive until the task is cancelled. Must run for anything else to work.
    public func run() async { fatalError() }

    /// Pipelined lane: an independent statement, own sync, own implicit transaction.
    @discardableResult
    public func query(_ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?) async throws -> QueryResult { fatalError() }

    /// Pinned lane, single statement that may be slow (lists, large rows) and is cancelled at its deadline.
    @discardableResult
    public func queryPinned(_ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant?) async throws -> QueryResult { fatalError() }

    /// Pinned lane: BEGIN … COMMIT around `body`; ROLLBACK when it throws. Serialization failures and
    /// deadlocks are the caller's to repeat.
    public func transaction<T: Sendable>(
        isolation: IsolationLevel = .readCommitted, deadline: ContinuousClock.Instant? = nil,
        _ body: @Sendable (PostgresTransaction) async throws -> T
    ) async throws -> T { fatalError() }

    /// LISTEN on `channels` with a connection of its own; survives reconnects (`.resumed`).
    public func notifications(_ channels: [String]) -> AsyncStream<PostgresNotification.Event> { fatalError() }

    /// False while the circuit is open: calls fail fast with `.away`.
    public var isReachable: Bool { fatalError() }
}
