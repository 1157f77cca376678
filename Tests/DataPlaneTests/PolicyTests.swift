import AgentCoreModel
import Foundation
import Platform
import Store
import TestSupport
import Testing

@testable import DataPlane

/// Resource policies on the path of invocations.
@Suite(.serialized) struct PolicyTests {
    private func policy(
        _ effect: String, _ principal: String = "*", action: String = "InvokeAgentRuntime*", condition: String = "{}"
    ) -> String {
        """
        {"Version": "2012-10-17", "Statement": [{"Effect": "\(effect)", "Principal": {"AWS": "\(principal)"},
            "Action": "bedrock-agentcore:\(action)", "Resource": "x", "Condition": \(condition)}]}
        """
    }

    private func with(_ body: (TestServer, FakeAgent) async throws -> Void) async throws {
        let agent = try await FakeAgent.always("{}")
        let server = try await TestServer(host: FakeHost(port: agent.port, contract: AgentProfile()))
        do { try await body(server, agent) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        await agent.stop()
    }

    private func send(_ server: TestServer, _ authorization: String = "ok", extra: String = "") async throws -> RawClient.Response {
        let port = server.port
        return try await onThread {
            let client = try RawClient(port: port)
            client.send(invocation("{}", extra: extra, authorization: authorization))
            return try #require(client.response())
        }
    }

    /// Sets policies and waits until the plane has heard of them.
    private func put(_ server: TestServer, runtime: String? = nil, own: String? = nil) async throws {
        server.store.setPolicies(endpoint: 1, runtime: runtime, own: own)
        server.store.notify(.endpoint(1))
        let wanted = try #require(try await server.store.routeFetch(.test(), endpoints: [1]).first)
        try await eventually("the route is read again") { server.plane.routes.cached(wanted.key) == wanted }
    }

    @Test func aDenyHoldsForTheVeryNextInvocationOfALiveSession() async throws {
        try await with { server, agent async throws in
            #expect(try await send(server).status == 200)
            for (runtime, own) in [(policy("Deny"), nil), (nil, policy("Deny")), (policy("Allow"), policy("Deny"))] as [(String?, String?)]
            {
                try await put(server, runtime: runtime, own: own)
                let refused = try await send(server)
                #expect(refused.status == 403)
                #expect(
                    refused.text == "User: AKID is not authorized to perform: bedrock-agentcore:InvokeAgentRuntime on resource: "
                        + "\(InvocationTargetTests.arn)/runtime-endpoint/DEFAULT with an explicit deny in a resource-based policy")
            }
            try await put(server)
            #expect(try await send(server).status == 200)
            #expect(agent.requests.count == 2)
            #expect(server.store.opens == 1, "no statement but the session's first")
        }
    }

    @Test func theColdPathIsJudgedToo() async throws {
        try await with { server, agent async throws in
            server.store.setPolicies(endpoint: 1, runtime: policy("Deny"))
            server.plane.routes.forget(endpoint: 1)
            #expect(try await send(server).status == 403)
            #expect(try await send(server, "stranger").status == 404)
            #expect(server.store.opens == 0 && agent.requests.isEmpty)
        }
    }

    @Test func anAllowOfBothGivesARoleMore() async throws {
        try await with { server, _ async throws in
            #expect(try await send(server, "viewer").status == 403)
            try await put(server, runtime: policy("Allow"))
            #expect(try await send(server, "viewer").status == 403)
            try await put(server, runtime: policy("Allow", "arn:aws:iam::123456789012:role/viewer"), own: policy("Allow"))
            #expect(try await send(server, "viewer").status == 200)
            server.plane.routes.forget(endpoint: 1)
            #expect(try await send(server, "viewer").status == 200)
        }
    }

    @Test func anotherAccountNeedsAnAllowOfBoth() async throws {
        try await with { server, _ async throws in
            let unshared = try await send(server, "stranger")
            #expect(unshared.status == 404)
            for (runtime, own) in [
                (policy("Allow", "999999999999"), nil), (nil, policy("Allow", "999999999999")),
                (policy("Allow", "999999999999"), policy("Allow", "111111111111")),
                (policy("Allow", "999999999999"), policy("Deny", "999999999999")),
            ] as [(String?, String?)] {
                try await put(server, runtime: runtime, own: own)
                #expect(try await send(server, "stranger").text == unshared.text)
            }
            try await put(server, runtime: policy("Allow", "999999999999"), own: policy("Allow", "*"))
            #expect(try await send(server, "stranger").status == 200)
            #expect(try await send(server).status == 200)
        }
    }

    @Test func conditionsSeeTheConnection() async throws {
        try await with { server, _ async throws in
            try await put(server, own: policy("Deny", condition: #"{"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}"#))
            #expect(try await send(server).status == 403)
            try await put(server, own: policy("Deny", condition: #"{"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}"#))
            #expect(try await send(server).status == 200)
        }
    }

    @Test func namingAUserIsAnActionOfItsOwn() async throws {
        try await with { server, _ async throws in
            try await put(server, own: policy("Deny", action: "InvokeAgentRuntimeForUser"))
            #expect(try await send(server).status == 200)
            let refused = try await send(server, extra: "X-Amzn-Bedrock-AgentCore-Runtime-User-Id: ada\r\n")
            #expect(refused.status == 403 && refused.text.contains("bedrock-agentcore:InvokeAgentRuntimeForUser"))
        }
    }

    @Test func stoppingASessionIsJudgedToo() async throws {
        try await with { server, _ async throws in
            #expect(try await send(server).status == 200)
            let target = try InvocationTarget(
                "/runtimes/\(InvocationTargetTests.encoded)/stopruntimesession", operation: "stopruntimesession")
            func stop(_ role: Principal.Role, account: String = FakeStore.account) async -> SignalboxError.Kind? {
                let caller = Caller(principal: Principal(account: account, accessKeyID: "AKID", role: role), region: FakeStore.region)
                let context = server.plane.context(caller, sourceAddress: nil, requestID: "r")
                do {
                    try await server.plane.stop(context, target: target, sessionID: sessionA)
                    return nil
                } catch {
                    return (error as? SignalboxError)?.kind
                }
            }
            #expect(await stop(.viewer) == .accessDenied)
            #expect(await stop(.admin, account: "999999999999") == .notFound)
            try await put(server, runtime: policy("Deny", action: "StopRuntimeSession"))
            #expect(await stop(.admin) == .accessDenied)
            #expect(try await send(server).status == 200)
            try await put(server)
            #expect(await stop(.invoker) == nil)
        }
    }

    @Test func anOlderReadDoesNotUndoANewerOne() async throws {
        let store = FakeStore()
        let cache = RouteCache(source: store)
        try await cache.refresh(.test())
        let old = try #require(try await store.routeFetch(.test(), endpoints: [1]).first)
        store.setPolicies(endpoint: 1, runtime: policy("Deny"))
        try await cache.refresh(.test(), endpoints: [1])
        #expect(cache.cached(old.key)?.policies.runtime != nil)
        store.state.withLock { $0.routes[1] = old }
        try await cache.refresh(.test(), endpoints: [1])
        #expect(cache.cached(old.key)?.policies.runtime != nil)
        try await cache.refresh(.test())
        #expect(cache.cached(old.key)?.policies.runtime != nil)
    }
}
