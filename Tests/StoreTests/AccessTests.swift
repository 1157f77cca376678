import Foundation
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct AccessTests {
    private let c = OperationContext.test()

    @Test func keysKeepTheirSecretSealed() async throws {
        try await withStore { store async throws in
            let made = try await store.accessKeyCreate(c, account: TestTenant.account, role: .operator)
            #expect(made.keyID.hasPrefix("AKIA") && made.keyID.count == 20)
            #expect(made.secret.count == 40)
            let found = try #require(try await store.accessKeyFetch(c, keyID: made.keyID))
            #expect(found.secret == made.secret)
            #expect(found.role == .operator)
            #expect(found.account == TestTenant.account)
            #expect(!found.isDisabled)
            #expect(!"\(found)".contains(made.secret))
            let stored = try await store.postgres.query("select secret_ciphertext from access_key").first?.bytes("secret_ciphertext") ?? []
            #expect(!String(decoding: stored, as: UTF8.self).contains(made.secret))
            #expect(try await store.accessKeyFetch(c, keyID: "AKIAUNKNOWN") == nil)
        }
    }

    @Test func givenKeysAreImportedOnce() async throws {
        try await withStore { store async throws in
            _ = try await store.accessKeyCreate(c, account: TestTenant.account, role: .admin, keyID: "AKIAGIVEN", secret: "s")
            await #expect {
                try await store.accessKeyCreate(c, account: TestTenant.account, role: .admin, keyID: "AKIAGIVEN", secret: "s")
            } throws: { ($0 as? SignalboxError)?.kind == .conflict }
            await #expect { try await store.accessKeyCreate(c, account: "999999999999", role: .admin) } throws: {
                ($0 as? SignalboxError)?.kind == .notFound
            }
        }
    }

    @Test func disablingIsHeard() async throws {
        try await withStore { store async throws in
            let heard = Heard(store, Channels.key)
            defer { heard.stop() }
            try await heard.ready()
            let made = try await store.accessKeyCreate(c, account: TestTenant.account, role: .viewer)
            #expect(try await !store.accessKeyDisable(c, account: TestTenant.otherAccount, keyID: made.keyID))
            #expect(try await store.accessKeyDisable(c, account: TestTenant.account, keyID: made.keyID))
            try await heard.expect(made.keyID)
            #expect(try await store.accessKeyFetch(c, keyID: made.keyID)?.isDisabled == true)
            #expect(try await store.accessKeyList(c, account: TestTenant.account).map(\.isDisabled) == [true])
        }
    }

    @Test func accountsAreMadeOnce() async throws {
        try await withStore { store async throws in
            try await store.accountCreate(c, number: "000000000001", name: "one")
            try await store.accountCreate(c, number: "000000000001", name: "again")
            #expect(try await store.accountList(c).map(\.name) == ["one", "test", "other"])
        }
    }

    @Test func anAwayDatabaseIsUnavailable() async throws {
        let configuration = PostgresConfiguration(connectionString: "host=/nowhere/at/all dbname=x")
        let client = PostgresClient(configuration, logger: TestLog.logger)
        let run = Task { await client.run() }
        var c = self.c
        c.deadline = .now.advanced(by: .seconds(3))
        let context = c
        let store = Store(postgres: client, secrets: try .test())
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await store.accountList(context) }, { _ = try await store.accessKeyFetch(context, keyID: "k") },
            { _ = try await store.transaction(context) { _ in } },
            { _ = try await store.accessKeyCreate(context, account: "1", role: .admin) },
        ]
        for call in calls {
            await #expect { try await call() } throws: { error in
                guard case .unavailable = (error as? SignalboxError)?.kind else { return false }
                return true
            }
        }
        run.cancel()
        await run.value
    }
}

struct SecretBoxTests {
    @Test func whatIsSealedOpensInItsPlaceOnly() throws {
        let box = try SecretBox.test()
        let sealed = try box.seal([1, 2, 3], binding: "a")
        #expect(try box.open(sealed, binding: "a") == [1, 2, 3])
        #expect(try box.seal([1, 2, 3], binding: "a") != sealed, "the nonce must differ")
        #expect(throws: SignalboxError.self) { try box.open(sealed, binding: "b") }
        for index in sealed.ciphertext.indices {
            var altered = sealed
            altered.ciphertext[index] ^= 1
            #expect(throws: SignalboxError.self) { try box.open(altered, binding: "a") }
        }
        #expect(throws: SignalboxError.self) { try box.open(SealedSecret(ciphertext: [], keyID: box.keyID), binding: "a") }
        let other = try SecretBox(masterKey: Array(1...32))
        #expect(other.keyID != box.keyID)
        #expect { try other.open(sealed, binding: "a") } throws: { "\($0)".contains("keys/master.key") }
        #expect(throws: SignalboxError.self) { try SecretBox(masterKey: [1]) }
    }

    @Test func theKeyFileIsMadeOnceAndPrivate() async throws {
        let home = FileManager.default.temporaryDirectory.path + "/signalbox-secrets-\(Identifier.alphanumeric(8))"
        defer { try? FileManager.default.removeItem(atPath: home) }
        let keyIDs = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { try SecretBox.openOrCreate(home: home).keyID } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(keyIDs.count == 1)
        let path = home + "/keys/master.key"
        let mode = try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: home + "/keys") == ["master.key"])
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        #expect { try SecretBox.openOrCreate(home: home) } throws: { "\($0)".contains("chmod 600") }
        try FileManager.default.removeItem(atPath: path)
        try Data([1, 2]).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect { try SecretBox.openOrCreate(home: home) } throws: { "\($0)".contains("2 bytes instead of 32") }
    }
}
