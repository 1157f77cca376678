public import Platform

extension Migrator {
    /// The schema that this program knows.
    public static var schemaNumber: Int { Migration.embedded.last?.number ?? 0 }
}

extension Store {
    /// The schema that the database has.
    public func schemaNumber(_ c: OperationContext) async throws -> Int {
        let result = try await run(c, "select coalesce(max(number), 0) as number from schema_migration", [])
        return try decoding { try result.first?.number("number") ?? 0 }
    }
}
