import AgentCoreModel
import Foundation
import Platform
import Store
import TestSupport
import Testing

@testable import Server

private typealias Call = SignedServer.Call

/// Who changed what: every operation that changes something leaves its row, refused ones too.
struct AuditRoutesTests {
    /// Good calls of every operation that changes something, in an order that works. A new operation belongs here.
    private static func calls(_ runtimeID: String) -> [(String, Call)] {
        let path = "/runtimes/\(runtimeID)/"
        let arn = PercentEncoding.encode("arn:aws:bedrock-agentcore:us-east-1:\(TestTenant.account):runtime/\(runtimeID)")
        let configuration =
            #""agentRuntimeArtifact":{"containerConfiguration":{"containerUri":"123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1"}},"#
            + #""environmentVariables":{"PASSWORD":"hush-hush"},"roleArn":"arn:aws:iam::123456789012:role/a","#
            + #""networkConfiguration":{"networkMode":"PUBLIC"}"#
        let policy =
            #"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::210987654321:root\"},"#
            + #"\"Action\":\"bedrock-agentcore:InvokeAgentRuntime\",\"Resource\":\"arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/"#
            + runtimeID
            + #"\"}]}"#
        return [
            ("CreateAgentRuntime", Call("PUT", "/runtimes/", #"{"agentRuntimeName":"other",\#(configuration)}"#)),
            ("CreateAgentRuntimeEndpoint", Call("PUT", path + "runtime-endpoints/", #"{"name":"prod","agentRuntimeVersion":"1"}"#)),
            ("TagResource", Call("POST", "/tags/\(arn)", #"{"tags":{"team":"search"}}"#)),
            ("UntagResource", Call("DELETE", "/tags/\(arn)?tagKeys=team")),
            ("PutResourcePolicy", Call("PUT", "/resourcepolicy/\(arn)", #"{"policy":"\#(policy)"}"#)),
            ("DeleteResourcePolicy", Call("DELETE", "/resourcepolicy/\(arn)")),
            ("CreateWorkloadIdentity", Call("POST", "/identities/CreateWorkloadIdentity", #"{"name":"me-myself"}"#)),
            (
                "UpdateWorkloadIdentity",
                Call(
                    "POST", "/identities/UpdateWorkloadIdentity",
                    #"{"name":"me-myself","allowedResourceOauth2ReturnUrls":["https://example.com/a"]}"#)
            ),
            ("DeleteWorkloadIdentity", Call("POST", "/identities/DeleteWorkloadIdentity", #"{"name":"me-myself"}"#)),
            ("RollbackAgentRuntimeEndpoint", Call("POST", "/_signalbox/v1\(path)runtime-endpoints/DEFAULT/rollback")),
            ("UpdateAgentRuntimeEndpoint", Call("PUT", path + "runtime-endpoints/stage/", #"{"agentRuntimeVersion":"2"}"#)),
            ("DeleteAgentRuntimeEndpoint", Call("DELETE", path + "runtime-endpoints/stage2/")),
            ("UpdateAgentRuntime", Call("PUT", "/runtimes/{second}/", "{\(configuration)}")),
            ("DeleteAgentRuntime", Call("DELETE", "/runtimes/{second}/")),
        ]
    }

    @Test func everyChangeLeavesItsRow() async throws {
        try await SignedServer.with { server async throws in
            let c = OperationContext.test()
            let runtime = try await server.store.testRuntime(c)
            let second = try await server.store.testRuntime(c, name: "second")
            let third = try await server.store.testRuntime(c, name: "third")
            // A version to go back from, and endpoints that are READY.
            let version = try await server.store.testVersion(c, of: runtime.runtime)
            try await server.store.testFlip(c, endpoint: runtime.endpoint.id, to: version.version)
            for name in ["stage", "stage2"] {
                let endpoint = try await server.store.transaction(c) { tx in
                    try await server.store.endpointInsert(
                        c, in: tx, runtime: runtime.runtime, name: name, endpointID: WireID.make(name: name), target: 1)
                }
                _ = try await server.store.transaction(c) { tx in
                    try await server.store.endpointFlip(c, in: tx, endpoint: endpoint.id, generation: endpoint.generation)
                }
            }
            let calls = Self.calls(runtime.runtime.runtimeID)
            let routes = ControlRoute.model(.init(store: server.store)) + [.rollback(.init(store: server.store))]
            let changing = routes.filter(\.changes).map { RequestOperation(action: $0.action).name }
            #expect(Set(changing) == Set(calls.map(\.0)), "an operation that changes something has no call here, or a call no operation")
            // The data plane's is there as well, asked elsewhere with a session.
            let modelled = Set(Operation.all.filter(\.changes).map(\.name))
            #expect(modelled == Set(changing).subtracting(["RollbackAgentRuntimeEndpoint"]).union(["StopRuntimeSession"]))

            for (operation, call) in calls {
                // One deletion takes what an update has made busy.
                let target = operation == "DeleteAgentRuntime" ? third.runtime.runtimeID : second.runtime.runtimeID
                let call = call.with { $0.target = $0.target.replacing("{second}", with: target) }
                    .with { $0.headers = [("User-Agent", "test/1")] }
                let reply = try await server.send(call)
                #expect((200..<300).contains(reply.status), "\(operation): \(reply.outcome) \(reply.text)")
                let found = try await server.store.auditList(c, filter: AuditFilter(operation: operation), page: PageRequest()).items
                let row = try #require(found.first, "\(operation) left no row")
                #expect(found.count == 1 && row.requestID == reply.field("x-amzn-requestid"), "\(operation)")
                let admin = try server.key(.admin).keyID
                #expect(row.outcome == "ok" && row.actor == admin && row.sourceAddress == "127.0.0.1")
                #expect(row.userAgent == "test/1" && row.actorRole == "admin" && row.resource.hasPrefix("arn:aws:bedrock-agentcore:"))
                #expect(row.details["from"] != nil || row.details["to"] != nil, "\(operation): neither from nor to")
            }
            let all = try await server.store.auditList(c, filter: AuditFilter(), page: PageRequest()).items
            #expect(!all.contains { $0.details.text.contains("hush-hush") })
            let moved = try #require(all.first { $0.operation == "UpdateAgentRuntimeEndpoint" })
            #expect(moved.details["from"]?["targetVersion"] == "1" && moved.details["to"]?["targetVersion"] == "2")
            let tagged = try #require(all.first { $0.operation == "TagResource" })
            #expect(tagged.details == ["from": ["tags": [:]], "to": ["tags": ["team": "search"]]])
        }
    }

    @Test func aReplayLeavesNoSecondRow() async throws {
        try await SignedServer.with { server async throws in
            let c = OperationContext.test()
            let runtime = try await server.store.testRuntime(c)
            let body = #"{"name":"prod","agentRuntimeVersion":"1","clientToken":"\#(Identifier.uuid())"}"#
            for _ in 0..<2 {
                let reply = try await server.send(Call("PUT", "/runtimes/\(runtime.runtime.runtimeID)/runtime-endpoints/", body))
                #expect(reply.status == 202)
            }
            // And what was not done, because its state did not allow it, is not there.
            #expect(
                try await server.send(Call("PUT", "/runtimes/\(runtime.runtime.runtimeID)/runtime-endpoints/", #"{"name":"prod"}"#)).status
                    == 409)
            let filter = AuditFilter(operation: "CreateAgentRuntimeEndpoint")
            #expect(try await server.store.auditList(c, filter: filter, page: PageRequest()).items.count == 1)
        }
    }

    @Test func refusalsAreThereToo() async throws {
        try await SignedServer.with { server async throws in
            let runtime = try await server.store.testRuntime(.test())
            let id = runtime.runtime.runtimeID
            let arn = "arn:aws:bedrock-agentcore:us-east-1:\(TestTenant.account):runtime/\(id)"
            let refused = [
                (Call("DELETE", "/runtimes/\(id)/"), "DeleteAgentRuntime", arn),
                (Call("PUT", "/runtimes/"), "CreateAgentRuntime", "arn:aws:bedrock-agentcore:us-east-1:\(TestTenant.account):runtime/*"),
                (Call("DELETE", "/resourcepolicy/\(PercentEncoding.encode(arn))"), "DeleteResourcePolicy", arn),
                (
                    Call("POST", "/_signalbox/v1/runtimes/\(id)/runtime-endpoints/DEFAULT/rollback"), "RollbackAgentRuntimeEndpoint",
                    arn + "/runtime-endpoint/DEFAULT"
                ),
            ]
            for (call, operation, resource) in refused {
                let reply = try await server.send(call.with { $0.role = .viewer })
                #expect(reply.outcome == "403 AccessDeniedException")
                let filter = AuditFilter(operation: operation)
                try await eventually(operation) {
                    try await server.store.auditList(.test(), filter: filter, page: PageRequest()).items.count == 1
                }
                let row = try #require(try await server.store.auditList(.test(), filter: filter, page: PageRequest()).items.first)
                let viewer = try server.key(.viewer).keyID
                #expect(row.outcome == "denied" && row.resource == resource && row.actor == viewer)
                #expect(
                    row.requestID == reply.field("x-amzn-requestid") && row.details["reason"]?.string?.contains("not authorized") == true)
            }
            // To read what one may not leaves nothing.
            _ = try await server.send(Call("GET", "/_signalbox/v1/audit").with { $0.role = .viewer })
            #expect(
                try await server.store.auditList(.test(), filter: AuditFilter(operation: "ListAuditEvents"), page: PageRequest()).items
                    .isEmpty)
        }
    }

    @Test func theTrailIsForAdministrators() async throws {
        try await SignedServer.with { server async throws in
            let runtime = try await server.store.testRuntime(.test())
            for role in Principal.Role.allCases {
                for target in ["/_signalbox/v1/audit", "/_signalbox/v1/audit/sessions/abc"] {
                    let reply = try await server.send(Call("GET", target).with { $0.role = role })
                    #expect(reply.status == (role == .admin ? 200 : 403), "\(role) \(target)")
                }
            }
            let page = try await server.send(Call("GET", "/_signalbox/v1/audit?runtime=\(runtime.runtime.runtimeID)&maxResults=1"))
            let events = try #require(page.json?["events"]?.array)
            #expect(events.count == 1 && events[0]["operation"] == "EndpointReady" && events[0]["to"] == ["liveVersion": "1"])
            #expect(WireTimestamp(events[0]["at"]?.string ?? "") != nil && page.json?["nextToken"] == nil)
            for query in [
                "maxResults=0", "maxResults=101", "maxResults=x", "since=yesterday", "until=", "actor=", "nothing=1", "actor=a&actor=b",
                "nextToken=made-up", "since=2026-02-30T00:00:00Z", "runtime=%zz",
            ] {
                let reply = try await server.send(Call("GET", "/_signalbox/v1/audit?" + query))
                #expect(reply.outcome == "400 ValidationException", "\(query) \(reply.text)")
            }
            let both = try await server.send(Call("GET", "/_signalbox/v1/audit?maxResults=0&since=x"))
            #expect(both.json?["fieldList"]?.array?.count == 2)
            #expect(try await server.send(Call("GET", "/_signalbox/v1/audit/sessions/abc?at=x")).outcome == "400 ValidationException")
        }
    }

    @Test func status() async throws {
        try await SignedServer.with { server async throws in
            let c = OperationContext.test()
            let runtime = try await server.store.testRuntime(c)
            let mine = try await server.store.testRuntime(c, name: "mine")
            let other = OperationContext.test(account: TestTenant.otherAccount)
            let foreign = try await server.store.testRuntime(other, name: "theirs")
            try await server.store.workEnqueue(c, kind: "settle-endpoint", subject: String(runtime.endpoint.id))
            try await server.store.workEnqueue(c, kind: "prepare-version", subject: String(foreign.version.id))
            try await server.store.workEnqueue(c, kind: "remove-runtime", subject: String(mine.runtime.id), after: .seconds(60))
            _ = try await server.store.postgres.query(
                "update work set attempts = 7, last_error = 'the wires are cut', due_at = now() - interval '5 minutes' where kind = 'settle-endpoint'"
            )
            let lost = try await server.store.replicaRegister(c, id: "99999999-2222-3333-4444-555555555555", host: "gone-host")
            _ = try await server.store.sessionOpen(
                c, endpoint: runtime.endpoint.id, sessionID: String(repeating: "s", count: 33), sandboxID: Identifier.uuid(), owner: lost,
                limit: 5)
            _ = try await server.store.postgres.query(
                "update replica set heartbeat_at = now() - interval '10 minutes' where host = 'gone-host'")
            let reply = try await server.send(Call("GET", "/_signalbox/v1/status").with { $0.role = .viewer })
            let status = try #require(reply.json)
            #expect(reply.status == 200 && status["database"] == "up" && status["supervisor"] == "away")
            #expect(status["schema"]?["database"] == status["schema"]?["program"])
            let replicas = try #require(status["replicas"]?.array)
            #expect(replicas.map { $0["isLive"] } == [true, false] && replicas.map { $0["sessions"] } == [0, 1])
            let kinds = try #require(status["reconcilers"]?.array)
            #expect(kinds.first { $0["kind"] == "prepare-version" }?["queued"] == 1)
            #expect(kinds.first { $0["kind"] == "settle-endpoint" }?["retrying"] == 1)
            // The other account's work is counted, not shown.
            let work = try #require(status["work"]?.array)
            #expect(work.count == 2 && !reply.text.contains("theirs"))
            #expect(work[0]["part"] == "DEFAULT" && work[0]["lastError"] == "the wires are cut" && work[0]["attempts"] == 7)
            #expect(work[1]["agentRuntimeId"]?.string == mine.runtime.runtimeID && work[1]["part"] == nil)
            let problems = (status["problems"]?.array ?? []).compactMap { $0.string }
            #expect(problems.count == 3, "\(problems)")
            #expect(problems.contains { $0.contains("left 1 session.") } && problems.contains { $0.contains("nobody does it") })
        }
    }

    @Test func whatCountsAsAProblem() {
        func work(_ kind: String, attempts: Int, next: Double?, error: String? = "why") -> WorkStatus {
            WorkStatus(
                kind: kind, subject: "1", runtimeID: "a-0123456789", attempts: attempts, lastError: error, ageSeconds: 100,
                nextTrySeconds: next)
        }
        #expect(StatusReader.problem(work("prepare-version", attempts: 4, next: 5)) == nil)
        #expect(
            StatusReader.problem(work("prepare-version", attempts: 5, next: 5)) == "prepare-version of a-0123456789 was tried 5 times: why")
        #expect(StatusReader.problem(work("remove-endpoint", attempts: 50, next: 1)) == nil)
        #expect(StatusReader.problem(work("remove-endpoint", attempts: 1, next: -61)) != nil)
        #expect(StatusReader.problem(work("settle-endpoint", attempts: 1, next: -59)) == nil)
        #expect(StatusReader.problem(work("settle-endpoint", attempts: 9, next: nil, error: nil)) == nil)
    }
}
