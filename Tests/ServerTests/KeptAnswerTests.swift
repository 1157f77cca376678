import AgentCoreModel
import ControlPlane
import Lifecycle
import NIOCore
import Platform
import PostgresClient
import Store
import TestSupport
import Testing

@testable import Server

private typealias Call = SignedServer.Call

/// Answers that are kept are never older than their request: each test changes one thing as another
/// replica would, in a transaction of its own, and the next read must tell of it.
struct KeptAnswerTests {
    private let c = OperationContext.test()

    private struct World: Sendable {
        let server: SignedServer
        let made: TestRuntime
        var store: Store { server.store }
        var path: String { "/runtimes/\(made.runtime.runtimeID)/" }
        var all: [String] { [path, path + "?version=1", path + "runtime-endpoints/DEFAULT/"] }

        func get(_ target: String, role: Principal.Role = .admin) async throws -> RawClient.Response {
            try await server.send(Call("GET", target).with { $0.role = role })
        }
    }

    /// - Parameters:
    ///   - changed: Which of runtime, version and endpoint the change shows in.
    private func expect(
        _ changed: [Bool], _ sources: SourceLocation = #_sourceLocation, environment: [String: String] = [:],
        _ change: @escaping @Sendable (World) async throws -> Void
    ) async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c, environmentVariables: environment))
            var before: [RawClient.Response] = []
            for target in world.all {
                before.append(try await world.get(target))
                let again = try await world.get(target)
                #expect(again.status == 200 && again.body == before.last?.body, sourceLocation: sources)
            }
            try await change(world)
            for (index, target) in world.all.enumerated() {
                let after = try await world.get(target)
                #expect((after.body != before[index].body) == changed[index], "\(target): \(after.text)", sourceLocation: sources)
                // What the use case says, kept or not.
                #expect(try await world.get(target).body == after.body, sourceLocation: sources)
            }
        }
    }

    private func transaction(_ world: World, _ body: @escaping @Sendable (PostgresTransaction) async throws -> Void) async throws {
        try await world.store.transaction(c) { try await body($0) }
    }

    private func policy(_ effect: String) -> String {
        """
        {"Version": "2012-10-17", "Statement": [{"Effect": "\(effect)", "Principal": "*",
            "Action": ["bedrock-agentcore:GetAgentRuntime", "bedrock-agentcore:GetAgentRuntimeEndpoint"], "Resource": "x"}]}
        """
    }

    @Test func theyAreUsed() async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c))
            let parts: [AnswerKey.Part] = [.version(nil), .version("1"), .endpoint("DEFAULT")]
            for (target, part) in zip(world.all, parts) {
                let first = try await world.get(target)
                let key = AnswerKey(
                    account: TestTenant.account, region: TestTenant.region, runtimeID: world.made.runtime.runtimeID, part: part)
                let kept = try #require(server.control.answers.find(key, at: .now()), "\(target)")
                #expect(Array(buffer: kept.body) == first.body)
                server.control.answers.keep(key, ByteBuffer(string: "kept"), kept.source)
                let second = try await world.get(target)
                #expect(second.text == "kept" && second.status == first.status)
                #expect(second.field("content-type") == first.field("content-type"))
                // A query that says something else is another question.
                #expect(try await world.get(target + (target.contains("?") ? "&" : "?") + "x=y").text == first.text)
            }
            #expect(try await world.get(world.path + "?version=2").outcome == "404 ResourceNotFoundException")
            #expect(try await world.get(world.path + "?version=01").outcome == "400 ValidationException")
        }
    }

    @Test func statusOfARuntime() async throws {
        try await expect([true, false, false]) { world in
            try await transaction(world) {
                _ = try await world.store.runtimeTransition(c, in: $0, runtime: world.made.runtime.id, event: .updateRequested)
            }
        }
    }

    @Test func failureOfARuntime() async throws {
        try await expect([true, false, false]) { world in
            try await transaction(world) {
                _ = try await world.store.runtimeTransition(c, in: $0, runtime: world.made.runtime.id, event: .updateRequested)
                _ = try await world.store.runtimeFail(c, in: $0, runtime: world.made.runtime.id, reason: "It does not start.")
            }
            let reply = try await world.get(world.path)
            #expect(reply.json?["failureReason"]?.string == "It does not start.")
        }
    }

    @Test func statusOfAVersion() async throws {
        try await expect([false, true, false]) { world async throws in
            #expect(try await world.store.versionTransition(c, version: world.made.version.id, event: .deleteRequested))
        }
    }

    @Test func aNewVersion() async throws {
        try await expect([true, false, false]) { world in
            let version = try await world.store.testVersion(
                c, of: world.made.runtime, configuration: Store.testConfiguration(description: "new"))
            let reply = try await world.get(world.path)
            #expect(reply.json?["agentRuntimeVersion"]?.string == "\(version.version)" && reply.json?["description"]?.string == "new")
        }
    }

    @Test func aVersionThatGoes() async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c))
            let version = try await world.store.testVersion(c, of: world.made.runtime)
            for target in [world.path, world.path + "?version=2"] { for _ in 0..<2 { #expect(try await world.get(target).status == 200) } }
            #expect(try await world.store.versionTransition(c, version: version.id, event: .deleteRequested))
            try await transaction(world) { tx async throws in #expect(try await world.store.versionDelete(c, in: tx, version: version.id)) }
            for target in [world.path, world.path + "?version=2"] {
                #expect(try await world.get(target).outcome == "404 ResourceNotFoundException")
            }
        }
    }

    @Test func policies() async throws {
        for owner in ["runtime", "endpoint"] {
            try await SignedServer.with { server async throws in
                let world = World(server: server, made: try await server.store.testRuntime(c))
                let target = owner == "runtime" ? world.path : world.path + "runtime-endpoints/DEFAULT/"
                let carrier = owner == "runtime" ? PolicyOwner.runtime(world.made.runtime.id) : .endpoint(world.made.endpoint.id)
                func set(_ policy: String?) async throws {
                    try await transaction(world) { try await world.store.policySet(c, in: $0, carrier, policy) }
                }
                for _ in 0..<2 { #expect(try await world.get(target).status == 200) }
                try await set(policy("Deny"))
                // The first fails with the full statement, the others by what was kept, if anything was.
                for _ in 0..<3 {
                    let denied = try await world.get(target)
                    #expect(denied.outcome == "403 AccessDeniedException" && denied.text.contains("explicit deny"))
                }
                try await set(policy("Allow"))
                for _ in 0..<3 { #expect(try await world.get(target).status == 200) }
                try await set(nil)
                for _ in 0..<2 { #expect(try await world.get(target).status == 200) }
            }
        }
    }

    /// The decision is each caller's own, though the answer is one.
    @Test func whatOneCallerFilledIsJudgedForEveryOther() async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c))
            let viewer = try server.key(.viewer).keyID
            let policy = """
                {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::\(TestTenant.account):user/\(viewer)"},
                    "Action": "bedrock-agentcore:GetAgentRuntime", "Resource": "x"}]}
                """
            let denying = PolicyDocument(stored: policy)
            try #require(denying != .unreadable, "the policy names one key")
            try await transaction(world) { try await world.store.policySet(c, in: $0, .runtime(world.made.runtime.id), policy) }
            for _ in 0..<3 {
                #expect(try await world.get(world.path).status == 200)
                #expect(try await world.get(world.path, role: .viewer).outcome == "403 AccessDeniedException")
            }
        }
    }

    @Test func anotherTenantFindsNothing() async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c))
            let stranger = try await server.store.accessKeyCreate(c, account: TestTenant.otherAccount, role: .admin)
            for target in world.all {
                for _ in 0..<2 { #expect(try await world.get(target).status == 200) }
                let reply = try await server.send(
                    Call("GET", target).with {
                        $0.key = stranger.keyID
                        $0.secret = stranger.secret
                    })
                #expect(reply.outcome == "404 ResourceNotFoundException")
            }
        }
    }

    @Test func descriptionOfAnEndpoint() async throws {
        try await expect([false, false, true]) { world in
            try await transaction(world) {
                try await world.store.endpointDescribe(c, in: $0, endpoint: world.made.endpoint.id, description: "words")
            }
        }
    }

    @Test func targetAndFlipOfAnEndpoint() async throws {
        try await expect([true, false, true]) { world in
            let target = world.path + "runtime-endpoints/DEFAULT/"
            let version = try await world.store.testVersion(c, of: world.made.runtime)
            let requested = try #require(
                try await world.store.transaction(c) {
                    try await world.store.endpointTarget(c, in: $0, endpoint: world.made.endpoint.id, version: version.version)
                })
            for _ in 0..<2 {
                let updating = try await world.get(target).json
                #expect(updating?["status"]?.string == "UPDATING" && updating?["targetVersion"]?.string == "2")
            }
            try await transaction(world) { tx async throws in
                #expect(try await world.store.endpointFlip(c, in: tx, endpoint: world.made.endpoint.id, generation: requested.generation))
            }
            let ready = try await world.get(target).json
            #expect(ready?["status"]?.string == "READY" && ready?["liveVersion"]?.string == "2")
        }
    }

    @Test func anEndpointThatGoes() async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c))
            let prod = try await world.store.transaction(c) {
                try await world.store.endpointInsert(
                    c, in: $0, runtime: world.made.runtime, name: "prod", endpointID: WireID.make(name: "prod"), target: 1)
            }
            let target = world.path + "runtime-endpoints/prod/"
            for _ in 0..<2 { #expect(try await world.get(target).status == 200) }
            try await world.store.postgres.query("delete from runtime_endpoint where id = $1", [.int(prod.id)])
            #expect(try await world.get(target).outcome == "404 ResourceNotFoundException")
            _ = try await world.store.transaction(c) {
                try await world.store.endpointInsert(
                    c, in: $0, runtime: world.made.runtime, name: "prod", endpointID: WireID.make(name: "prod"), target: 1,
                    description: "new")
            }
            #expect(try await world.get(target).json?["description"]?.string == "new")
        }
    }

    @Test func aRuntimeThatGoesAndComesAgain() async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c))
            for target in world.all { for _ in 0..<2 { #expect(try await world.get(target).status == 200) } }
            try await transaction(world) { tx async throws in
                _ = try await world.store.runtimeTransition(c, in: tx, runtime: world.made.runtime.id, event: .deleteRequested)
                #expect(try await world.store.runtimeDelete(c, in: tx, runtime: world.made.runtime.id))
            }
            for target in world.all { #expect(try await world.get(target).outcome == "404 ResourceNotFoundException") }
            // Even under the very id that it had.
            try await world.store.transaction(c) { tx in
                let runtime = try await world.store.runtimeInsert(c, in: tx, name: "agent", runtimeID: world.made.runtime.runtimeID)
                _ = try await world.store.versionAppend(
                    c, in: tx, runtime: runtime, configuration: Store.testConfiguration(description: "again"), environmentVariables: [:],
                    artifact: nil)
            }
            for target in world.all.prefix(2) {
                #expect(try await world.get(target).json?["description"]?.string == "again")
            }
        }
    }

    @Test func anEnvironmentThatIsSealedAnewReadsTheSame() async throws {
        try await expect([false, false, false], environment: ["TOKEN": "secret"]) { world in
            #expect(try await world.get(world.path).text.contains("secret"))
            let sealed = try world.store.secrets.seal(
                Array(#"{"TOKEN":"secret"}"#.utf8), binding: "environment of version 1 of \(world.made.runtime.runtimeID)")
            try await transaction(world) { tx in
                try await tx.query("select set_config('signalbox.reseal', 'on', true)", [])
                let updated = try await tx.query(
                    "update agent_runtime_version set environment_ciphertext = $2 where id = $1",
                    [.int(world.made.version.id), .bytes(sealed.ciphertext)])
                #expect(updated.affectedRows == 1)
            }
        }
    }

    @Test func aReplicaWhoseDatabaseIsAwaySaysSo() async throws {
        try await SignedServer.with { server async throws in
            let world = World(server: server, made: try await server.store.testRuntime(c))
            for _ in 0..<2 { #expect(try await world.get(world.path).status == 200) }
            // Hides the table from the look-up: an error of the statement, for all who share it.
            try await world.store.postgres.executeScript(SQLScript(migration: "test", text: "alter table version_status rename to hidden"))
            #expect(try await world.get(world.path).status == 500)
            try await world.store.postgres.executeScript(SQLScript(migration: "test", text: "alter table hidden rename to version_status"))
            try await eventually("an answer") { try await world.get(world.path).status == 200 }
        }
    }
}
