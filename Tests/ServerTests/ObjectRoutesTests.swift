import Artifacts
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Platform
import PostgresClient
import Synchronization
import TestSupport
import Testing

@testable import Server

/// An answer of the routes, its body read.
struct Answer: Sendable {
    var status: Int
    var headers: HTTPFields
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }

    /// The text of the first element of that name.
    func element(_ name: String) -> String? {
        guard let start = text.range(of: "<\(name)>"), let end = text.range(of: "</\(name)>") else { return nil }
        return String(text[start.upperBound..<end.lowerBound])
    }
}

/// Collects what a handler writes.
private struct Collector: ResponseBodyWriter {
    final class Storage: Sendable { let bytes = Mutex<[UInt8]>([]) }
    let storage = Storage()

    mutating func write(_ buffer: ByteBuffer) async throws {
        storage.bytes.withLock { $0 += Array(buffer: buffer) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

@Suite("The S3-compatible routes")
struct ObjectRoutesTests {
    typealias Call = @Sendable (HTTPRequest.Method, String, [(String, String)], [UInt8]) async throws -> Answer

    /// Calls of the routes, without a socket, on a database of their own.
    func with(_ body: @escaping @Sendable (Call) async throws -> Void) async throws {
        try await TestDatabase.withDatabase(.store) { client in
            let router = Router(context: FrontEndContext.self)
            addObjectRoutes(to: router, objects: ObjectStore(postgres: client)) { request, context in
                if request.headers[.authorization] == "bad" { throw SignalboxError(.invalidSignature, "wrong signature") }
                let context = OperationContext(
                    principal: Principal(account: TestTenant.account, accessKeyID: "AK", role: .admin), region: "eu-west-1",
                    requestID: context.front.requestID, logger: TestLog.logger)
                return AuthenticatedObjectRequest(
                    context: context, body: ObjectBody(request.body.map { Array(buffer: $0) }),
                    trailingChecksums: { request.headers[.trailer] == nil ? [:] : ["x-amz-checksum-crc32": "AAAAAA=="] })
            }
            let responder = router.buildResponder()
            try await body { method, path, fields, bytes in
                var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
                for (name, value) in fields { head.headerFields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value)) }
                if method == .put || method == .post { head.headerFields[.contentLength] = String(bytes.count) }
                let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: bytes)))
                let front = FrontEndRequest(
                    requestID: "request-1", head: HTTPRequestHead(version: .http1_1, method: .GET, uri: path), channel: EmbeddedChannel(),
                    logger: TestLog.logger)
                let response = try await responder.respond(to: request, context: FrontEndContext(source: front))
                let collector = Collector()
                try await response.body.write(collector)
                let body = collector.storage.bytes.withLock { $0 }
                return Answer(status: response.status.code, headers: response.headers, body: body)
            }
        }
    }

    @Test("Buckets")
    func buckets() async throws {
        try await with { call async throws in
            let location =
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>"
            #expect(try await call(.put, "/_s3/bucket-a", [], Array(location.utf8)).status == 200)
            #expect(try await call(.put, "/_s3/bucket-b", [], []).status == 200)
            let again = try await call(.put, "/_s3/bucket-a", [], [])
            #expect(again.status == 409 && again.element("Code") == "BucketAlreadyOwnedByYou")
            #expect(again.element("Resource") == "/_s3/bucket-a" && again.element("RequestId") == "request-1")
            let region = try await call(.get, "/_s3/bucket-a?location", [], [])
            #expect(region.text.hasSuffix("2006-03-01/\">eu-central-1</LocationConstraint>"))
            #expect(try await call(.head, "/_s3/bucket-b", [], []).header("x-amz-bucket-region") == "eu-west-1")
            let list = try await call(.get, "/_s3/", [], [])
            #expect(list.element("Name") == "bucket-a" && list.text.contains("<Name>bucket-b</Name>"))
            #expect(try await call(.delete, "/_s3/bucket-b", [], []).status == 204)
            let missing = try await call(.head, "/_s3/bucket-b", [], [])
            #expect(missing.status == 404 && missing.body.isEmpty)
            #expect(try await call(.get, "/_s3/bucket-a?acl", [], []).status == 501)
            #expect(try await call(.post, "/_s3", [], []).status == 405)
            #expect(try await call(.put, "/_s3/bucket-c", [], Array("<a".utf8)).element("Code") == "MalformedXML")
            let denied = try await call(.get, "/_s3", [("Authorization", "bad")], [])
            #expect(denied.status == 403 && denied.element("Code") == "SignatureDoesNotMatch")
        }
    }

    @Test("Objects: put, head, get, range, conditions, list, delete")
    func objects() async throws {
        try await with { call async throws in
            _ = try await call(.put, "/_s3/bucket", [], [])
            let path = "/_s3/bucket/a%20b/%C3%BC%2B%3C.txt"
            let put = try await call(
                .put, path,
                [
                    ("Content-Type", "text/plain"), ("x-amz-meta-color", "red"), ("x-amz-checksum-crc32", "NhCmhg=="),
                    ("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg=="),
                ],
                Array("hello".utf8))
            #expect(put.status == 200 && put.header("etag") == "\"5d41402abc4b2a76b9719d911017c592\"")
            #expect(put.header("x-amz-checksum-crc32") == "NhCmhg==" && put.header("x-amz-version-id") != nil)
            let get = try await call(.get, path, [], [])
            #expect(get.status == 200 && get.text == "hello" && get.header("content-length") == "5")
            #expect(get.header("x-amz-meta-color") == "red" && get.header("content-type") == "text/plain")
            #expect(get.header("last-modified")?.hasSuffix(" GMT") == true)
            let head = try await call(.head, path, [], [])
            #expect(head.status == 200 && head.body.isEmpty && head.header("content-length") == "5")
            let part = try await call(.get, path, [("Range", "bytes=1-3")], [])
            #expect(part.status == 206 && part.text == "ell" && part.header("content-range") == "bytes 1-3/5")
            #expect(try await call(.get, path, [("Range", "bytes=9-")], []).status == 416)
            let same = try await call(.get, path, [("If-None-Match", "\"5d41402abc4b2a76b9719d911017c592\"")], [])
            #expect(same.status == 304 && same.body.isEmpty)
            let list = try await call(.get, "/_s3/bucket?list-type=2&prefix=a%20&encoding-type=url", [], [])
            #expect(list.element("Key") == "a%20b/%C3%BC%2B%3C.txt" && list.element("KeyCount") == "1" && list.element("Prefix") == "a%20")
            #expect(
                try await call(.get, "/_s3/bucket?delimiter=/", [], []).text.contains(
                    "<CommonPrefixes><Prefix>a b/</Prefix></CommonPrefixes>"))
            let bad = try await call(.put, path, [("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")], Array("other".utf8))
            #expect(bad.status == 400 && bad.element("Code") == "BadDigest")
            #expect(try await call(.put, path, [("x-amz-copy-source", "/bucket/x")], []).status == 501)
            #expect(try await call(.get, path, [], []).text == "hello")
            let several = "<Delete><Object><Key>a b/ü+&lt;.txt</Key></Object><Object><Key>none</Key></Object></Delete>"
            let deleted = try await call(.post, "/_s3/bucket?delete", [], Array(several.utf8))
            #expect(deleted.status == 200 && deleted.text.contains("<Deleted><Key>none</Key></Deleted>"))
            let gone = try await call(.get, path, [], [])
            #expect(gone.status == 404 && gone.element("Code") == "NoSuchKey")
            #expect(try await call(.delete, path, [], []).status == 204)
        }
    }

    @Test("A multipart upload")
    func multipart() async throws {
        try await with { call async throws in
            _ = try await call(.put, "/_s3/bucket", [], [])
            let upload = try #require(try await call(.post, "/_s3/bucket/big?uploads", [("Content-Type", "x/y")], []).element("UploadId"))
            let pieces = [[UInt8](repeating: 1, count: 5 << 20), [2, 3]]
            var document = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            for (index, piece) in pieces.enumerated() {
                let part = try await call(.put, "/_s3/bucket/big?uploadId=\(upload)&partNumber=\(index + 1)", [("Trailer", "x")], piece)
                #expect(part.header("x-amz-checksum-crc32") == "AAAAAA==")
                document +=
                    "<Part><ETag>&quot;\(try #require(part.header("etag")).dropFirst().dropLast())&quot;</ETag><PartNumber>\(index + 1)</PartNumber></Part>"
            }
            #expect(try await call(.get, "/_s3/bucket/big?uploadId=\(upload)", [], []).text.contains("<Size>2</Size>"))
            #expect(try await call(.get, "/_s3/bucket?uploads", [], []).element("UploadId") == upload)
            #expect(try await call(.post, "/_s3/bucket/big?uploadId=\(upload)", [], Array("<x/>".utf8)).element("Code") == "MalformedXML")
            let done = try await call(
                .post, "/_s3/bucket/big?uploadId=\(upload)", [], Array((document + "</CompleteMultipartUpload>").utf8))
            #expect(done.status == 200 && done.element("ETag")?.hasSuffix("-2&quot;") == true)
            #expect(try await call(.get, "/_s3/bucket/big", [], []).body == pieces.flatMap { $0 })
            #expect(try await call(.delete, "/_s3/bucket/big?uploadId=\(upload)", [], []).element("Code") == "NoSuchUpload")
        }
    }
}
