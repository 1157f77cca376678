import Foundation
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

/// A home for key files, gone when the test ends.
private final class Home: Sendable {
    let path = FileManager.default.temporaryDirectory.path + "/signalbox-master-keys-\(Identifier.alphanumeric(8))"
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func box() throws -> SecretBox { try SecretBox.openOrCreate(home: path) }

    /// As a person copies a key to another server.
    func copy(_ id: String, to other: Home) throws {
        let folder = other.path + "/keys/master"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: path + "/keys/master/\(id).key", toPath: folder + "/\(id).key")
    }

    func copyFirst(to other: Home) throws {
        try FileManager.default.createDirectory(atPath: other.path + "/keys", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: path + "/keys/master.key", toPath: other.path + "/keys/master.key")
    }
}

struct MasterKeyTests {
    private let c = OperationContext.test()

    /// State, access keys and environments of a key.
    private func state(_ store: Store, _ id: String) async throws -> String {
        try await store.masterKeyList(c).first { $0.id == id }.map { "\($0.state) \($0.accessKeys) \($0.environments)" } ?? "none"
    }

    @Test func rotationConvertsEverythingAndLosesNothing() async throws {
        try await TestDatabase.with(.store) { database in
            try await database.withClient { client in
                let home = Home()
                let store = Store(postgres: client, secrets: try home.box())
                try await store.masterKeySync(c)
                let old = store.secrets.keyID
                var keys: [AccessKeyRecord] = []
                for _ in 0..<5 { keys.append(try await store.accessKeyCreate(c, account: TestTenant.account, role: .viewer)) }
                let runtime = try await store.testRuntime(c, environmentVariables: ["TOKEN": "hidden"])
                _ = try await store.testRuntime(c, name: "plain")
                let page = store.pageTokens.make(cursor: ["a"], list: ["l"])
                let before = try #require(try await store.versionFetch(c, id: runtime.version.id))

                let new = try store.secrets.ring.add().id
                try await store.masterKeyPrepare(c, id: new)
                #expect(try await state(store, new) == "prepared 0 0")
                #expect(store.secrets.keyID == old)
                #expect(try await store.masterKeyUse(c, id: new))
                #expect(try await !store.masterKeyUse(c, id: new), "a second time")
                try await store.masterKeySync(c)
                #expect(store.secrets.keyID == new)
                #expect(try await state(store, old) == "replaced 5 1")
                // Still good, and new values go under the new key.
                #expect(try await store.accessKeyFetch(c, keyID: keys[0].keyID)?.secret == keys[0].secret)
                keys.append(try await store.accessKeyCreate(c, account: TestTenant.account, role: .viewer))
                #expect(try await state(store, new) == "current 1 0")
                await #expect { try await store.masterKeyRetire(c, id: old, tokenSeconds: 0) } throws: { "\($0)".contains("still sealed") }

                var rounds = 0
                while try await store.masterKeyReseal(c, limit: 2) > 0 { rounds += 1 }
                #expect(rounds == 3)
                #expect(try await state(store, old) == "replaced 0 0")
                #expect(try await state(store, new) == "current 6 1")
                for key in keys { #expect(try await store.accessKeyFetch(c, keyID: key.keyID)?.secret == key.secret) }
                let after = try #require(try await store.versionFetch(c, id: runtime.version.id))
                #expect(after.environmentVariables == ["TOKEN": "hidden"] && after.createdAt == before.createdAt)
                #expect(try store.pageTokens.cursor(of: page, list: ["l"], count: 1) == ["a"])

                await #expect { try await store.masterKeyRetire(c, id: old, tokenSeconds: 60) } throws: {
                    "\($0)".contains("Session tokens")
                }
                await #expect { try await store.masterKeyRetire(c, id: new, tokenSeconds: 0) } throws: { "\($0)".contains("current one") }
                try await store.masterKeyRetire(c, id: old, tokenSeconds: 0)
                try store.secrets.ring.removeFile(old)
                try await store.masterKeySync(c)
                #expect(store.secrets.ring.ids == [new])
                // A new process finds the key that is left, and makes none.
                let successor = Store(postgres: client, secrets: try home.box())
                try await successor.masterKeySync(c)
                #expect(successor.secrets.keyID == new)
                #expect(try await successor.accessKeyFetch(c, keyID: keys[0].keyID)?.secret == keys[0].secret)
            }
        }
    }

    @Test func aReplicaThatGetsTheKeyLateFindsItByItself() async throws {
        try await TestDatabase.with(.store) { database in
            try await database.withClient { client in
                let (home, other) = (Home(), Home())
                let first = Store(postgres: client, secrets: try home.box())
                try home.copyFirst(to: other)
                let second = Store(postgres: client, secrets: try other.box())
                for (store, name) in [(first, "r1"), (second, "r2")] {
                    _ = try await store.replicaRegister(c, id: name, host: "host-\(name)")
                    try await store.masterKeySync(c, replica: name)
                }
                let new = try first.secrets.ring.add().id
                try await first.masterKeyPrepare(c, id: new)
                try await first.masterKeySync(c, replica: "r1")
                #expect(try await first.masterKeyHolders(c).filter { !$0.keys.contains(new) }.map(\.host) == ["host-r2"])
                try home.copy(new, to: other)
                #expect(try await first.masterKeyUse(c, id: new))
                try await first.masterKeySync(c, replica: "r1")
                // Not synchronised yet: the row's key id makes it look into its files.
                let made = try await first.accessKeyCreate(c, account: TestTenant.account, role: .viewer)
                #expect(try await second.accessKeyFetch(c, keyID: made.keyID)?.secret == made.secret)
                try await second.masterKeySync(c, replica: "r2")
                #expect(second.secrets.keyID == new)
                #expect(try await first.masterKeyHolders(c).allSatisfy { $0.keys.contains(new) })
            }
        }
    }

    /// As a release left it that knew of one key only.
    @Test func whatIsThereSaysWhichKeyIsCurrent() async throws {
        try await TestDatabase.with(.store) { database in
            try await database.withClient { client in
                let (home, stranger) = (Home(), Home())
                let store = Store(postgres: client, secrets: try home.box())
                _ = try await store.accessKeyCreate(c, account: TestTenant.account, role: .viewer)
                let lost = Store(postgres: client, secrets: try stranger.box())
                await #expect { try await lost.masterKeySync(c) } throws: { "\($0)".contains(store.secrets.keyID) }
                try await store.masterKeySync(c)
                #expect(try await store.masterKeyList(c).map(\.id) == [store.secrets.keyID])
            }
        }
    }

    @Test func aHomeWithoutTheCurrentKeyIsRefused() async throws {
        try await TestDatabase.with(.store) { database in
            try await database.withClient { client in
                let (home, stranger) = (Home(), Home())
                let store = Store(postgres: client, secrets: try home.box())
                try await store.masterKeySync(c)
                let lost = Store(postgres: client, secrets: try stranger.box())
                await #expect { try await lost.masterKeySync(c) } throws: {
                    "\($0)".contains(store.secrets.keyID) && "\($0)".contains("copy it")
                }
            }
        }
    }

    @Test func nothingElseOfAVersionChanges() async throws {
        try await withStore { store async throws in
            let runtime = try await store.testRuntime(c, environmentVariables: ["A": "b"])
            let plain = try await store.testRuntime(c, name: "plain")
            let statements = [
                "update agent_runtime_version set environment_ciphertext = 'x'",
                "set local signalbox.reseal = 'on'; update agent_runtime_version set configuration = configuration || '\\x20'::bytea",
                "set local signalbox.reseal = 'on'; update agent_runtime_version set environment_ciphertext = 'x', created_by = 'me' where environment_key_id is not null",
                "set local signalbox.reseal = 'on'; update agent_runtime_version set environment_ciphertext = null, environment_key_id = null where environment_key_id is not null",
                "set local signalbox.reseal = 'on'; update agent_runtime_version set environment_ciphertext = 'x', environment_key_id = 'y' where environment_key_id is null",
                "set local signalbox.reseal = 'off'; update agent_runtime_version set environment_ciphertext = 'x'",
            ]
            for statement in statements {
                let script = SQLScript(migration: "test", text: statement)
                await #expect { try await store.postgres.executeScript(script) } throws: { "\($0)".contains("a version never changes") }
            }
            #expect(try await store.versionFetch(c, id: runtime.version.id)?.environmentVariables == ["A": "b"])
            #expect(try await store.versionFetch(c, id: plain.version.id)?.environmentVariables == [:])
        }
    }
}
