/// What went wrong between us and PostgreSQL.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// No connection can be had, or it broke: the caller may try again later. Whether an
        /// interrupted statement took effect is unknown.
        case away
        /// The server answered with an error; `sqlState` is set.
        case server
        /// The deadline passed; a statement on a pinned connection was cancelled.
        case deadline
        /// A row did not have the expected column or type: a defect of ours.
        case decoding
        /// The client was shut down.
        case closed
    }

    public var kind: Kind
    public var message: String
    /// Five characters, such as `23505`; empty when the server said nothing.
    public var sqlState: String
    /// Name of the violated constraint, when there is one.
    public var constraint: String?

    public init(_ kind: Kind, _ message: String, sqlState: String = "", constraint: String? = nil) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
        self.constraint = constraint
    }

    public var description: String { sqlState.isEmpty ? "postgres: \(message)" : "postgres \(sqlState): \(message)" }

    /// 23505. `constraint` says which.
    public var isUniqueViolation: Bool { sqlState == "23505" }
    /// 23503.
    public var isForeignKeyViolation: Bool { sqlState == "23503" }
    /// 40001 or 40P01: the transaction may simply be run again.
    public var isSerializationFailure: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// The same statement may succeed later: the database is away, slow, ending this session, or out of disk, memory or
    /// connections.
    ///
    /// Classes 08 (connection), 40 (rolled back), 53 (disk, memory, connections) and 57 (shut down, cancelled by a timeout),
    /// and read-only or lock errors, say nothing about the request itself.
    public var isPassing: Bool {
        switch kind {
        case .away, .closed, .deadline: true
        case .decoding: false
        case .server: ["08", "40", "53", "57"].contains(sqlState.prefix(2)) || sqlState == "25006" || sqlState == "55P03"
        }
    }
}
