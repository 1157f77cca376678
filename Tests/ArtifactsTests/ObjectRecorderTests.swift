import AgentCoreModel
import Artifacts
import Platform
import PostgresClient
import Testing

/// A change and what is written down of it are one transaction.
struct ObjectRecorderTests {
    private struct Refused: Error {}

    @Test func whatCannotBeRecordedIsNotDone() async throws {
        try await ObjectFixture.with { fixture async throws in
            try await fixture.put("key", [1])
            let upload = try await fixture.objects.multipartCreate(fixture.context, bucket: fixture.bucket, key: "big")
            let part = try await fixture.objects.multipartUploadPart(
                fixture.context, bucket: fixture.bucket, key: "big", uploadID: upload, number: 1, body: ObjectBody(bytes: [2]))
            let c = fixture.context
            let bucket = fixture.bucket
            let objects = ObjectStore(postgres: fixture.client) { _, _, _ in throw Refused() }
            let changes: [@Sendable () async throws -> Void] = [
                { try await objects.bucketCreate(c, name: "other") },
                { try await objects.objectPut(c, bucket: bucket, key: "key", body: ObjectBody(bytes: [3])) },
                { try await objects.objectPut(c, bucket: bucket, key: "new", body: ObjectBody(bytes: [3])) },
                { try await objects.objectDelete(c, bucket: bucket, key: "key") },
                { _ = try await objects.multipartCreate(c, bucket: bucket, key: "second") },
                {
                    _ = try await objects.multipartComplete(
                        c, bucket: bucket, key: "big", uploadID: upload, parts: [(part.number, part.etag)])
                },
                { try await objects.multipartAbort(c, bucket: bucket, key: "big", uploadID: upload) },
            ]
            for (number, change) in changes.enumerated() {
                await #expect(throws: Refused.self, "change \(number)") { try await change() }
            }
            #expect(try await fixture.get("key") == [1])
            #expect(try await objects.objectList(c, bucket: bucket, ObjectListRequest()).objects.map(\.key) == ["key"])
            #expect(try await objects.multipartList(c, bucket: bucket).map(\.key) == ["big"])
            #expect(try await objects.bucketList(c).map(\.name) == [bucket])
            // What was uploaded for nothing is gone.
            #expect(try await fixture.artifacts == 2)
            try await fixture.objects.multipartAbort(c, bucket: bucket, key: "big", uploadID: upload)
            try await fixture.objects.objectDelete(c, bucket: bucket, key: "key")
            await #expect(throws: Refused.self) { try await objects.bucketDelete(c, name: bucket) }
            _ = try await objects.bucketHead(c, name: bucket)
        }
    }

    @Test func namesAsTheyWereWritten() {
        #expect(ObjectARN(bucket: "b").description == "arn:aws:s3:::b")
        #expect(ObjectARN(unchecked: "my-bucket", key: "a/b c").description == "arn:aws:s3:::my-bucket/a/b c")
        #expect(ObjectARN(unchecked: "My_Bucket", key: "a\0").description == "arn:aws:s3:::*/*")
        #expect(ObjectARN(unchecked: "my-bucket", key: String(repeating: "x", count: 1025)).description == "arn:aws:s3:::my-bucket/*")
    }
}
