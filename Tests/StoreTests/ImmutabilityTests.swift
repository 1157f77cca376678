import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

/// Promise 6: the database refuses it, not only the code.
struct ImmutabilityTests {
    @Test func noColumnOfAVersionCanBeUpdated() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(.test(), environmentVariables: ["A": "1"])
            _ = try await store.testVersion(.test(), of: made.runtime)
            let columns = try await store.postgres.query(
                """
                select attname::text as name from pg_attribute
                where attrelid = 'agent_runtime_version'::regclass and attnum > 0 and not attisdropped and attidentity = ''
                """
            ).rows.map { try $0.text("name") }
            #expect(columns.count == 9)
            for column in columns {
                // Column names of our own catalog: no parameter can stand for them.
                let update = SQLScript(migration: "test", text: "update agent_runtime_version set \(column) = \(column)")
                await #expect { try await store.postgres.executeScript(update) } throws: { "\($0)".contains("a version never changes") }
            }
        }
    }

    @Test func aVersionIsDeletedOnlyWhenMarkedOrWithItsRuntime() async throws {
        try await withStore { store in
            let c = OperationContext.test()
            let made = try await store.testRuntime(c)
            let second = try await store.testVersion(c, of: made.runtime)
            await #expect { try await store.postgres.query("delete from agent_runtime_version where id = $1", [.int(second.id)]) } throws: {
                "\($0)".contains("is not marked for deletion")
            }
            await #expect { try await store.postgres.query("truncate agent_runtime_version cascade") } throws: {
                "\($0)".contains("a version never changes")
            }
            #expect(try await store.versionTransition(c, version: second.id, event: .deleteRequested))
            #expect(try await store.transaction(c) { try await store.versionDelete(c, in: $0, version: second.id) })
            #expect(try await store.versionFetch(c, id: second.id) == nil)

            // With its runtime, without any mark.
            _ = try await store.transaction(c) {
                try await store.runtimeTransition(c, in: $0, runtime: made.runtime.id, event: .deleteRequested)
            }
            #expect(try await store.transaction(c) { try await store.runtimeDelete(c, in: $0, runtime: made.runtime.id) })
            #expect(try await store.versionFetch(c, id: made.version.id) == nil)
        }
    }

    @Test func theHashMustBeTheConfigurations() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(.test())
            await #expect {
                try await store.postgres.query(
                    """
                    insert into agent_runtime_version (runtime, version, configuration, configuration_sha256, created_by)
                    values ($1, 2, $2, sha256('other'), 'k')
                    """, [.int(made.runtime.id), .bytes([1])])
            } throws: { ($0 as? PostgresError)?.constraint == "agent_runtime_version_hash" }
        }
    }

    @Test func aCompleteArtifactNeverChangesAndAUsedOneStays() async throws {
        try await withStore { store in
            let artifact = try await Self.artifact(store, bytes: [1, 2, 3])
            let reference = ArtifactReference(
                id: artifact, sha256: "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81", size: 3)
            let made = try await store.testRuntime(.test(), artifact: reference)
            #expect(made.version.artifact == reference)
            await #expect { try await store.postgres.query("update artifact set size = 4 where id = $1", [.int(artifact)]) } throws: {
                "\($0)".contains("never changes")
            }
            await #expect {
                try await store.postgres.query("update artifact_chunk set data = $2 where artifact = $1", [.int(artifact), .bytes([9])])
            } throws: { "\($0)".contains("never changes") }
            await #expect { try await store.postgres.query("delete from artifact where id = $1", [.int(artifact)]) } throws: {
                ($0 as? PostgresError)?.isForeignKeyViolation == true
            }
        }
    }

    static func artifact(_ store: Store, bytes: [UInt8]) async throws -> Int64 {
        let id = try await store.postgres.query("insert into artifact default values returning id").first?.int("id") ?? 0
        try await store.postgres.query(
            "insert into artifact_chunk (artifact, position, data) values ($1, 0, $2)", [.int(id), .bytes(bytes)])
        try await store.postgres.query(
            "update artifact set state = 'complete', sha256 = sha256($2), size = length($2) where id = $1", [.int(id), .bytes(bytes)])
        return id
    }
}
