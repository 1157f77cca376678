import AgentCoreModel
import Lifecycle
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct RuntimeTests {
    private let c = OperationContext.test()

    @Test func aRuntimeIsFoundByItsOwnTenantOnly() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            #expect(made.runtime.status == .ready)
            #expect(try await store.runtimeFetch(c, runtimeID: made.runtime.runtimeID) == made.runtime)
            #expect(try await store.runtimeFetch(.test(account: TestTenant.otherAccount), runtimeID: made.runtime.runtimeID) == nil)
            var elsewhere = c
            elsewhere.region = "eu-west-1"
            #expect(try await store.runtimeFetch(elsewhere, runtimeID: made.runtime.runtimeID) == nil)
        }
    }

    @Test func aLiveNameIsTakenUntilDeletionHasFinished() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c, name: "one")
            await #expect { try await store.testRuntime(c, name: "one") } throws: { error in
                (error as? SignalboxError)?.message == "Agent runtime with name 'one' already exists."
            }
            _ = try await store.testRuntime(.test(account: TestTenant.otherAccount), name: "one")
            _ = try await store.transaction(c) { tx in
                try await store.runtimeTransition(c, in: tx, runtime: made.runtime.id, event: .deleteRequested)
            }
            await #expect(throws: SignalboxError.self) { try await store.testRuntime(c, name: "one") }
            #expect(try await store.transaction(c) { try await store.runtimeDelete(c, in: $0, runtime: made.runtime.id) })
            #expect(try await store.runtimeFetch(c, runtimeID: made.runtime.runtimeID) == nil)
            let again = try await store.testRuntime(c, name: "one")
            #expect(again.version.version == 1)
            let history = try await store.historyList(c, endpoint: made.endpoint.id)
            #expect(history.map(\.step.kind) == [.created, .flipped, .deleted])
        }
    }

    @Test func twoCreatesOfOneNameGiveOneRuntime() async throws {
        try await withTwoStores { first, second in
            for round in 0..<20 {
                let results = await withTaskGroup(of: Bool.self) { group in
                    for store in [first, second] {
                        group.addTask {
                            do {
                                _ = try await store.testRuntime(c, name: "name\(round)")
                                return true
                            } catch let error as SignalboxError where error.kind == .conflict {
                                return false
                            } catch {
                                Issue.record("\(error)")
                                return false
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(results.filter { $0 }.count == 1)
            }
            let count = try await first.runtimeCount(c)
            #expect(count == 20)
        }
    }

    @Test func onlyLegalTransitionsApply() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let id = made.runtime.id
            for status in AgentRuntimeStatus.allCases {
                for event in RuntimeEvent.allCases where RuntimeMachine.table.destination(of: event) != nil {
                    try await store.postgres.query(
                        "update agent_runtime set status = $2, failure_reason = 'old' where id = $1", [.int(id), .text(status.rawValue)])
                    let applied = try await store.transaction(c) { tx in
                        try await store.runtimeTransition(c, in: tx, runtime: id, event: event, failureReason: "new")
                    }
                    let after = try await store.runtimeFetch(c, id: id)
                    switch RuntimeMachine.table.apply(event, to: status) {
                    case .success(let outcome):
                        #expect(applied)
                        #expect(after?.status == outcome.status)
                        #expect(after?.failureReason == "new")
                    case .failure:
                        #expect(!applied)
                        #expect(after?.status == status)
                        #expect(after?.failureReason == "old")
                    }
                }
            }
        }
    }

    @Test func aFailureIsNamedAfterWhatFailed() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            for (during, after) in [(AgentRuntimeStatus.creating, AgentRuntimeStatus.createFailed), (.updating, .updateFailed)] {
                try await store.postgres.query(
                    "update agent_runtime set status = $2 where id = $1", [.int(made.runtime.id), .text(during.rawValue)])
                #expect(try await store.transaction(c) { try await store.runtimeFail(c, in: $0, runtime: made.runtime.id, reason: "r") })
                #expect(try await store.runtimeFetch(c, id: made.runtime.id)?.status == after)
                #expect(try await !store.transaction(c) { try await store.runtimeFail(c, in: $0, runtime: made.runtime.id, reason: "r") })
            }
        }
    }

    @Test func versionNumbersAreNeverReused() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let second = try await store.testVersion(c, of: made.runtime)
            #expect(second.version == 2)
            _ = try await store.versionTransition(c, version: second.id, event: .deleteRequested)
            #expect(try await store.transaction(c) { try await store.versionDelete(c, in: $0, version: second.id) })
            #expect(try await store.testVersion(c, of: made.runtime).version == 3)
            #expect(try await store.versionFetch(c, runtime: made.runtime.id, version: 2) == nil)
            #expect(try await store.versionFetch(c, runtime: made.runtime.id)?.version == 3)
            #expect(try await store.versionCount(c, runtime: made.runtime.id) == 2)
        }
    }

    @Test func versionsAppendedAtOnceGetNumbersInARow() async throws {
        try await withTwoStores { first, second in
            let made = try await first.testRuntime(c)
            let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<20 {
                    group.addTask { try await (index % 2 == 0 ? first : second).testVersion(c, of: made.runtime).version }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(numbers.sorted() == Array(2...21))
        }
    }

    @Test func environmentValuesAreSealedAndBoundToTheirVersion() async throws {
        try await withStore { store in
            let secret = "correct horse battery staple"
            let made = try await store.testRuntime(c, environmentVariables: ["TOKEN": secret])
            #expect(made.version.environmentVariables == ["TOKEN": secret])
            let row = try await store.postgres.query(
                "select environment_ciphertext, configuration from agent_runtime_version where id = $1", [.int(made.version.id)]
            ).first
            let stored = try row?.bytes("environment_ciphertext") ?? []
            #expect(!String(decoding: stored, as: UTF8.self).contains("horse"))
            #expect(!String(decoding: try row?.bytes("configuration") ?? [], as: UTF8.self).contains("horse"))
            #expect(!"\(made.version)".contains("horse"))
            var dumped = ""
            dump(made.version, to: &dumped)
            #expect(!dumped.contains("horse"))
            // The ciphertext in another row does not open.
            try await store.postgres.query(
                """
                with v as (
                    insert into agent_runtime_version (runtime, version, configuration, configuration_sha256, environment_ciphertext,
                        environment_key_id, created_by)
                    select runtime, 2, configuration, configuration_sha256, environment_ciphertext, environment_key_id, 'k'
                    from agent_runtime_version where id = $1 returning id
                )
                insert into version_status (version, status) select id, 'READY' from v
                """, [.int(made.version.id)])
            await #expect { try await store.versionFetch(c, runtime: made.runtime.id, version: 2) } throws: { error in
                (error as? SignalboxError)?.context?.contains("was altered") == true
            }
        }
    }

    @Test func versionStatusAndPreparation() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let version = try await store.transaction(c) { tx in
                try await store.versionAppend(
                    c, in: tx, runtime: made.runtime, configuration: Store.testConfiguration(description: "two"),
                    environmentVariables: [:], artifact: nil)
            }
            #expect(version.status == .creating)
            try await store.versionPreparation(c, version: version.id, "unpacking the archive")
            #expect(try await store.versionFetch(c, id: version.id)?.preparation == "unpacking the archive")
            #expect(try await store.versionFetchNewestReady(c, runtime: made.runtime.id)?.version == 1)
            #expect(try await store.versionTransition(c, version: version.id, event: .prepareFailed, failureReason: "no such interpreter"))
            let failed = try await store.versionFetch(c, id: version.id)
            #expect(failed?.status == .createFailed)
            #expect(failed?.failureReason == "no such interpreter")
            #expect(failed?.preparation == nil)
            #expect(try await !store.versionTransition(c, version: version.id, event: .prepared))
            #expect(failed?.configuration == Store.testConfiguration(description: "two"))
        }
    }

    @Test func aUsedVersionSaysByWhat() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            let owner = try await store.replicaRegister(c, id: "replica", host: "host")
            _ = try await store.sessionOpen(c, endpoint: made.endpoint.id, sessionID: "s", sandboxID: "b", owner: owner, limit: 9)
            let use = try await store.versionUse(c, version: made.version.id)
            #expect(use == VersionUse(endpoints: ["DEFAULT"], sessions: 1))
            let second = try await store.testVersion(c, of: made.runtime)
            #expect(try await store.versionUse(c, version: second.id).isUnused)
            _ = try await store.versionTransition(c, version: made.version.id, event: .deleteRequested)
            #expect(try await !store.transaction(c) { try await store.versionDelete(c, in: $0, version: made.version.id) })
        }
    }
}
