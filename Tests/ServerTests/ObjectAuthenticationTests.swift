import Artifacts
import Foundation
import Hummingbird
import NIOCore
import Platform
import TestSupport
import Testing

@testable import Server
@testable import SigV4

private typealias Call = SignedServer.Call

/// Signed bodies of every kind that S3 clients send, through the listener.
struct ObjectAuthenticationTests {
    private func with(_ body: @escaping @Sendable (SignedServer) async throws -> Void) async throws {
        try await SignedServer.with { server async throws in
            #expect(try await server.send(Call("PUT", "/_s3/bucket")).status == 200)
            try await body(server)
        }
    }

    private func code(_ reply: RawClient.Response) -> String {
        let code = reply.text.firstMatch(of: /<Code>(.*)<\/Code>/).map { String($0.output.1) }
        return "\(reply.status) \(code ?? "")"
    }

    private func content(_ server: SignedServer, _ key: String) async throws -> String {
        let reply = try await server.send(Call("GET", "/_s3/bucket/\(key)"))
        return reply.status == 200 ? reply.text : code(reply)
    }

    @Test func declaredHash() async throws {
        try await with { server async throws in
            let put = Call("PUT", "/_s3/bucket/a%20b//c", "hello")
            #expect(try await server.send(put).status == 200)
            #expect(try await content(server, "a%20b//c") == "hello")
            let other = put.with { $0.sentBody = Array("jello".utf8) }
            #expect(code(try await server.send(other)) == "400 XAmzContentSHA256Mismatch")
            #expect(try await content(server, "a%20b//c") == "hello")
            let document = Call("PUT", "/_s3/second-bucket", "").with { $0.sentBody = Array("<x/>".utf8) }
            #expect(code(try await server.send(document)) == "400 XAmzContentSHA256Mismatch")
            #expect(code(try await server.send(Call("GET", "/_s3/second-bucket"))) == "404 NoSuchBucket")
            #expect(try await server.send(Call("HEAD", "/_s3/bucket/nothing")).status == 404)
        }
    }

    @Test func streamThrowsAtItsEndUnlessItHasTheHash() async throws {
        let body = RequestBody(buffer: ByteBuffer(string: "hello"))
        func read(_ declared: String) async throws -> [UInt8] {
            try await HashedBody(base: body, declared: declared).reduce(into: []) { $0 += $1 }
        }
        #expect(try await read(ContentHash.sha256(of: Array("hello".utf8))) == Array("hello".utf8))
        for declared in [ContentHash.emptySHA256, ContentHash.sha256(of: Array("jello".utf8))] {
            await #expect(throws: ObjectError.self) { try await read(declared) }
        }
    }

    @Test func heads() async throws {
        try await with { server async throws in
            let put = Call("PUT", "/_s3/bucket/key", "hello")
            #expect(code(try await server.send(put.with { $0.secret = "wrong" })) == "403 SignatureDoesNotMatch")
            #expect(code(try await server.send(put.with { $0.service = "bedrock-agentcore" })) == "400 InvalidRequest")
            #expect(code(try await server.send(put.with { $0.headers = [("X-Amz-Security-Token", "x")] })) == "403 InvalidAccessKeyId")
            #expect(code(try await server.send(put.with { $0.isSigned = false })) == "403 AccessDenied")
            #expect(code(try await server.send(put.with { $0.role = .viewer })) == "403 AccessDenied")
            #expect(code(try await server.send(put.with { $0.payloadHash = "STREAMING-UNKNOWN" })) == "403 SignatureDoesNotMatch")
            #expect(code(try await server.send(Call("PATCH", "/_s3/bucket/key"))) == "405 MethodNotAllowed")
            let unsigned = put.with { $0.payloadHash = "UNSIGNED-PAYLOAD" }
            let reply = try await server.send(unsigned)
            #expect(reply.status == 200 && reply.field("x-amz-request-id") == reply.field("x-amzn-requestid"))
            #expect(try await content(server, "key") == "hello")
        }
    }

    private func streaming(_ variant: AWSChunkedVariant, _ key: String, trailer: String? = nil, length: Int? = 11) -> Call {
        Call("PUT", "/_s3/bucket/\(key)").with {
            $0.payloadHash = variant.rawValue
            $0.headers = [("Content-Encoding", "aws-chunked")]
            if let length { $0.headers.append(("x-amz-decoded-content-length", "\(length)")) }
            if let trailer { $0.headers.append(("x-amz-trailer", trailer)) }
        }
    }

    @Test func chunksWithATrailingChecksum() async throws {
        try await with { server async throws in
            let call = streaming(.unsignedTrailer, "key", trailer: "x-amz-checksum-crc32")
            func body(_ checksum: String) -> [UInt8] {
                Array("6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:\(checksum)\r\n\r\n".utf8)
            }
            let good = try await server.send(call.with { $0.sentBody = body("DUoRhQ==") })
            #expect(good.status == 200 && good.field("x-amz-checksum-crc32") == "DUoRhQ==", "\(good.text)")
            #expect(try await content(server, "key") == "hello world")
            let other = streaming(.unsignedTrailer, "other", trailer: "x-amz-checksum-crc32")
            #expect(code(try await server.send(other.with { $0.sentBody = body("AAAAAA==") })) == "400 BadDigest")
            #expect(code(try await server.send(other.with { $0.sentBody = body("DUoRhQ==").dropLast(4) + [] })) == "400 InvalidRequest")
            #expect(code(try await server.send(other.with { $0.sentBody = Array("hello world".utf8) })) == "400 InvalidRequest")
            let noLength = streaming(.unsignedTrailer, "other", trailer: "x-amz-checksum-crc32", length: nil)
            #expect(code(try await server.send(noLength.with { $0.sentBody = body("DUoRhQ==") })) == "411 MissingContentLength")
            let short = streaming(.unsignedTrailer, "other", trailer: "x-amz-checksum-crc32", length: 10)
            #expect(code(try await server.send(short.with { $0.sentBody = body("DUoRhQ==") })) == "400 IncompleteBody")
            let unknown = streaming(.unsignedTrailer, "other", trailer: "x-amz-checksum-md9")
            #expect(code(try await server.send(unknown.with { $0.sentBody = body("DUoRhQ==") })) == "400 InvalidRequest")
            #expect(try await content(server, "other") == "404 NoSuchKey")
        }
    }

    @Test func signedChunks() async throws {
        try await with { server async throws in
            let secret = try server.key(.admin).secret
            func send(_ key: String, _ pieces: [String], changing change: (inout [UInt8]) -> Void = { _ in }) async throws -> String {
                var request = try server.bytes(streaming(.signed, key).with { $0.sendsLength = false })
                let head = String(decoding: request, as: UTF8.self)
                let time = try #require(head.firstMatch(of: /X-Amz-Date: (\S+)/)?.output.1)
                var previous = String(try #require(head.firstMatch(of: /Signature=(\S+)/)?.output.1))
                let signing = SigningKey(
                    secret: secret, date: String(time.prefix(8)), region: TestTenant.region, service: "s3")
                var body: [UInt8] = []
                for piece in pieces + [""] {
                    let text = [
                        "AWS4-HMAC-SHA256-PAYLOAD", String(time), "\(signing.scope)", previous, ContentHash.emptySHA256,
                        ContentHash.sha256(of: Array(piece.utf8)),
                    ].joined(separator: "\n")
                    previous = Hex.text(signing.signature(of: Array(text.utf8)))
                    body += Array("\(String(piece.utf8.count, radix: 16));chunk-signature=\(previous)\r\n\(piece)\r\n".utf8)
                }
                change(&body)
                request.removeLast(2)
                request += Array("Content-Length: \(body.count)\r\n\r\n".utf8) + body
                let (bytes, port) = (request, server.port)
                let reply = try await onThread {
                    let client = try RawClient(port: port)
                    client.send(bytes)
                    return try #require(client.response())
                }
                return code(reply)
            }
            #expect(try await send("key", ["hello ", "world"]) == "200 ")
            #expect(try await content(server, "key") == "hello world")
            let forged = try await send("other", ["hello ", "world"]) { body in
                if let place = body.firstRange(of: Array("world".utf8)) { body.replaceSubrange(place, with: Array("words".utf8)) }
            }
            #expect(forged == "403 SignatureDoesNotMatch")
            #expect(try await send("other", ["hello "]) == "400 IncompleteBody")
            #expect(try await content(server, "other") == "404 NoSuchKey")
        }
    }
}
