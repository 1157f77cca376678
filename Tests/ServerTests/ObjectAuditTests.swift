import Access
import AgentCoreModel
import Foundation
import Platform
import Store
import TestSupport
import Testing

@testable import Server

private typealias Call = SignedServer.Call

/// Objects are looked after like everything else: each change in the audit trail, each request counted.
struct ObjectAuditTests {
    private func rows(_ server: SignedServer, _ filter: AuditFilter = AuditFilter()) async throws -> [AuditRecord] {
        try await server.store.auditList(.test(), filter: filter, page: PageRequest(maxResults: 100)).items
            // Not the keys that the server was made with.
            .filter { $0.resource.hasPrefix("arn:aws:s3:") }
    }

    private func element(_ name: String, _ reply: RawClient.Response) throws -> String {
        let after = try #require(reply.text.split(separator: "<\(name)>", maxSplits: 1).dropFirst().first, "\(reply.text)")
        return String(after.prefix { $0 != "<" })
    }

    @Test func everyChangeLeavesItsRow() async throws {
        try await SignedServer.with { server async throws in
            func send(_ method: String, _ target: String, _ body: String = "") async throws -> RawClient.Response {
                let reply = try await server.send(Call(method, target, body).with { $0.headers = [("User-Agent", "test/1")] })
                #expect((200..<300).contains(reply.status), "\(method) \(target): \(reply.text)")
                return reply
            }
            let bucket = "arn:aws:s3:::bucket"
            var made: Set<ObjectOperation> = []
            /// Exactly one row, and it tells of this request.
            func expectRow(
                _ operation: ObjectOperation, _ resource: String, _ reply: RawClient.Response, from: [String] = [], to: [String] = []
            ) async throws {
                made.insert(operation)
                let found = try await rows(server, AuditFilter(operation: operation.name)).filter { row in
                    row.requestID == reply.field("x-amz-request-id")
                }
                #expect(found.count == 1, "\(operation.name)")
                let row = try #require(found.first)
                let admin = try server.key(.admin).keyID
                #expect(row.resource == resource && row.outcome == "ok" && row.actor == admin && row.runtimeID == nil)
                #expect(row.sourceAddress == "127.0.0.1" && row.userAgent == "test/1" && row.actorRole == "admin")
                #expect(row.details["from"]?.object?.keys.sorted() ?? [] == from, "\(operation.name): \(row.details.text)")
                #expect(row.details["to"]?.object?.keys.sorted() ?? [] == to, "\(operation.name): \(row.details.text)")
            }
            let object = ["eTag", "size", "versionId"]
            let stored = ["eTag", "sha256", "size", "versionId"]
            try await expectRow(.createBucket, bucket, try await send("PUT", "/_s3/bucket"), to: ["region"])
            try await expectRow(.putObject, bucket + "/a b:c", try await send("PUT", "/_s3/bucket/a%20b:c", "one"), to: stored)
            try await expectRow(
                .putObject, bucket + "/a b:c", try await send("PUT", "/_s3/bucket/a%20b:c", "two"), from: object, to: stored)
            try await expectRow(.deleteObject, bucket + "/a b:c", try await send("DELETE", "/_s3/bucket/a%20b:c"), from: object)
            for key in ["x", "y"] { _ = try await send("PUT", "/_s3/bucket/\(key)", "z") }
            let several = try await send(
                "POST", "/_s3/bucket?delete", "<Delete><Object><Key>x</Key></Object><Object><Key>none</Key></Object></Delete>")
            // Of what was there: nothing changed for the other.
            try await expectRow(.deleteObjects, bucket + "/x", several, from: object)

            let begun = try await send("POST", "/_s3/bucket/big?uploads")
            try await expectRow(.createMultipartUpload, bucket + "/big", begun, to: ["uploadId"])
            let upload = try element("UploadId", begun)
            let part = try await send("PUT", "/_s3/bucket/big?partNumber=1&uploadId=\(upload)", "part")
            let etag = try #require(part.field("etag"))
            let parts =
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\(etag)</ETag></Part></CompleteMultipartUpload>"
            let whole = try await send("POST", "/_s3/bucket/big?uploadId=\(upload)", parts)
            try await expectRow(.completeMultipartUpload, bucket + "/big", whole, to: stored)
            let second = try element("UploadId", try await send("POST", "/_s3/bucket/other?uploads"))
            try await expectRow(
                .abortMultipartUpload, bucket + "/other", try await send("DELETE", "/_s3/bucket/other?uploadId=\(second)"),
                from: ["uploadId"])
            for key in ["y", "big"] { _ = try await send("DELETE", "/_s3/bucket/\(key)") }
            try await expectRow(.deleteBucket, bucket, try await send("DELETE", "/_s3/bucket"), from: ["region"])
            #expect(
                made == Set(ObjectOperation.allCases.filter(\.changes)),
                "an operation that changes objects was not made here, or it was and is said to change nothing")

            // What changed nothing, and what was refused for other reasons than rights, is not there.
            let before = try await rows(server).count
            for call in [
                Call("DELETE", "/_s3/bucket"), Call("PUT", "/_s3/bucket/a", "x"), Call("PUT", "/_s3/Not_A_Bucket"),
                Call("GET", "/_s3/"),
            ] { _ = try await server.send(call) }
            #expect(try await rows(server).count == before)
            // In whatever region somebody looks.
            var elsewhere = OperationContext.test()
            elsewhere.region = "eu-west-1"
            let filter = AuditFilter(operation: "DeleteBucket")
            #expect(try await server.store.auditList(elsewhere, filter: filter, page: PageRequest()).items.count == 1)
            let stranger = OperationContext.test(account: TestTenant.otherAccount)
            #expect(try await server.store.auditList(stranger, filter: filter, page: PageRequest()).items.isEmpty)
        }
    }

    @Test func refusalsAreThereToo() async throws {
        try await SignedServer.with { server async throws in
            #expect(try await server.send(Call("PUT", "/_s3/bucket")).status == 200)
            let refused: [(Call, ObjectOperation, String)] = [
                (Call("PUT", "/_s3/another"), .createBucket, "arn:aws:s3:::another"),
                (Call("DELETE", "/_s3/bucket"), .deleteBucket, "arn:aws:s3:::bucket"),
                (Call("PUT", "/_s3/bucket/key", "body"), .putObject, "arn:aws:s3:::bucket/key"),
                (Call("DELETE", "/_s3/bucket/a%00b"), .deleteObject, "arn:aws:s3:::bucket/*"),
                (
                    Call("POST", "/_s3/bucket?delete", "<Delete><Object><Key>x</Key></Object></Delete>"), .deleteObjects,
                    "arn:aws:s3:::bucket"
                ),
                (Call("POST", "/_s3/bucket/key?uploads"), .createMultipartUpload, "arn:aws:s3:::bucket/key"),
                (
                    Call(
                        "POST", "/_s3/bucket/key?uploadId=u",
                        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>"),
                    .completeMultipartUpload, "arn:aws:s3:::bucket/key"
                ),
                (Call("DELETE", "/_s3/bucket/key?uploadId=u"), .abortMultipartUpload, "arn:aws:s3:::bucket/key"),
            ]
            #expect(Set(refused.map(\.1)) == Set(ObjectOperation.allCases.filter(\.changes)))
            for (call, operation, resource) in refused {
                let reply = try await server.send(call.with { $0.role = .viewer })
                #expect(reply.status == 403 && reply.text.contains("<Code>AccessDenied</Code>"), "\(operation): \(reply.text)")
                let viewer = try server.key(.viewer).keyID
                try await eventually("\(operation.name) is in the trail") {
                    try await rows(server, AuditFilter(actor: viewer, operation: operation.name)).count == 1
                }
                let row = try #require(try await rows(server, AuditFilter(actor: viewer, operation: operation.name)).first)
                #expect(row.outcome == "denied" && row.resource == resource, "\(operation.name): \(row.resource)")
                #expect(row.requestID == reply.field("x-amz-request-id") && row.details["reason"] == "Access Denied")
            }
            // To look at what one may not leaves nothing.
            #expect(try await server.send(Call("GET", "/_s3/bucket/key").with { $0.role = .invoker }).status == 403)
            #expect(try await rows(server, AuditFilter(operation: "GetObject")).isEmpty)
        }
    }

    @Test func requestsAreCounted() async throws {
        let rules = try ThrottleRule.parse("PutObject=0.01/2,Delete*=0.01,GetObject=0.01")
        try await SignedServer.with(throttle: rules) { server async throws in
            #expect(try await server.send(Call("PUT", "/_s3/bucket")).status == 200)
            let put = Call("PUT", "/_s3/bucket/key", "one")
            // Who is nobody is not counted.
            #expect(try await server.send(put.with { $0.secret = "wrong" }).status == 403)
            for _ in 0..<2 { #expect(try await server.send(put).status == 200) }
            let refused = try await server.send(Call("PUT", "/_s3/bucket/key", "two"))
            #expect(refused.status == 503 && refused.field("content-type") == "application/xml")
            #expect(refused.text.contains("<Code>SlowDown</Code>") && refused.text.contains("<Resource>/_s3/bucket/key</Resource>"))
            let seconds = try #require(refused.field("retry-after").flatMap { Int($0) })
            #expect((90...100).contains(seconds))
            // It changed nothing and is no entry of the trail.
            #expect(try await server.send(Call("GET", "/_s3/bucket/key")).text == "one")
            #expect(try await rows(server, AuditFilter(operation: "PutObject")).count == 2)
            #expect(try await server.send(Call("GET", "/_s3/bucket/key")).status == 503)
            // Each operation by itself; those that no rule names are free.
            #expect(try await server.send(Call("DELETE", "/_s3/bucket/key")).status == 204)
            #expect(try await server.send(Call("DELETE", "/_s3/bucket/key")).status == 503)
            #expect(try await server.send(Call("DELETE", "/_s3/bucket")).status == 204)
            for _ in 0..<3 { #expect(try await server.send(Call("GET", "/_s3/")).status == 200) }
        }
    }
}
