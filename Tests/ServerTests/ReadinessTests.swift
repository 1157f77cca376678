import Platform
import PostgresClient
import Store
import TestSupport
import Testing

@testable import Server

/// Ready means that all parts are, and each says why not.
struct ReadinessTests {
    private func readiness(_ store: Store) async -> Readiness {
        // A new one each time: what was seen counts for a second.
        await ReadinessProbe(store: store, supervisor: SignedServer.supervisor, context: .test()).current()
    }

    @Test func eachPartSaysHowItIs() async throws {
        try await withStore { store in
            func state(_ part: String) async -> String {
                let found = await readiness(store).parts[part]
                return "\(found?.isReady == true ? "+" : "-")\(found?.state ?? "")"
            }
            #expect(await readiness(store).parts.keys.sorted() == ["database", "drain", "schema", "supervisor"])
            #expect(await state("database") == "+up")
            #expect(await state("schema") == "+current")
            #expect(await state("supervisor") == "-away")
            #expect(await state("drain") == "+off")
            #expect(await !readiness(store).isReady)
            _ = try await store.postgres.query(
                "insert into schema_migration (number, name, checksum) select max(number) + 1, 'later', sha256('') from schema_migration"
            )
            #expect(await state("schema") == "+newer")
            _ = try await store.postgres.query(
                "delete from schema_migration where number >= (select max(number) - 1 from schema_migration)")
            #expect(await state("schema") == "-older")
        }
    }

    @Test func aDrainIsSeenAtOnce() async throws {
        try await withStore { store in
            let probe = ReadinessProbe(store: store, supervisor: SignedServer.supervisor, context: .test())
            #expect(await probe.current().parts["drain"]?.isReady == true)
            probe.drain()
            let after = await probe.current()
            #expect(after.parts["drain"]?.state == "draining" && after.parts["drain"]?.isReady == false)
            #expect(after.parts["database"]?.state == "up")
        }
    }

    @Test func withoutADatabase() async throws {
        let client = PostgresClient(
            PostgresConfiguration(connectionString: "host=/nowhere user=nobody dbname=secret-name"), logger: TestLog.logger)
        let running = Task { await client.run() }
        let found = await readiness(Store(postgres: client, secrets: try .test()))
        running.cancel()
        await running.value
        #expect(found.parts["database"]?.state == "away" && found.parts["schema"]?.state == "unknown")
        #expect(!found.isReady && !found.json.text.contains("secret-name") && !found.json.text.contains("nowhere"))
    }
}
