public import Platform
public import PostgresClient

/// Brings a database to the schema that this binary knows.
///
/// All pending migrations run in one transaction under an advisory lock: of servers that start at
/// the same time one works and the others find everything done; a crash leaves nothing half done.
public struct Migrator: Sendable {
    /// Any number, the same for all versions of the program. (Locks of endpoints end in byte 1.)
    static let lockKey: Int64 = 0x5349_474e_414c_4200

    /// How many migrations a database may be ahead of a program that runs on it: during an upgrade old and new servers
    /// share one, and the old ones must be able to start again. schema/README.md says what that asks of a migration.
    static let tolerance = 1

    private let postgres: PostgresClient
    private let migrations: [Migration]

    public init(postgres: PostgresClient) {
        self.init(postgres: postgres, migrations: Migration.embedded)
    }

    init(postgres: PostgresClient, migrations: [Migration]) {
        self.postgres = postgres
        self.migrations = migrations
    }

    /// Applies what is missing and returns the names of what it applied, such as `0001-foundation`.
    ///
    /// Throws when the database is newer than this binary by more than `tolerance`, or was migrated by other files.
    @discardableResult
    public func migrate(_ c: OperationContext) async throws -> [String] {
        // Others may be at it, and a migration may rewrite a table.
        let deadline = c.deadline ?? c.clock.now().advanced(by: .seconds(600))
        do {
            for _ in 1..<Self.attempts {
                do {
                    return try await apply(c, deadline)
                } catch let error as PostgresError where error.isSerializationFailure {
                    c.logger.notice("the migration met changes under way and begins again", metadata: ["error": "\(error)"])
                }
            }
            return try await apply(c, deadline)
        } catch {
            throw Store.translated(error)
        }
    }

    /// It locks tables that servers of the release before use meanwhile, in another order: either may be the one that
    /// PostgreSQL has begin again.
    private static let attempts = 10

    private func apply(_ c: OperationContext, _ deadline: ContinuousClock.Instant) async throws -> [String] {
        try await postgres.transaction(isolation: .readCommitted, deadline: deadline) { tx in
            try await tx.query("select pg_advisory_xact_lock($1)", [.int(Self.lockKey)], deadline: deadline)
            let pending = try verify(c, try await applied(tx))
            for migration in pending {
                try await tx.script(SQLScript(migration: Self.label(migration), text: migration.text))
                try await tx.query(
                    "insert into schema_migration (number, name, checksum) values ($1, $2, $3)",
                    [.int(migration.number), .text(migration.name), .bytes(migration.checksumBytes)], deadline: deadline)
                c.logger.info("migration applied", metadata: ["migration": "\(Self.label(migration))"])
            }
            return pending.map(Self.label)
        }
    }

    /// Throws unless this binary can run on the database's schema.
    public func check(_ c: OperationContext) async throws {
        do {
            let pending = try await postgres.transaction(isolation: .readCommitted, deadline: c.deadline) { tx in
                try verify(c, try await applied(tx))
            }
            guard pending.isEmpty else {
                throw SignalboxError(
                    .internal, "The database lacks \(pending.map(Self.label).joined(separator: ", ")): run signalbox migrate.")
            }
        } catch {
            throw Store.translated(error)
        }
    }

    private struct Applied: Sendable {
        var number: Int
        var name: String
        var checksum: [UInt8]
    }

    private func applied(_ tx: PostgresTransaction) async throws -> [Applied] {
        let exists = try await tx.query("select to_regclass('schema_migration') is not null as exists")
        guard try exists.first?.bool("exists") == true else { return [] }
        return try await tx.query("select number, name, checksum from schema_migration order by number").rows.map {
            Applied(number: try $0.number("number"), name: try $0.text("name"), checksum: try $0.bytes("checksum"))
        }
    }

    /// What is still to be done, or why nothing can be.
    private func verify(_ c: OperationContext, _ applied: [Applied]) throws -> ArraySlice<Migration> {
        if applied.count > migrations.count, let newest = applied.last {
            guard applied.count <= migrations.count + Self.tolerance else {
                throw SignalboxError(
                    .internal,
                    "The database has migration \(Self.label(newest.number, newest.name)), which is too new for this program: it "
                        + "knows \(migrations.count), and works with \(Self.tolerance) more. Run a newer program, or restore a backup "
                        + "from before the upgrade.")
            }
            c.logger.notice(
                "the database is ahead of this program, which an upgrade is the time for",
                metadata: ["migration": "\(Self.label(newest.number, newest.name))"])
        }
        for (index, row) in applied.prefix(migrations.count).enumerated() {
            let known = migrations[index]
            guard row.number == known.number, row.checksum == known.checksumBytes else {
                throw SignalboxError(
                    .internal,
                    "The database was migrated with another \(Self.label(row.number, row.name)) than this program's "
                        + "\(Self.label(known)). A migration never changes once it has run: use the program that made the database.")
            }
        }
        return migrations.dropFirst(applied.count)
    }

    private static func label(_ migration: Migration) -> String { label(migration.number, migration.name) }

    private static func label(_ number: Int, _ name: String) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "-" + name
    }
}
