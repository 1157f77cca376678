import AgentCoreModel
import Foundation
import Lifecycle
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

/// The audit trail: added to, read in pages, pruned by age, and nothing else.
struct AuditTests {
    private static func event(_ operation: String, runtime: String? = nil) -> AuditEvent {
        AuditEvent(
            operation, resource: "arn:aws:x:\(operation)", runtimeID: runtime, from: ["version": "1"], to: ["version": "2"], reason: "why")
    }

    @Test func whatIsRecordedIsFound() async throws {
        try await withStore { store in
            var c = OperationContext.test()
            c.sourceAddress = "192.0.2.7"
            c.userAgent = "Boto3/1.43\u{1b}[31m\n" + String(repeating: "x", count: 1000)
            try await store.recordAudit(c, Self.event("UpdateAgentRuntime", runtime: "a-0123456789"))
            let found = try #require(try await store.auditList(c, filter: AuditFilter(), page: PageRequest()).items.first)
            #expect(found.operation == "UpdateAgentRuntime" && found.outcome == "ok" && found.runtimeID == "a-0123456789")
            #expect(found.actor == "AKIATEST" && found.actorAccount == TestTenant.account && found.actorRole == "admin")
            #expect(found.sourceAddress == "192.0.2.7" && found.requestID == c.requestID)
            #expect(found.userAgent?.utf8.count == 256 && found.userAgent?.hasPrefix("Boto3/1.43?[31m?x") == true)
            #expect(found.details == ["from": ["version": "1"], "to": ["version": "2"], "reason": "why"])
            #expect(abs(found.at.timeIntervalSinceNow) < 60)
            // Another tenant sees nothing of it, nor does another region.
            var other = c
            other.region = "eu-west-1"
            for stranger in [OperationContext.test(account: TestTenant.otherAccount), other] {
                #expect(try await store.auditList(stranger, filter: AuditFilter(), page: PageRequest()).items.isEmpty)
            }
        }
    }

    @Test func filtersAndPages() async throws {
        try await withStore { store in
            let c = OperationContext.test()
            var guest = c
            guest.principal.accessKeyID = "AKIAGUEST"
            // In one transaction: all have the same time, and the id decides.
            try await store.transaction(c) { [guest] tx in
                for number in 0..<25 {
                    try await store.recordAudit(
                        number % 5 == 0 ? guest : c, in: tx,
                        Self.event(number % 2 == 0 ? "TagResource" : "UntagResource", runtime: "r-000000000\(number % 3)"))
                }
            }
            let filters: [(AuditFilter, Int)] = [
                (AuditFilter(), 25), (AuditFilter(actor: "AKIAGUEST"), 5), (AuditFilter(operation: "TagResource"), 13),
                (AuditFilter(runtimeID: "r-0000000001"), 8), (AuditFilter(runtimeID: "r-0000000000", operation: "TagResource"), 5),
                (AuditFilter(actor: "AKIAGUEST", operation: "TagResource"), 3),
                (AuditFilter(runtimeID: "r-0000000000", actor: "AKIAGUEST"), 2),
                (AuditFilter(since: WireTimestamp(Date() - 600)), 25), (AuditFilter(since: WireTimestamp(Date() + 600)), 0),
                (AuditFilter(until: WireTimestamp(Date() - 600)), 0), (AuditFilter(actor: "nobody"), 0),
                (AuditFilter(actor: "AKIAGUEST", since: WireTimestamp(Date() - 600), until: WireTimestamp(Date() + 600)), 5),
            ]
            for (filter, count) in filters {
                for size in [1, 4, 100] {
                    var ids: [Int64] = []
                    var token: String?
                    repeat {
                        let page = try await store.auditList(c, filter: filter, page: PageRequest(maxResults: size, nextToken: token))
                        #expect(page.items.count <= size)
                        ids += page.items.map(\.id)
                        token = page.nextToken
                    } while token != nil && ids.count <= count
                    #expect(ids.count == count && ids == Set(ids).sorted(by: >), "\(filter) \(size)")
                }
            }
            // A token is of no use with another filter.
            let first = try await store.auditList(c, filter: AuditFilter(), page: PageRequest(maxResults: 2))
            await #expect(throws: SignalboxError.self) {
                try await store.auditList(c, filter: AuditFilter(actor: "x"), page: PageRequest(nextToken: first.nextToken))
            }
        }
    }

    @Test func everyFilterHasItsIndex() async throws {
        try await withStore { store in
            let c = OperationContext.test()
            _ = try await store.postgres.query(
                """
                insert into audit (at, account, region, runtime_id, resource, operation, outcome, actor, request_id)
                select now() - i * interval '1 second', case when i % 10 = 0 then $1 else '210987654321' end,
                    case when i % 30 = 0 then '' else $2 end, 'r-' || i % 1000, 'x',
                    'op' || i % 40, 'ok', 'key' || i % 500, 'q' from generate_series(1, 20000) i
                """, [.text(c.account), .text(c.region)])
            _ = try await store.postgres.queryPinned("analyze audit", [], deadline: nil)
            // The statements themselves, as they are run.
            _ = try await store.postgres.query(
                """
                create function test_plan(statement text, account text, region text, lines bigint, runtime text, actor text, operation text)
                returns setof text language plpgsql as $$ begin
                    return query execute 'explain (analyze, costs off, timing off) ' || statement using account, region, 'infinity'::text,
                        9223372036854775807::bigint, null::timestamptz, null::timestamptz, lines, runtime, actor, operation;
                end $$
                """)
            let filters: [(AuditFilter, String)] = [
                (AuditFilter(), "audit_page"), (AuditFilter(actor: "key10"), "audit_actor"),
                (AuditFilter(operation: "op20"), "audit_operation"),
                (AuditFilter(runtimeID: "r-70"), "audit_runtime"),
            ]
            for (filter, index) in filters {
                let rows = try await store.postgres.query(
                    "select test_plan($1, $2, $3, 11, $4, $5, $6) as line",
                    [
                        .text(Store.auditPage(filter).text), .text(c.account), .text(c.region), .text(filter.runtimeID),
                        .text(filter.actor), .text(filter.operation),
                    ]
                ).rows
                let plan = try rows.map { try $0.text("line") }
                let scans = plan.filter { $0.contains(" on audit") || $0.contains("Removed") }
                #expect(scans.count == 1 && scans[0].contains("Index Scan using \(index) "), "\(plan.joined(separator: "\n"))")
                // A page of the region and one of what has none: no more is read.
                let read = try #require(scans[0].firstMatch(of: /rows=(\d+)/).flatMap { Int($0.output.1) })
                #expect((1...11).contains(read), "\(plan.joined(separator: "\n"))")
            }
        }
    }

    /// Keys, accounts and buckets: an administrator sees what was done to them, whatever the region.
    @Test func whatHasNoRegionIsInEach() async throws {
        try await withStore { store in
            let c = OperationContext.test()
            // As on the host: no caller, no region.
            let host = OperationContext.background("key", logger: c.logger)
            try await store.accountCreate(host, number: "000000000007", name: "seven")
            try await store.accountCreate(host, number: "000000000007", name: "again")
            let old = try await store.accessKeyCreate(host, account: "000000000007", role: .viewer)
            let key = try await store.accessKeyRotate(host, account: nil, keyID: old.keyID, graceSeconds: 60)
            #expect(try await store.accessKeyDisable(host, account: nil, keyID: key.keyID))
            #expect(try await store.accountDisable(host, number: "000000000007", true))
            #expect(try await store.accountDisable(host, number: "000000000007", false))
            #expect(try await !store.accountDisable(host, number: "000000000008", true))
            var seven = OperationContext.test(account: "000000000007")
            try await store.recordAudit(seven, Self.event("UpdateAgentRuntime", runtime: "a-0123456789"))
            seven.region = "eu-west-1"
            try await store.recordAudit(seven, Self.event("DeleteAgentRuntime"))
            // By the server: the key is the account's, not the region's.
            #expect(try await store.accessKeyEnable(seven, account: seven.account, keyID: key.keyID))
            let common = [
                "EnableAccount", "DisableAccount", "DisableAccessKey", "RotateAccessKey", "CreateAccessKey", "CreateAccessKey",
                "CreateAccount",
            ]
            for (region, own) in [("us-east-1", "UpdateAgentRuntime"), ("eu-west-1", "DeleteAgentRuntime")] {
                seven.region = region
                let expected = ["EnableAccessKey", own] + common
                for size in [1, 2, 100] {
                    var found: [AuditRecord] = []
                    var token: String?
                    repeat {
                        let page = try await store.auditList(
                            seven, filter: AuditFilter(), page: PageRequest(maxResults: size, nextToken: token))
                        found += page.items
                        token = page.nextToken
                    } while token != nil && found.count < 20
                    #expect(found.map(\.operation) == expected, "\(region), \(size)")
                    #expect(found.last?.resource == "account/000000000007" && found.last?.actor == "signalbox")
                    #expect(found.first?.resource == "access-key/\(key.keyID)")
                }
                func list(_ filter: AuditFilter) async throws -> [String] {
                    try await store.auditList(seven, filter: filter, page: PageRequest()).items.map(\.operation)
                }
                #expect(try await list(AuditFilter(actor: "signalbox")) == common)
                #expect(try await list(AuditFilter(operation: "DisableAccessKey")) == ["DisableAccessKey"])
                let rotated = try await store.auditList(seven, filter: AuditFilter(operation: "RotateAccessKey"), page: PageRequest()).items
                #expect(
                    rotated.map(\.resource) == ["access-key/\(old.keyID)"] && rotated[0].details["to"] == ["replacedBy": .string(key.keyID)]
                )
            }
            #expect(try await store.auditList(c, filter: AuditFilter(), page: PageRequest()).items.isEmpty, "another account's")
        }
    }

    @Test func nothingIsTakenBack() async throws {
        try await withStore { store in
            let c = OperationContext.test()
            for days in [0, 1, 30, 400] {
                _ = try await store.postgres.query(
                    """
                    insert into audit (at, account, region, resource, operation, outcome, actor, request_id)
                    values (now() - $3 * interval '1 day', $1, $2, 'x', 'o', 'ok', 'k', 'q')
                    """, [.text(c.account), .text(c.region), .int(days)])
            }
            let refused: [Statement] = [
                "update audit set actor = 'somebody'", "delete from audit", "delete from audit where at < now() - interval '100 days'",
                "truncate audit", "select audit_prune(interval '1 hour', 10)", "select audit_prune(null, 10)",
            ]
            for statement in refused {
                await #expect(throws: PostgresError.self, "\(statement.text)") { try await store.postgres.query(statement) }
            }
            func count() async throws -> Int {
                try await store.auditList(c, filter: AuditFilter(), page: PageRequest()).items.count
            }
            #expect(try await count() == 4)
            #expect(try await store.auditPrune(c, keep: .seconds(365 * 86_400)) == 1)
            #expect(try await store.auditPrune(c, keep: .seconds(365 * 86_400)) == 0)
            #expect(try await store.auditPrune(c, keep: .seconds(86_400), limit: 1) == 1)
            // What pruning may is over with it, in the same transaction, too.
            await #expect(throws: PostgresError.self) {
                try await store.postgres.transaction { tx in
                    _ = try await tx.query("select audit_prune(interval '2 days', 0)")
                    _ = try await tx.query("delete from audit")
                }
            }
            #expect(try await count() == 2)
        }
    }

    @Test func whatAReconcilerDoesIsThereToo() async throws {
        try await withStore { store in
            let c = OperationContext.test()
            let runtime = try await store.testRuntime(c)
            let version = try await store.testVersion(c, of: runtime.runtime)
            try await store.testFlip(c, endpoint: runtime.endpoint.id, to: version.version)
            try await store.testFlip(c, endpoint: runtime.endpoint.id, to: 1, rollbackTo: 1)
            let failing = try await store.transaction(c) { tx in
                try await store.endpointTarget(c, in: tx, endpoint: runtime.endpoint.id, version: 2)
            }
            _ = try await store.transaction(c) { tx in
                try await store.endpointFail(
                    c, in: tx, endpoint: runtime.endpoint.id, generation: failing?.generation ?? 0, reason: "it broke")
            }
            let found = try await store.auditList(c, filter: AuditFilter(runtimeID: runtime.runtime.runtimeID), page: PageRequest()).items
            #expect(found.map(\.operation) == ["EndpointFailed", "EndpointRolledBack", "EndpointReady", "EndpointReady"])
            #expect(found.map(\.outcome) == ["failed", "ok", "ok", "ok"])
            #expect(found[0].details == ["from": ["liveVersion": "1"], "to": ["liveVersion": "2"], "reason": "it broke"])
            #expect(found[1].details == ["from": ["liveVersion": "2"], "to": ["liveVersion": "1"]])
            #expect(found[3].details == ["to": ["liveVersion": "1"]])
            #expect(
                found[0].resource
                    == "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/\(runtime.runtime.runtimeID)/runtime-endpoint/DEFAULT")
        }
    }

    /// An installation from before the trail: what its history knows is there after the upgrade.
    @Test func theHistoryFromBeforeIsThere() async throws {
        let position = try #require(Migration.embedded.firstIndex { $0.name == "audit-and-access" })
        try await TestDatabase.withDatabase { client in
            try await Migrator(postgres: client, migrations: Array(Migration.embedded[..<position])).migrate(.test())
            let steps: [(kind: String, endpoint: String, from: Int?, to: Int?, rollbackTo: Int?)] = [
                ("created", "DEFAULT", nil, 1, nil), ("flipped", "DEFAULT", nil, 1, nil), ("requested", "DEFAULT", 1, 2, nil),
                ("failed", "DEFAULT", 1, 2, nil), ("created", "prod", nil, 1, nil), ("requested", "prod", 2, 1, 1),
                ("rolled_back", "prod", 2, 1, 1), ("requested", "prod", 1, 3, nil), ("deleted", "prod", 3, nil, nil),
            ]
            for step in steps {
                _ = try await client.query(
                    """
                    insert into endpoint_history (account, region, runtime, runtime_id, endpoint, endpoint_name, kind, generation,
                        from_version, to_version, rollback_to, actor, request_id)
                    values ($1, $2, 1, 'a-0123456789', 1, $3, $4, 1, $5, $6, $7, 'AKIA', 'q')
                    """,
                    [
                        .text(TestTenant.account), .text(TestTenant.region), .text(step.endpoint), .text(step.kind), .int(step.from),
                        .int(step.to), .int(step.rollbackTo),
                    ])
            }
            try await Migrator(postgres: client).migrate(.test())
            let store = Store(postgres: client, secrets: try .test())
            let found = try await store.auditList(.test(), filter: AuditFilter(), page: PageRequest()).items.reversed()
            #expect(
                found.map(\.operation) == [
                    "CreateAgentRuntime", "EndpointReady", "UpdateAgentRuntime", "EndpointFailed", "CreateAgentRuntimeEndpoint",
                    "RollbackAgentRuntimeEndpoint", "EndpointRolledBack", "UpdateAgentRuntimeEndpoint", "EndpointDeleted",
                ])
            let details = found.map(\.details)
            #expect(details[0] == ["to": ["targetVersion": "1"]] && details[1] == ["to": ["liveVersion": "1"]])
            #expect(details[2] == ["from": ["liveVersion": "1"], "to": ["targetVersion": "2"]])
            #expect(details[8] == ["from": ["liveVersion": "3"]])
        }
    }

    @Test func whichVersionServedASession() async throws {
        try await withStore { store in
            let c = OperationContext.test()
            let runtime = try await store.testRuntime(c)
            let replica = try await store.replicaRegister(c, id: Identifier.uuid(), host: "h")
            let session = String(repeating: "s", count: 33)
            func open() async throws -> SessionOpening {
                try #require(
                    try await store.sessionOpen(
                        c, endpoint: runtime.endpoint.id, sessionID: session, sandboxID: Identifier.uuid(), owner: replica, limit: 10))
            }
            let first = try await open()
            try await store.sessionEnd(c, session: first.session.id, reason: SessionEnd.idle.code)
            // The first one lived two hours ago.
            _ = try await store.postgres.query(
                "update session_history set started_at = now() - interval '3 hours', ended_at = now() - interval '1 hour'")
            let version = try await store.testVersion(c, of: runtime.runtime)
            try await store.testFlip(c, endpoint: runtime.endpoint.id, to: version.version)
            _ = try await open()
            let found = try await store.sessionIncarnations(c, sessionID: session)
            #expect(found.map(\.version) == [2, 1] && found.map(\.reason) == [nil, "idle"])
            #expect(found[0].endedAt == nil && found[1].endpointName == "DEFAULT" && found[0].replica == replica.id)
            func at(_ hours: Double) async throws -> [Int] {
                try await store.sessionIncarnations(
                    c, sessionID: session, runtimeID: runtime.runtime.runtimeID, at: WireTimestamp(Date() - hours * 3600)
                ).map(\.version)
            }
            #expect(try await at(2) == [1])
            #expect(try await at(-1) == [2])
            #expect(try await at(0.5) == [])
            #expect(try await at(10) == [])
            #expect(try await store.sessionIncarnations(c, sessionID: session, runtimeID: "b-0123456789").isEmpty)
            let other = OperationContext.test(account: TestTenant.otherAccount)
            #expect(try await store.sessionIncarnations(other, sessionID: session).isEmpty)
        }
    }
}
