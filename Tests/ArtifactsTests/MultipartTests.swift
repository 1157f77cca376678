import Crypto
import TestSupport
import Testing

@testable import Artifacts

@Suite("Multipart uploads")
struct MultipartTests {
    static let limits: ObjectLimits = {
        var limits = ObjectLimits()
        limits.smallestPartBytes = 1_500_000
        limits.objectBytes = 8_000_000
        return limits
    }()

    func part(_ fixture: ObjectFixture, _ upload: String, _ number: Int, _ bytes: [UInt8]) async throws -> (number: Int, etag: String) {
        let part = try await fixture.objects.multipartUploadPart(
            fixture.context, bucket: fixture.bucket, key: "big", uploadID: upload, number: number, body: ObjectBody(bytes: bytes))
        #expect(part.etag == hex(Insecure.MD5.hash(data: bytes)))
        return (number, part.etag)
    }

    func complete(_ fixture: ObjectFixture, _ upload: String, _ parts: [(number: Int, etag: String)]) async throws -> ObjectRecord {
        try await fixture.objects.multipartComplete(
            fixture.context, bucket: fixture.bucket, key: "big", uploadID: upload, parts: parts)
    }

    @Test("Parts uploaded in any order become one object")
    func whole() async throws {
        try await ObjectFixture.with(limits: Self.limits) { fixture async throws in
            let upload = try await fixture.objects.multipartCreate(
                fixture.context, bucket: fixture.bucket, key: "big", attributes: ObjectAttributes(contentType: "x/y", metadata: ["m": "1"]))
            let pieces = [pattern(1_600_000, seed: 1), pattern(1_500_001, seed: 2), pattern(700, seed: 3)]
            let last = try await part(fixture, upload, 7, pieces[2])
            _ = try await part(fixture, upload, 1, pattern(99))
            let first = try await part(fixture, upload, 1, pieces[0])
            let second = try await part(fixture, upload, 3, pieces[1])
            _ = try await part(fixture, upload, 5, pattern(1_500_000, seed: 9))
            let (listed, isTruncated) = try await fixture.objects.multipartListParts(
                fixture.context, bucket: fixture.bucket, key: "big", uploadID: upload, maximum: 3)
            #expect(listed.map(\.number) == [1, 3, 5] && isTruncated)
            #expect(try await fixture.objects.multipartList(fixture.context, bucket: fixture.bucket).map(\.id) == [upload])
            #expect(try await code { try await fixture.get("big") } == .noSuchKey)

            let record = try await complete(fixture, upload, [first, second, last])
            let bytes = pieces.flatMap { $0 }
            #expect(record.etag == multipartETag(pieces.map { Array(Insecure.MD5.hash(data: $0)) }))
            #expect(record.artifact.sha256 == hex(SHA256.hash(data: bytes)))
            #expect(record.contentType == "x/y" && record.metadata == ["m": "1"])
            #expect(try await fixture.get("big") == bytes)
            for start in [0, 1_048_575, 1_599_999, 1_600_000, 3_100_000, bytes.count - 1] {
                let end = min(start + 1_100_000, bytes.count)
                #expect(try await fixture.get("big", range: .from(Int64(start), through: Int64(end - 1))) == Array(bytes[start..<end]))
            }
            #expect(try await code { try await complete(fixture, upload, [first, second, last]) } == .noSuchUpload)
            #expect(try await fixture.count("select count(*) from multipart_part") == 0)
        }
    }

    @Test("What can't be completed says why, and can be tried again")
    func refused() async throws {
        try await ObjectFixture.with(limits: Self.limits) { fixture async throws in
            let upload = try await fixture.objects.multipartCreate(fixture.context, bucket: fixture.bucket, key: "big")
            let first = try await part(fixture, upload, 1, pattern(1_500_000))
            let small = try await part(fixture, upload, 2, [1])
            let third = try await part(fixture, upload, 3, [2])
            func refusal(_ parts: [(number: Int, etag: String)]) async throws -> ObjectError.Code? {
                try await code { try await complete(fixture, upload, parts) }
            }
            #expect(try await refusal([]) == .malformedXML)
            #expect(try await refusal([small, first]) == .invalidPartOrder)
            #expect(try await refusal([first, first]) == .invalidPartOrder)
            #expect(try await refusal([first, (2, third.etag)]) == .invalidPart)
            #expect(try await refusal([first, (4, third.etag)]) == .invalidPart)
            #expect(try await refusal([first, small, third]) == .entityTooSmall)
            var parts = [first]
            for number in 10...14 { parts.append(try await part(fixture, upload, number, pattern(1_500_000, seed: UInt64(number)))) }
            #expect(try await refusal(parts) == .entityTooLarge)
            #expect(try await refusal([first, small]) == nil)
            #expect(try await fixture.get("big").count == 1_500_001)
            #expect(
                try await code {
                    try await fixture.objects.multipartUploadPart(
                        fixture.context, bucket: fixture.bucket, key: "big", uploadID: upload, number: 1, body: ObjectBody(bytes: []))
                } == .noSuchUpload)
        }
    }

    @Test("An aborted upload keeps its bucket no longer, and its bytes go")
    func abort() async throws {
        try await ObjectFixture.with(limits: Self.limits) { fixture async throws in
            let upload = try await fixture.objects.multipartCreate(fixture.context, bucket: fixture.bucket, key: "big")
            _ = try await part(fixture, upload, 1, pattern(2_000_000))
            #expect(try await code { try await fixture.objects.bucketDelete(fixture.context, name: fixture.bucket) } == .bucketNotEmpty)
            try await fixture.objects.multipartAbort(fixture.context, bucket: fixture.bucket, key: "big", uploadID: upload)
            #expect(
                try await code {
                    try await fixture.objects.multipartAbort(fixture.context, bucket: fixture.bucket, key: "big", uploadID: upload)
                } == .noSuchUpload)
            try await fixture.objects.bucketDelete(fixture.context, name: fixture.bucket)
        }
    }

    @Test("Of two completions one makes the object")
    func race() async throws {
        try await ObjectFixture.with(limits: Self.limits) { fixture async throws in
            let upload = try await fixture.objects.multipartCreate(fixture.context, bucket: fixture.bucket, key: "big")
            let only = try await part(fixture, upload, 1, pattern(2_000_000))
            async let one = code { try await complete(fixture, upload, [only]) }
            async let two = code { try await complete(fixture, upload, [only]) }
            let outcomes = [try await one, try await two]
            #expect(outcomes.contains(nil) && outcomes.contains(.noSuchUpload))
            #expect(try await fixture.count("select count(*) from artifact where state = 'uploading'") == 0)
        }
    }
}
