import Crypto
import Foundation
import HTTPWire
import Lifecycle
import NIOCore
import Platform
import Synchronization
import TestSupport
import Testing

@testable import DataPlane

/// Real sockets, a fake agent, a fake store.
@Suite(.serialized) struct InvocationTests {
    private func withServer(
        _ agent: FakeAgent, contract: AgentProfile = AgentProfile(), configuration: DataPlaneConfiguration = DataPlaneConfiguration(),
        limits: WireLimits = WireLimits(), authenticator: FakeAuthenticator = FakeAuthenticator(),
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let server = try await TestServer(
            host: FakeHost(port: agent.port, contract: contract), configuration: configuration, limits: limits,
            authenticator: authenticator)
        do { try await body(server) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        await agent.stop()
    }

    private func one(_ server: TestServer, _ request: String) async throws -> RawClient.Response {
        let port = server.port
        return try await onThread {
            try #require(
                try {
                    let client = try RawClient(port: port)
                    client.send(request)
                    return client.response()
                }())
        }
    }

    // MARK: The plain call

    @Test func jsonCallAndItsHeaders() async throws {
        let agent = try await FakeAgent.always(
            #"{"result":"Hello"}"#, extra: "Mcp-Session-Id: from-agent\r\nSet-Cookie: a=b\r\nServer: x\r\nX-Secret: y\r\n")
        try await withServer(agent, contract: AgentProfile(headerAllowlist: ["x-amzn-bedrock-agentcore-runtime-custom-a", "cookie"])) {
            server in
            let extra = """
                Content-Type: application/json\r
                Accept: text/event-stream\r
                Cookie: secret\r
                X-Other: secret\r
                X-Amzn-Bedrock-AgentCore-Runtime-Custom-A: mine\r
                X-Amzn-Bedrock-AgentCore-Runtime-Custom-B: unlisted\r
                X-Amzn-Bedrock-AgentCore-Runtime-User-Id: u\r
                traceparent: 00-1-2-3\r
                Mcp-Session-Id: from-caller\r

                """
            let response = try await one(server, invocation(#"{"a":1}"#, extra: extra))
            #expect(response.status == 200 && response.isComplete)
            #expect(response.text == #"{"result":"Hello"}"#)
            #expect(response.field("content-type") == "application/json")
            #expect(response.field("x-amzn-bedrock-agentcore-runtime-session-id") == sessionA)
            #expect(response.field("mcp-session-id") == "from-agent")
            #expect(response.field("traceparent") == "00-1-2-3")
            #expect(response.field("x-amzn-requestid")?.count == 36)
            #expect(response.field("set-cookie") == nil && response.field("server") == nil && response.field("x-secret") == nil)

            let seen = try #require(agent.requests.first)
            #expect(seen.head.hasPrefix("POST /invocations HTTP/1.1\r\nHost: localhost:8080\r\n"))
            #expect(seen.text == #"{"a":1}"#)
            #expect(seen.field("content-type") == "application/json")
            #expect(seen.field("accept") == "text/event-stream")
            #expect(seen.field("x-amzn-bedrock-agentcore-runtime-session-id") == sessionA)
            #expect(seen.field("x-amzn-bedrock-agentcore-runtime-request-id") == response.field("x-amzn-requestid"))
            #expect(seen.field("x-amzn-bedrock-agentcore-runtime-custom-a") == "mine")
            #expect(seen.field("traceparent") == "00-1-2-3")
            for name in [
                "authorization", "cookie", "x-other", "x-amzn-bedrock-agentcore-runtime-custom-b",
                "x-amzn-bedrock-agentcore-runtime-user-id", "x-amz-date",
            ] { #expect(seen.field(name) == nil, "\(name)") }
        }
    }

    @Test func callWithoutContentTypeOrSession() async throws {
        let agent = try await FakeAgent.start { _, channel in channel.send("HTTP/1.1 204 No Content\r\n\r\n") }
        try await withServer(agent) { server in
            let response = try await one(server, invocation("x", session: nil, path: "/runtimes/agent-abcdefghij/invocations", query: ""))
            #expect(response.status == 200 && response.isComplete && response.body.isEmpty)
            #expect(response.field("x-amzn-bedrock-agentcore-runtime-session-id")?.count == 36)
            #expect(agent.requests[0].field("content-type") == nil, "none is invented")
        }
    }

    @Test func refusals() async throws {
        let agent = try await FakeAgent.always("{}")
        try await withServer(agent) { server in
            let arn = InvocationTargetTests.encoded
            let short = try await one(server, invocation("{}", session: "abc"))
            #expect(short.status == 400)
            #expect(
                short.text
                    == "1 validation error detected: Value 'abc' at 'runtimeSessionId' failed to satisfy constraint: Member must have length greater than or equal to 33"
            )
            #expect(try await one(server, invocation("{}", session: String(repeating: "a", count: 257))).status == 400)
            #expect(try await one(server, invocation("{}", session: String(repeating: "a", count: 256))).status == 200)
            #expect(try await one(server, invocation("{}", authorization: nil)).text == "Missing Authentication Token")
            #expect(try await one(server, invocation("{}", authorization: "wrong")).status == 403)
            #expect(try await one(server, invocation("{}", authorization: "viewer")).status == 403)
            let stranger = try await one(server, invocation("{}", authorization: "stranger"))
            #expect(stranger.status == 404)
            let unknown = try await one(server, invocation("{}", query: "?qualifier=nope"))
            #expect(unknown.status == 404)
            #expect(unknown.text == "No endpoint or agent found with qualifier 'nope' for agent '\(InvocationTargetTests.arn)'")
            #expect(unknown.text == stranger.text.replacingOccurrences(of: "DEFAULT", with: "nope"))
            #expect(try await one(server, "GET /runtimes/\(arn)/invocations HTTP/1.1\r\nHost: a\r\n\r\n").status == 405)
            #expect(try await one(server, invocation("{}", extra: "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\n")).status == 403)
            #expect(
                try await one(server, invocation("{}", extra: "X-Amzn-Trace-Id: \(String(repeating: "a", count: 129))\r\n")).status == 400)
            #expect(agent.requests.count == 1, "only the good one reached the agent")
        }
    }

    @Test func aListedHeaderHasAtMostFourKilobytes() async throws {
        let agent = try await FakeAgent.always("{}")
        let name = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-A"
        try await withServer(agent, contract: AgentProfile(headerAllowlist: [name.lowercased()])) { server in
            let most = String(repeating: "a", count: 4096)
            #expect(try await one(server, invocation("{}", extra: "\(name): \(most)\r\n")).status == 200)
            #expect(try await one(server, invocation("{}", extra: "X-Other: \(most)a\r\n")).status == 200)
            let over = try await one(server, invocation("{}", extra: "\(name): \(most)a\r\n"))
            #expect(over.status == 400 && over.text.contains("at '\(name)' failed to satisfy constraint"))
            #expect(agent.requests.count == 2)
        }
    }

    @Test func slowAuthenticationAndPipelining() async throws {
        let agent = try await FakeAgent.start { request, channel in channel.send(FakeAgent.ok(request.text)) }
        try await withServer(agent, authenticator: FakeAuthenticator(isSlow: true)) { server in
            let port = server.port
            let texts = try await onThread {
                let client = try RawClient(port: port)
                client.send((0..<20).map { invocation("call \($0)") }.joined())
                return (0..<20).map { _ in client.response()?.text ?? "none" }
            }
            #expect(texts == (0..<20).map { "call \($0)" })
            // On a busy host the next call may come before the last one's connection is back.
            #expect(agent.connections.count < 10, "connections are reused")
            #expect(server.host.started.count == 1)
        }
    }

    @Test func emptyBodyAndChunkedBody() async throws {
        let agent = try await FakeAgent.start { request, channel in channel.send(FakeAgent.ok(request.text)) }
        try await withServer(agent) { server in
            let base = invocation("").replacingOccurrences(of: "Content-Length: 0\r\n", with: "")
            let empty = try await one(server, base)
            #expect(empty.text == "")
            let chunked = base.replacingOccurrences(of: "\r\n\r\n", with: "\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(try await one(server, chunked + "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n").text == "abcde")
            #expect(agent.requests[1].field("content-length") == "5", "a verified body has a known length")
        }
    }

    // MARK: Bodies

    private func hex(_ bytes: [UInt8]) -> String { SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined() }

    @Test func largeBodyIsSpooledAndVerifiedBeforeTheAgentSeesAnyOfIt() async throws {
        let agent = try await FakeAgent.start { request, channel in channel.send(FakeAgent.ok("\(request.body.count)")) }
        try await withServer(agent) { server in
            let body = [UInt8](repeating: 7, count: 5_000_000)
            let hash = hex(body)
            let port = server.port
            let head = invocation("", authorization: "sha256:\(hash)").replacingOccurrences(
                of: "Content-Length: 0", with: "Content-Length: \(body.count)")
            let response = try await onThread {
                let client = try RawClient(port: port)
                client.send(head)
                client.send(body)
                return client.response()
            }
            #expect(response?.text == "5000000")
            #expect(agent.requests.first.map { hex($0.body) } == hash)
            var forged = body
            forged[4_999_999] = 8
            let (refused, sent) = try await onThread { [forged] in
                let client = try RawClient(port: port)
                client.send(head)
                let sent = client.send(forged)
                return (client.response(), sent)
            }
            #expect(refused?.status == 403 && sent)
            #expect(agent.requests.count == 1)
            try await eventually("the file to go") { server.plane.spools.inUse == 0 }
        }
    }

    @Test func declaredHashStreamsAndTheLastPieceWaits() async throws {
        let agent = try await FakeAgent.start { request, channel in channel.send(FakeAgent.ok("\(request.body.count)")) }
        try await withServer(agent) { server in
            let body = [UInt8]((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) })
            let port = server.port
            for (framed, hash, status) in [
                (false, hex(body), 200), (true, hex(body), 200), (false, hex([1]), 403), (true, hex([1]), 403),
            ] {
                let seen = agent.requests.count
                let framing = framed ? "Transfer-Encoding: chunked" : "Content-Length: \(body.count)"
                let head = invocation("", extra: "X-Amz-Content-Sha256: \(hash)\r\n").replacingOccurrences(
                    of: "Content-Length: 0", with: framing)
                let response = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(head)
                    var rest = body[...]
                    while !rest.isEmpty {
                        let piece = Array(rest.prefix(100_000))
                        rest = rest.dropFirst(100_000)
                        client.send(framed ? Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + [13, 10] : piece)
                    }
                    if framed { client.send("0\r\n\r\n") }
                    return client.response()
                }
                #expect(response?.status == status, "\(framed) \(response?.text ?? "")")
                #expect(agent.requests.count == seen + (status == 200 ? 1 : 0), "a forged body is never whole")
                if status == 200 { #expect(agent.requests.last?.body == body) }
            }
            // Small ones are verified before anything is sent.
            let small = try await one(server, invocation("abc", extra: "X-Amz-Content-Sha256: \(hex([1]))\r\n"))
            #expect(small.status == 403)
        }
    }

    @Test func payloadLimitIsExact() async throws {
        let agent = try await FakeAgent.start { request, channel in channel.send(FakeAgent.ok("\(request.body.count)")) }
        var configuration = DataPlaneConfiguration()
        configuration.maximumBody = 2_000_000
        try await withServer(agent, configuration: configuration) { server in
            let port = server.port
            for (count, chunked, status) in [
                (2_000_000, false, 200), (2_000_001, false, 413), (2_000_000, true, 200), (2_000_001, true, 413),
            ] {
                let framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(count)"
                let head = invocation("").replacingOccurrences(of: "Content-Length: 0", with: framing)
                let response = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(head)
                    let body = [UInt8](repeating: 1, count: count)
                    client.send(chunked ? Array("\(String(count, radix: 16))\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8) : body)
                    return client.response()
                }
                #expect(response?.status == status, "\(count) \(chunked)")
            }
        }
    }

    @Test func earlyRefusalReachesAClientThatStillSends() async throws {
        let agent = try await FakeAgent.always("{}")
        try await withServer(agent) { server in
            let port = server.port
            let head = invocation("", authorization: nil).replacingOccurrences(of: "Content-Length: 0", with: "Content-Length: 20000000")
            let response = try await onThread {
                let client = try RawClient(port: port)
                client.send(head)
                client.send([UInt8](repeating: 1, count: 20_000_000))
                return client.response()
            }
            #expect(response?.status == 403)
        }
    }

    // MARK: Streams

    /// The agent says nothing more until the caller has heard what came before.
    @Test func eventsPassAtOnce() async throws {
        let agent = try await FakeAgent.start { _, channel in
            channel.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        }
        try await withServer(agent) { server in
            let port = server.port
            let arrived = try await onThread {
                let client = try RawClient(port: port)
                client.send(invocation("{}"))
                let head = try #require(client.head())
                #expect(head.field("content-type") == "text/event-stream")
                let channel = try #require(agent.connections.last)
                var arrived: [String] = []
                for index in 0..<5 {
                    let event = "data: \(index)\n\n"
                    channel.send("\(String(event.utf8.count, radix: 16))\r\n\(event)\r\n")
                    guard let chunk = client.chunk() else { break }
                    arrived.append(String(decoding: chunk, as: UTF8.self))
                }
                channel.send("0\r\n\r\n")
                #expect(client.chunk() == [])
                return arrived
            }
            #expect(arrived == (0..<5).map { "data: \($0)\n\n" })
        }
    }

    @Test func slowReaderHoldsTheAgentBack() async throws {
        let total = 128 * 1024 * 1024
        // Bytes that the agent's system took from it.
        final class Taken: Sendable { let bytes = Atomic<Int>(0) }
        let taken = Taken()
        let agent = try await FakeAgent.start { _, channel in
            channel.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            let piece = ByteBuffer(repeating: 120, count: 64 * 1024)
            @Sendable func more(_ sent: Int) {
                taken.bytes.store(sent, ordering: .relaxed)
                guard sent < total else { return }
                channel.writeAndFlush(piece).whenSuccess { more(sent + piece.readableBytes) }
            }
            more(0)
        }
        try await withServer(agent) { server in
            let port = server.port
            let (first, whole, held) = try await onThread {
                let client = try RawClient(port: port, receiveBuffer: 32 * 1024)
                client.send(invocation("{}"))
                _ = client.head()
                let first = client.receive().count
                // Until the agent can send no more, which is at its end if nobody holds it back.
                var held = -1
                while case let now = taken.bytes.load(ordering: .relaxed), now != held {
                    held = now
                    usleep(300_000)
                }
                var count = first
                while case let bytes = client.receive(1 << 20), !bytes.isEmpty {
                    count += bytes.count
                    if count >= total - 70_000 { break }
                }
                return (first, count, held)
            }
            #expect(first > 0)
            // What came with the head is not counted.
            #expect(whole >= total - 70_000)
            // The kernel's buffers of four sockets hold some MiB each.
            #expect(held < 48 * 1024 * 1024, "the agent sent \(held >> 20) MiB while the reader slept")
        }
    }

    @Test func clientThatLeavesClosesTheAgentsConnection() async throws {
        let agent = try await FakeAgent.start { _, channel in
            channel.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        }
        try await withServer(agent) { server in
            let port = server.port
            try await onThread {
                let client = try RawClient(port: port)
                client.send(invocation("{}"))
                _ = client.head()
                _ = client.chunk()
            }
            try await eventually("the agent's connection to close") { agent.connections.allSatisfy { !$0.isActive } }
            try await eventually("the call to be let go") {
                guard let session = server.plane.sessions.acquireReady(endpoint: 1, sessionID: sessionA) else { return false }
                defer { server.plane.sessions.release(session) }
                return session.inFlight == 1
            }
        }
    }

    @Test func clientThatLeavesBeforeTheAnswerIsNoticed() async throws {
        let agent = try await FakeAgent.start { _, _ in }
        var limits = WireLimits()
        limits.halfCloseGrace = .milliseconds(100)
        try await withServer(agent, limits: limits) { server in
            let port = server.port
            try await onThread {
                let client = try RawClient(port: port)
                client.send(invocation("{}"))
                while agent.requests.isEmpty { usleep(1000) }
            }
            try await eventually("the agent's connection to close") { agent.connections.allSatisfy { !$0.isActive } }
        }
    }

    // MARK: Failures

    @Test func agentsErrorsAre424() async throws {
        let agent = try await FakeAgent.start { request, channel in
            channel.send("HTTP/1.1 \(request.text) Whatever\r\nContent-Length: 5\r\n\r\noops!")
        }
        try await withServer(agent) { server in
            for code in ["500", "404", "302", "400", "503"] {
                let response = try await one(server, invocation(code))
                #expect(response.status == 424)
                #expect(response.text == "Received error (\(code)) from runtime. Please check your CloudWatch logs for more information.")
                #expect(response.field("x-signalbox-agent-status") == code)
                #expect(response.field("x-signalbox-sandbox") == server.host.started[0])
            }
            #expect(agent.connections.count == 1, "a drained error leaves the connection usable")
        }
    }

    @Test func agentThatHangsUpOrTalksNonsense() async throws {
        let agent = try await FakeAgent.start { request, channel in
            switch request.text {
            case "hang up": channel.close(promise: nil)
            case "nonsense": channel.send("hello\r\n\r\n")
            case "two lengths": channel.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
            case "cut":
                channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")).whenComplete { _ in
                    channel.eventLoop.scheduleTask(in: .milliseconds(50)) { channel.close(promise: nil) }
                }
            case "cut chunks":
                channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")).whenComplete
                { _ in
                    channel.eventLoop.scheduleTask(in: .milliseconds(50)) { channel.close(promise: nil) }
                }
            case "until close":
                channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\nall")).whenComplete { _ in channel.close(promise: nil) }
            default: channel.send(FakeAgent.ok("fine"))
            }
        }
        try await withServer(agent) { server in
            for text in ["hang up", "nonsense", "two lengths"] {
                let response = try await one(server, invocation(text))
                #expect(response.status == 424, "\(text)")
                #expect(response.text.hasPrefix("The runtime failed before it answered: "))
            }
            for text in ["cut", "cut chunks"] {
                let response = try await one(server, invocation(text))
                #expect(response.status == 200 && response.body.count <= 3 && !response.isComplete, "\(text): \(response)")
            }
            let whole = try await one(server, invocation("until close"))
            #expect(whole.isComplete && whole.text == "all")
            #expect(try await one(server, invocation("x")).text == "fine")
            #expect(server.host.started.count == 1)
        }
    }

    @Test func staleConnectionIsNotUsed() async throws {
        let agent = try await FakeAgent.start { request, channel in
            channel.writeAndFlush(ByteBuffer(string: FakeAgent.ok(request.text))).whenSuccess {
                // Right after the answer, while the proxy still believes in it.
                channel.close(promise: nil)
            }
        }
        try await withServer(agent) { server in
            let port = server.port
            let texts = try await onThread {
                let client = try RawClient(port: port)
                return (0..<200).map { index -> String in
                    client.send(invocation("\(index)"))
                    let text = client.response().map { "\($0.status) \($0.text)" } ?? "none"
                    // Closed on the agent's side, and the news has come to the proxy's: a busy kernel takes a moment.
                    while agent.connections.contains(where: \.isActive) || isEstablished(to: agent.port) { usleep(50) }
                    // The kernel's list may miss a line while others come and go: a second look.
                    while isEstablished(to: agent.port) { usleep(50) }
                    return text
                }
            }
            #expect(texts == (0..<200).map { "200 \($0)" })
        }
    }

    @Test func crashedSandboxIsReplaced() async throws {
        let agent = try await FakeAgent.always("{}")
        try await withServer(agent) { server in
            #expect(try await one(server, invocation("{}")).status == 200)
            let first = server.host.started[0]
            server.host.crash(first)
            try await eventually("the end") { server.store.live.isEmpty }
            #expect(try await one(server, invocation("{}")).status == 200)
            #expect(server.host.started.count == 2)
        }
    }

    /// Nothing of the request was sent yet, so it goes to the session's next incarnation.
    @Test func sandboxThatWentUnnoticedIsReplaced() async throws {
        let agent = try await FakeAgent.always("{}")
        var configuration = DataPlaneConfiguration()
        configuration.maximumUpstreamIdle = .milliseconds(1)
        try await withServer(agent, configuration: configuration) { server in
            #expect(try await one(server, invocation("{}")).status == 200)
            server.host.state.withLock { $0.sandboxes = [:] }
            try await Task.sleep(for: .milliseconds(5))
            #expect(try await one(server, invocation("{}")).status == 200)
            #expect(server.host.started.count == 2)
        }
    }

    @Test func refusedConnectionIs424() async throws {
        let agent = try await FakeAgent.always("{}")
        var configuration = DataPlaneConfiguration()
        configuration.maximumUpstreamIdle = .milliseconds(1)
        try await withServer(agent, configuration: configuration) { server in
            #expect(try await one(server, invocation("{}")).status == 200)
            server.host.use(port: 1)
            try await Task.sleep(for: .milliseconds(5))
            #expect(try await one(server, invocation("{}")).status == 424)
            #expect(server.host.started.count == 1)
        }
    }

    /// A process's connections end before it is known how it ended: the caller hears that, and the
    /// next call does not meet the dead session.
    @Test func failureSaysHowTheAgentEnded() async throws {
        let agent = try await FakeAgent.start { _, channel in channel.close(promise: nil) }
        try await withServer(agent) { server in
            server.host.state.withLock { $0.exitOnStatus = "the agent was killed because it used more memory than 2 GiB" }
            let response = try await one(server, invocation("{}"))
            #expect(response.status == 424)
            #expect(response.text.contains("more memory than 2 GiB"))
            try await eventually("the end") { server.store.live.isEmpty }
        }
    }

    /// What is left of a sandbox may take a while to go; how it ended is known then.
    @Test func theEndOfAnAgentIsWaitedFor() async throws {
        let agent = try await FakeAgent.start { _, channel in channel.close(promise: nil) }
        try await withServer(agent) { server in
            server.host.state.withLock { $0.isEndingOnStatus = true }
            async let answer = one(server, invocation("{}"))
            // Longer than one that still runs is given.
            try await Task.sleep(for: .milliseconds(900))
            server.host.state.withLock { $0.exitOnStatus = "the agent exited with code 7" }
            let response = try await answer
            #expect(response.status == 424)
            #expect(response.text.contains("code 7"))
            try await eventually("the end") { server.store.live.isEmpty }
        }
    }

    @Test func answerTimeout() async throws {
        let agent = try await FakeAgent.start { _, _ in }
        var configuration = DataPlaneConfiguration()
        configuration.answerTimeout = .milliseconds(300)
        try await withServer(agent, configuration: configuration) { server in
            let response = try await one(server, invocation("{}"))
            #expect(response.status == 424)
            #expect(response.text.contains("did not answer in time"))
        }
    }

    @Test func routeChangesAndRecreatedEndpoint() async throws {
        let agent = try await FakeAgent.always("{}")
        try await withServer(agent) { server in
            #expect(try await one(server, invocation("{}")).status == 200)
            server.store.remove(endpoint: 1)
            server.store.put(endpoint: 9, name: "DEFAULT", version: 3)
            // No notice came, and yet a new session finds the endpoint that now has the name.
            #expect(try await one(server, invocation("{}", session: sessionB)).status == 200)
            #expect(server.store.live.contains { $0.endpoint == 9 && $0.version == 3 })
            server.store.remove(endpoint: 9)
            server.store.notify(.endpoint(9))
            try await eventually("the notice") {
                server.plane.routes.cached(
                    .init(account: FakeStore.account, region: FakeStore.region, runtimeID: FakeStore.runtimeID, endpointName: "DEFAULT"))
                    == nil
            }
            #expect(try await one(server, invocation("{}", session: sessionB)).status == 404)
        }
    }

    // MARK: Load

    @Test func keepAliveLoadOn32Connections() async throws {
        let agent = try await FakeAgent.start { request, channel in channel.send(FakeAgent.ok(request.text)) }
        try await withServer(agent) { server in
            let port = server.port
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<32 {
                    group.addTask {
                        try await onThread {
                            let client = try RawClient(port: port)
                            let deadline = ContinuousClock.now + .seconds(4)
                            var count = 0
                            while ContinuousClock.now < deadline {
                                let text = #"{"connection":\#(index),"call":\#(count)}"#
                                client.send(invocation(text, session: "\(sessionA)\(index % 4)"))
                                guard let response = client.response(), response.status == 200, response.text == text else { return -1 }
                                count += 1
                            }
                            return count
                        }
                    }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(counts.allSatisfy { $0 > 0 }, "\(counts)")
            #expect(server.host.started.count == 4)
            #expect(agent.connections.count <= 40)
        }
    }
}

/// Whether a socket on this host believes to be connected to a port of loopback. Source: proc(5), `/proc/net/tcp`.
private func isEstablished(to port: Int) -> Bool {
    let address = "0100007F:" + String(format: "%04X", port)
    guard let table = try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8) else { return false }
    return table.split(separator: "\n").dropFirst().contains { line in
        let fields = line.split(separator: " ")
        return fields.count > 3 && fields[2] == address && fields[3] == "01"
    }
}
