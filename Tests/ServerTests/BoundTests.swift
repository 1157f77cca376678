import Access
import DataPlane
import NIOCore
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

/// Bodies whose sender is not known yet: little memory, and a bounded disk.
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
            try await eventually("two bodies are held") { server.plane.spools.inUse >= 2 * (1024 - 64) * 1024 - 2 }
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
            try await eventually("the disk is given back") { server.plane.spools.inUse == 0 }
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
                try await eventually("the body is held") { server.plane.spools.inUse > 0 }
                withExtendedLifetime(client) {}
            }
            try await eventually("the disk is given back") { server.plane.spools.inUse == 0 }
        }
    }

    @Test func whatWaitedOnDiskIsWhatWasSent() async throws {
        try await SignedServer.with { server async throws in
            // Its end alone makes it JSON, and no piece of it is like another.
            let spaces = (0..<90_000).map { $0.isMultiple(of: 7) ? "\n  " : "\t" }.joined()
            let call = SignedServer.Call(
                "POST", "/identities/CreateWorkloadIdentity",
                #"{"name":"\#(spaces.count)-times",\#(spaces)"allowedResourceOauth2ReturnUrls":[]}"#)
            #expect(call.body.count > UnverifiedBody.memory)
            let forged = call.with { $0.sentBody = Array(call.body.dropLast()) + Array(" ".utf8) }
            #expect(try await server.send(forged).outcome == "403 InvalidSignatureException")
            let made = try await server.send(call)
            #expect(made.status == 201 || made.status == 200, "\(made.text)")
            #expect(made.json?["name"]?.string == "\(spaces.count)-times")
            let large = call.with { $0.body += [UInt8](repeating: 0x20, count: RequestAuthentication.maximumBody) }
            #expect(try await server.send(large).status == 413)
            try await eventually("the disk is given back") { server.plane.spools.inUse == 0 }
        }
    }

    @Test func piecesOfAnySize() async throws {
        try await SignedServer.with { server async throws in
            for sizes in [[], [1], [65_536], [65_537], [65_536, 1], [100_000, 1, 65_536, 70_000, 3], Array(repeating: 1000, count: 200)] {
                var body = UnverifiedBody(server.plane.spools)
                var whole: [UInt8] = []
                for (number, size) in sizes.enumerated() {
                    let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) }
                    whole += piece
                    if body.take(ByteBuffer(bytes: piece)) { try await body.spill() }
                }
                #expect(body.count == whole.count && body.sha256 == ContentHash.sha256(of: whole), "\(sizes.prefix(9))")
                #expect(try await body.bytes() == whole, "\(sizes.prefix(9))")
                #expect(whole.count - server.plane.spools.inUse <= UnverifiedBody.memory, "\(sizes.prefix(9))")
            }
            try await eventually("the disk is given back") { server.plane.spools.inUse == 0 }
        }
    }
}
