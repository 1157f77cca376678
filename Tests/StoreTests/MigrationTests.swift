import Crypto
import Foundation
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct MigrationTests {
    /// What a new database lacks.
    private let everything = Migration.embedded.map { "\(String(format: "%04d", $0.number))-\($0.name)" }

    static let schema = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "schema")

    @Test func theBinaryCarriesTheFilesAsTheyAre() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.schema.appending(path: "migrations").path).sorted()
        #expect(folders.count == Migration.embedded.count, "run scripts/embed-schema")
        for (folder, migration) in zip(folders, Migration.embedded) {
            let data = try Data(contentsOf: Self.schema.appending(path: "migrations/\(folder)/up.sql"))
            #expect(migration.text == String(decoding: data, as: UTF8.self), "run scripts/embed-schema")
            #expect(migration.checksumBytes == Array(SHA256.hash(data: data)), "run scripts/embed-schema")
            #expect(folder.hasSuffix("-" + migration.name))
            #expect(Int(folder.prefix(4)) == migration.number)
        }
    }

    @Test func schemaAndMigrationsGiveTheSameCatalog() async throws {
        let file = try String(contentsOf: Self.schema.appending(path: "schema.sql"), encoding: .utf8)
        let whole = try await TestDatabase.withDatabase { client in
            try await client.executeScript(SQLScript(migration: "schema.sql", text: file))
            return try await Catalog.read(client)
        }
        let migrated = try await TestDatabase.withDatabase { client in
            try await Migrator(postgres: client).migrate(.test())
            return try await Catalog.read(client)
        }
        #expect(whole.count > 150)
        #expect(Set(whole).subtracting(migrated).sorted() == [], "in schema.sql only")
        #expect(Set(migrated).subtracting(whole).sorted() == [], "in the migrations only")
        for kind in ["table", "column", "constraint", "index", "trigger", "function", "view", "sequence"] {
            #expect(whole.contains { $0.hasPrefix(kind + " ") }, "no \(kind) was compared")
        }
    }

    @Test func aSecondRunDoesNothing() async throws {
        try await TestDatabase.withDatabase { client in
            let migrator = Migrator(postgres: client)
            await #expect(throws: SignalboxError.self) { try await migrator.check(.test()) }
            #expect(try await migrator.migrate(.test()) == everything)
            #expect(try await migrator.migrate(.test()) == [])
            try await migrator.check(.test())
        }
    }

    @Test func twoServersThatStartAtOnceMigrateOnce() async throws {
        for _ in 0..<3 {
            try await TestDatabase.with { database in
                let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            try await database.withClient { try await Migrator(postgres: $0).migrate(.test()) }
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(applied.filter { !$0.isEmpty } == [everything])
                #expect(applied.count == 4)
            }
        }
    }

    @Test func aFailingMigrationLeavesNothing() async throws {
        try await TestDatabase.withDatabase { client in
            let broken = Migration(
                number: Migration.embedded.count + 1, name: "broken", checksum: String(repeating: "ab", count: 32),
                text: "create table t (a int); select 1/0;")
            let migrator = Migrator(postgres: client, migrations: Migration.embedded + [broken])
            await #expect { try await migrator.migrate(.test()) } throws: { "\($0)".contains("-broken") }
            let left = try await client.query("select to_regclass('account') is null and to_regclass('t') is null as nothing")
            #expect(try left.first?.bool("nothing") == true)
        }
    }

    private func next(_ ahead: Int) -> [Migration] {
        (1...ahead).map {
            Migration(
                number: Migration.embedded.count + $0, name: "next", checksum: String(repeating: "cd", count: 32),
                text: "create table t\($0) (a int);")
        }
    }

    @Test func aDatabaseOneAheadIsServed() async throws {
        try await TestDatabase.withDatabase { client in
            try await Migrator(postgres: client, migrations: Migration.embedded + next(1)).migrate(.test())
            try await Migrator(postgres: client).check(.test())
            #expect(try await Migrator(postgres: client).migrate(.test()) == [])
        }
    }

    @Test func aDatabaseFurtherAheadIsRefusedWithAdvice() async throws {
        try await TestDatabase.withDatabase { client in
            try await Migrator(postgres: client, migrations: Migration.embedded + next(2)).migrate(.test())
            for run in [
                { try await Migrator(postgres: client).check(.test()) }, { _ = try await Migrator(postgres: client).migrate(.test()) },
            ] {
                await #expect { try await run() } throws: { error in
                    (error as? SignalboxError)?.message.contains("-next, which is too new for this program") == true
                }
            }
        }
    }

    @Test func anotherTextUnderTheSameNumberIsRefused() async throws {
        try await TestDatabase.withDatabase { client in
            try await Migrator(postgres: client).migrate(.test())
            var changed = Migration.embedded
            changed[0].checksum = String(repeating: "00", count: 32)
            let migrator = Migrator(postgres: client, migrations: changed)
            await #expect { try await migrator.migrate(.test()) } throws: { error in
                (error as? SignalboxError)?.message.contains("migrated with another 0001-foundation") == true
            }
        }
    }
}

/// Everything that a schema consists of, a line each.
enum Catalog {
    static func read(_ client: PostgresClient) async throws -> [String] {
        try await client.query(
            """
            select 'table ' || c.relname || ' ' || c.relkind::text || ' ' || coalesce(c.reloptions::text, '') as line
            from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'S')
            union all
            select 'column ' || c.relname || '.' || a.attname || ' #' || a.attnum || ' ' || format_type(a.atttypid, a.atttypmod)
                || ' notnull=' || a.attnotnull || ' identity=' || a.attidentity::text || ' storage=' || a.attstorage::text
                || ' collation=' || coalesce((select collname::text from pg_collation where oid = a.attcollation), '')
                || ' default=' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
            from pg_attribute a join pg_class c on c.oid = a.attrelid
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
            union all
            select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
            from pg_constraint where connamespace = 'public'::regnamespace
            union all
            select 'index ' || indexname || ' ' || indexdef from pg_indexes where schemaname = 'public'
            union all
            select 'trigger ' || tgname || ' ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
            union all
            select 'function ' || proname || ' ' || pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
            union all
            select 'view ' || viewname || ' ' || definition from pg_views where schemaname = 'public'
            union all
            select 'sequence ' || sequencename || ' ' || data_type::text || ' ' || start_value || ' ' || increment_by
            from pg_sequences where schemaname = 'public'
            order by 1
            """
        ).rows.map { try $0.text("line") }
    }
}
