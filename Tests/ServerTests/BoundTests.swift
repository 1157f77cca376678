import Access
import Platform
import SigV4
import TestSupport
import Testing

@testable import Server

/// 429, as clients see it.
struct ThrottledRequestTests {
    @Test func countedBeforeTheRequestIsLookedAt() async throws {
        try await SignedServer.with(throttle: try ThrottleRule.parse("UpdateAgentRuntime=0.01,CreateWorkloadIdentity=0.01/2")) {
            server async throws in
            let update = SignedServer.Call("PUT", "/runtimes/a-0123456789/", "not even JSON")
            // Who is nobody is not counted.
            #expect(try await server.send(update.with { $0.secret = "wrong" }).outcome == "403 InvalidSignatureException")
            #expect(try await server.send(update).outcome == "400 ValidationException")
            let reply = try await server.send(update)
            #expect(reply.outcome == "429 ThrottlingException" && reply.json?["message"]?.string == "Rate exceeded")
            let seconds = try #require(reply.field("retry-after").flatMap { Int($0) })
            #expect((90...100).contains(seconds))
            #expect(try await server.send(SignedServer.Call("GET", "/runtimes/a-0123456789/")).status == 404)

            // A refused request leaves nothing behind: the same token is good later.
            for name in ["one", "two"] {
                let body = #"{"name":"identity-\#(name)"}"#
                #expect(try await server.send(SignedServer.Call("POST", "/identities/CreateWorkloadIdentity", body)).status < 300)
            }
            let third = SignedServer.Call("POST", "/identities/CreateWorkloadIdentity", #"{"name":"identity-three"}"#)
            #expect(try await server.send(third).outcome == "429 ThrottlingException")
            let tokens = try await server.store.postgres.query("select count(*) from workload_identity where name = 'identity-three'")
            #expect(try tokens.first?.int("count") == 0)
        }
    }

    @Test func aRefusedRequestStoresNoToken() async throws {
        try await SignedServer.with(throttle: try ThrottleRule.parse("CreateAgentRuntimeEndpoint=0.01/2")) { server async throws in
            let runtime = try await server.store.testRuntime(.test()).runtime.runtimeID
            func create(_ name: String) async throws -> String {
                let body = #"{"name":"\#(name)","agentRuntimeVersion":"1","clientToken":"\#(Identifier.uuid())"}"#
                return try await server.send(SignedServer.Call("PUT", "/runtimes/\(runtime)/runtime-endpoints/", body)).outcome
            }
            func tokens() async throws -> Int64 {
                try await server.store.postgres.query("select count(*) from idempotency").first?.int("count") ?? -1
            }
            #expect(try await create("one") == "202 ")
            #expect(try await tokens() == 1)
            #expect(try await create("two") == "202 ")
            #expect(try await create("three") == "429 ThrottlingException")
            #expect(try await tokens() == 2)
        }
    }

    @Test func invocationsToo() async throws {
        try await SignedServer.with(throttle: try ThrottleRule.parse("InvokeAgentRuntime=0.01")) { server async throws in
            let invoke = SignedServer.Call("POST", "/runtimes/a-0123456789/invocations", "{}")
            #expect(try await server.send(invoke).outcome == "404 ResourceNotFoundException")
            let reply = try await server.send(invoke)
            #expect(reply.outcome == "429 ThrottlingException" && reply.field("retry-after") != nil)
        }
    }

    @Test func ownOperationsCanBeNamed() throws {
        #expect(try ThrottleRule.parse("GetMetrics=1,Rotate*=2").count == 2)
        #expect(throws: ThrottleRuleError.self) { try ThrottleRule.parse("GetNothing=1") }
    }
}

/// Memory of bodies whose sender is not known yet.
struct UnverifiedBodyTests {
    @Test func allTogetherAreBounded() async throws {
        try await SignedServer.with { server async throws in
            let port = server.port
            // Bodies of 1 MiB without their last byte: two fit, the third doesn't.
            let body = String(repeating: " ", count: 1 << 20)
            let call = SignedServer.Call("PUT", "/runtimes/", body)
            let bytes = try server.bytes(call)
            let held = try await onThread {
                try (0..<2).map { _ in
                    let client = try RawClient(port: port)
                    client.send(Array(bytes.dropLast()))
                    return client
                }
            }
            try await eventually("two bodies are held") { server.unverified.inUse >= 2 * (1024 - 64) * 1024 - 2 }
            let third = try await server.send(call)
            #expect(third.outcome == "503 ServiceUnavailableException" && third.field("retry-after") == "2")
            // Small ones pass, and one whose sender is known before its body is read.
            #expect(try await server.send(SignedServer.Call("PUT", "/runtimes/", "{")).status == 400)
            let hash = ContentHash.sha256(of: Array(body.utf8))
            let declared = call.with {
                $0.headers = [("x-amz-content-sha256", hash)]
                $0.payloadHash = hash
            }
            #expect(try await server.send(declared).status == 400)
            try await onThread {
                for client in held {
                    client.send([UInt8(ascii: " ")])
                    #expect(client.response()?.status == 400)
                }
            }
            try await eventually("memory is given back") { server.unverified.inUse == 0 }
            #expect(try await server.send(call).status == 400)
        }
    }

    @Test func whoGoesAwayGivesBack() async throws {
        try await SignedServer.with { server async throws in
            let bytes = try server.bytes(SignedServer.Call("PUT", "/runtimes/", String(repeating: " ", count: 1 << 20)))
            let port = server.port
            do {
                let client = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(Array(bytes.dropLast()))
                    return client
                }
                try await eventually("the body is held") { server.unverified.inUse > 0 }
                withExtendedLifetime(client) {}
            }
            try await eventually("memory is given back") { server.unverified.inUse == 0 }
        }
    }
}
