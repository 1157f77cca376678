import AgentCoreModel
import Foundation
import Platform
import SigV4
import TestSupport
import Testing

@testable import Server

private typealias Call = SignedServer.Call

/// Order, bodies and clients that leave, where no router stands between the connection and the use case.
struct ControlExchangeTests {
    private let c = OperationContext.test()

    @Test func pipelinedRequestsAreAnsweredInTheirOrder() async throws {
        try await SignedServer.with { server async throws in
            var ids: [String] = []
            for name in ["a", "b", "c"] { ids.append(try await server.store.testRuntime(c, name: name).runtime.runtimeID) }
            // Reads that are kept and not, changes with bodies, what is refused at once, and open routes.
            var calls: [(Call, String)] = []
            for round in 0..<10 {
                let id = ids[round % 3]
                calls.append((Call("GET", "/runtimes/\(id)/"), "200 \(id)"))
                calls.append((Call("GET", "/healthz").with { $0.isSigned = false }, "200 ok"))
                calls.append((Call("PUT", "/runtimes/\(id)/runtime-endpoints/", #"{"name":"not-a-name"}"#), "400 name"))
                calls.append((Call("GET", "/runtimes/\(id)/").with { $0.secret = "wrong" }, "403 signature"))
                calls.append((Call("GET", "/runtimes/\(id)/runtime-endpoints/DEFAULT/"), "200 \(id)"))
                calls.append((Call("POST", "/nowhere", "{}"), "404 no such operation"))
            }
            let bytes = try calls.flatMap { try server.bytes($0.0) }
            let (port, count) = (server.port, calls.count)
            let replies = try await onThread {
                let client = try RawClient(port: port)
                client.send(bytes)
                return (0..<count).compactMap { _ in client.response() }
            }
            try #require(replies.count == calls.count)
            for (reply, (call, expected)) in zip(replies, calls) {
                let halves = expected.split(separator: " ", maxSplits: 1)
                #expect("\(reply.status)" == halves[0], "\(call.target) \(reply.text)")
                #expect(reply.text.lowercased().contains(halves[1].lowercased()), "\(call.target) \(reply.text)")
            }
            #expect(Set(replies.compactMap { $0.field("x-amzn-requestid") }).count == calls.count)
        }
    }

    @Test func aBodyIsAskedForWhenItIsWanted() async throws {
        try await SignedServer.with { server async throws in
            let expecting = Call("PUT", "/runtimes/a-0123456789/runtime-endpoints/", #"{"name":"prod"}"#).with {
                $0.headers = [("Expect", "100-continue")]
            }
            let whole = try server.bytes(expecting)
            let head = Array(whole.dropLast(expecting.body.count))
            let port = server.port
            let first = try await onThread {
                let client = try RawClient(port: port)
                client.send(head)
                let interim = client.head()
                client.send(expecting.body)
                return (interim?.status, client.response())
            }
            #expect(first.0 == 100 && first.1?.outcome == "404 ResourceNotFoundException")
            // Not from strangers, and not when it is too large.
            let unsigned = try server.bytes(expecting.with { $0.isSigned = false })
            let large = Array("PUT /runtimes/ HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n".utf8)
            let authorization = try #require(
                String(decoding: whole, as: UTF8.self).split(separator: "\r\n").first { $0.lowercased().hasPrefix("authorization") })
            for (bytes, status) in [
                (Array(unsigned.dropLast(expecting.body.count)), 403), (large + Array("\(authorization)\r\n\r\n".utf8), 413),
            ] {
                let refused = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(bytes)
                    return client.head()
                }
                #expect(refused?.status == status)
            }
        }
    }

    /// A declared hash: the sender is known before the body is there.
    @Test func aBodyWithADeclaredHashMayComeInPieces() async throws {
        try await SignedServer.with { server async throws in
            let body = #"{"name":"prod"}"#
            let hash = ContentHash.sha256(of: Array(body.utf8))
            let call = Call("PUT", "/runtimes/a-0123456789/runtime-endpoints/", body).with {
                $0.headers = [("x-amz-content-sha256", hash)]
                $0.payloadHash = hash
            }
            let bytes = try server.bytes(call)
            let port = server.port
            let reply = try await onThread {
                let client = try RawClient(port: port)
                for start in stride(from: 0, to: bytes.count, by: 40) { client.send(Array(bytes[start..<min(start + 40, bytes.count)])) }
                return client.response()
            }
            #expect(reply?.outcome == "404 ResourceNotFoundException")
            // Refused by its head alone: the body never comes.
            let wrong = try server.bytes(call.with { $0.secret = "wrong" })
            let refused = try await onThread {
                let client = try RawClient(port: port)
                client.send(Array(wrong.dropLast(5)))
                return client.response()
            }
            #expect(refused?.outcome == "403 InvalidSignatureException")
        }
    }

    @Test func clientsThatLeaveTakeNothingAlong() async throws {
        try await SignedServer.with { server async throws in
            let runtime = try await server.store.testRuntime(c).runtime
            let get = Call("GET", "/runtimes/\(runtime.runtimeID)/")
            let put = Call("PUT", "/runtimes/", String(repeating: " ", count: 300_000))
            _ = try await server.send(get)
            let (read, change) = (try server.bytes(get), try server.bytes(put))
            let port = server.port
            for round in 0..<40 {
                try await onThread {
                    let client = try RawClient(port: port)
                    // In the head, in the body, and while the answer is being looked up.
                    client.send(round % 3 == 0 ? Array(read.dropLast(3)) : round % 3 == 1 ? Array(change.dropLast(1000)) : read + read)
                }
            }
            try await eventually("no connection") { server.connectionCount == 0 }
            try await eventually("no body's part") { server.plane.spools.inUse == 0 }
            #expect(try await server.send(get).status == 200)
        }
    }

    @Test func headsHaveNoBody() async throws {
        try await SignedServer.with { server async throws in
            for (target, isSigned, status) in [
                ("/runtimes/a-0123456789/", true, 405), ("/nowhere", true, 404), ("/runtimes/", false, 403), ("/readyz", false, 200),
            ] {
                let call = Call("HEAD", target).with {
                    $0.isSigned = isSigned
                    $0.sendsLength = false
                }
                let bytes = try server.bytes(call) + server.bytes(Call("GET", "/healthz").with { $0.isSigned = false })
                let port = server.port
                let (head, next) = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(bytes)
                    return (client.head(), client.response())
                }
                #expect(head?.status == status && (head?.field("content-length").flatMap { Int($0) } ?? 0) > 0, "\(target)")
                // Bytes of a body would be read as this one's head.
                #expect(next?.text == "ok\n", "\(target)")
            }
        }
    }
}
