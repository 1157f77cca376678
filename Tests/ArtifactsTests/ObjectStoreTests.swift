import Crypto
import Platform
import TestSupport
import Testing

@testable import Artifacts

@Suite("Objects in PostgreSQL")
struct ObjectStoreTests {
    @Test("Buckets belong to an account; names are global")
    func buckets() async throws {
        try await ObjectFixture.with { fixture async throws in
            let (objects, mine) = (fixture.objects, fixture.context)
            let other = ObjectFixture.context(account: TestTenant.otherAccount)
            #expect(try await code { try await objects.bucketCreate(mine, name: fixture.bucket) } == .bucketAlreadyOwnedByYou)
            #expect(try await code { try await objects.bucketCreate(other, name: fixture.bucket) } == .bucketAlreadyExists)
            #expect(try await code { try await objects.bucketHead(other, name: fixture.bucket) } == .accessDenied)
            #expect(try await code { try await objects.bucketHead(mine, name: "no-such") } == .noSuchBucket)
            for name in ["a", "Upper", "-a-", "a..b", "a_b", String(repeating: "x", count: 64)] {
                #expect(try await code { try await objects.bucketCreate(mine, name: name) } == .invalidBucketName)
            }
            try await objects.bucketCreate(mine, name: "another", region: "us-east-1")
            #expect(try await objects.bucketList(mine).map(\.name) == ["another", fixture.bucket])
            #expect(try await objects.bucketList(other).isEmpty)
            try await fixture.put("k", [1])
            #expect(try await code { try await objects.bucketDelete(mine, name: fixture.bucket) } == .bucketNotEmpty)
            #expect(try await code { try await objects.bucketDelete(other, name: "another") } == .accessDenied)
            try await objects.bucketDelete(mine, name: "another")
            #expect(try await code { try await objects.bucketHead(mine, name: "another") } == .noSuchBucket)
        }
    }

    @Test("Bytes of any size come back, whole and by range", arguments: [0, 1, 1_048_576, 1_048_577, 3_500_000])
    func roundTrip(size: Int) async throws {
        try await ObjectFixture.with { fixture async throws in
            let bytes = pattern(size)
            let record = try await fixture.objects.objectPut(
                fixture.context, bucket: fixture.bucket, key: "dir/ü k",
                attributes: ObjectAttributes(contentType: "application/zip", metadata: ["a": "b \"ü\""]),
                announced: ObjectDigests(length: Int64(size), md5: Array(Insecure.MD5.hash(data: bytes))),
                body: ObjectBody(bytes: bytes))
            #expect(record.etag == hex(Insecure.MD5.hash(data: bytes)))
            #expect(record.artifact.sha256 == hex(SHA256.hash(data: bytes)))
            let head = try await fixture.objects.objectHead(fixture.context, bucket: fixture.bucket, key: "dir/ü k")
            #expect(head == record)
            #expect(try await fixture.get("dir/ü k") == bytes)
            guard size > 2 else { return }
            for (range, expected) in [
                (ByteRange.from(1, through: 1), 1..<2), (.suffix(5), size - 5..<size),
                (.from(Int64(size - 1), through: nil), size - 1..<size),
                (.from(1_048_570, through: 1_048_580), 1_048_570..<min(size, 1_048_581)),
            ] {
                #expect(try await fixture.get("dir/ü k", range: range) == Array(bytes[expected]))
            }
        }
    }

    @Test("The same bytes are kept once, also when they come at the same time")
    func dedupe() async throws {
        try await ObjectFixture.with { fixture async throws in
            let bytes = pattern(1_200_000)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<12 {
                    group.addTask { try await fixture.put("key-\(number % 6)", bytes) }
                }
                try await group.waitForAll()
            }
            #expect(try await fixture.artifacts == 1)
            #expect(try await fixture.count("select count(*) from artifact_chunk") == 2)
            #expect(try await fixture.count("select count(*) from bucket_object") == 6)
            #expect(try await fixture.get("key-3") == bytes)
        }
    }

    @Test("An upload that breaks, lies or is too large leaves nothing and changes nothing")
    func failures() async throws {
        var limits = ObjectLimits()
        limits.objectBytes = 3 << 20
        try await ObjectFixture.with(limits: limits) { fixture async throws in
            try await fixture.put("k", [1, 2, 3])
            let (objects, context, bucket) = (fixture.objects, fixture.context, fixture.bucket)
            let large = pattern(2 << 20)
            await #expect(throws: BrokenBody.Cut.self) {
                try await objects.objectPut(context, bucket: bucket, key: "k", body: BrokenBody(pieces: [large, [1]]))
            }
            let cases: [(ObjectError.Code, ObjectDigests, [UInt8])] = [
                (.badDigest, ObjectDigests(md5: Array(repeating: 0, count: 16)), large),
                (.contentSHA256Mismatch, ObjectDigests(sha256: String(repeating: "0", count: 64)), large),
                (.badDigest, ObjectDigests(checksums: [.crc32: [0, 0, 0, 0]]), large),
                (.incompleteBody, ObjectDigests(length: 2 << 20 + 1), large),
                (.entityTooLarge, .none, pattern(3 << 20 + 1)), (.entityTooLarge, ObjectDigests(length: 4 << 20), large),
            ]
            for (expected, announced, body) in cases {
                #expect(
                    try await code {
                        try await objects.objectPut(
                            context, bucket: bucket, key: "k", announced: announced, body: ObjectBody(bytes: body))
                    } == expected)
            }
            #expect(try await fixture.get("k") == [1, 2, 3])
            #expect(try await fixture.artifacts == 1)
        }
    }

    @Test("A cancelled upload leaves nothing")
    func cancelled() async throws {
        try await ObjectFixture.with { fixture async throws in
            let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
            let upload = Task {
                try await fixture.objects.objectPut(fixture.context, bucket: fixture.bucket, key: "k", body: ObjectBody(stream))
            }
            continuation.yield(pattern(2 << 20))
            try await eventually { try await fixture.count("select count(*) from artifact_chunk") > 0 }
            upload.cancel()
            await #expect(throws: (any Error).self) { try await upload.value }
            #expect(try await fixture.artifacts == 0)
            #expect(try await code { try await fixture.get("k") } == .noSuchKey)
        }
    }

    @Test("Versions, conditions, deletion")
    func versions() async throws {
        try await ObjectFixture.with { fixture async throws in
            let (objects, context, bucket) = (fixture.objects, fixture.context, fixture.bucket)
            let first = try await fixture.put("k", [1])
            let second = try await fixture.put("k", [2])
            #expect(first.versionID != second.versionID)
            func head(_ version: String?, _ condition: ObjectCondition = .none) async throws -> ObjectError.Code? {
                try await code { try await objects.objectHead(context, bucket: bucket, key: "k", versionID: version, condition: condition) }
            }
            #expect(try await head(second.versionID) == nil)
            #expect(try await head(first.versionID) == .noSuchVersion)
            #expect(try await head(nil, ObjectCondition(ifNoneMatch: [second.etag])) == .notModified)
            #expect(try await head(nil, ObjectCondition(ifMatch: [first.etag])) == .preconditionFailed)
            func put(_ key: String, _ condition: ObjectCondition) async throws -> ObjectError.Code? {
                try await code {
                    try await objects.objectPut(context, bucket: bucket, key: key, condition: condition, body: ObjectBody(bytes: [9]))
                }
            }
            #expect(try await put("k", ObjectCondition(ifNoneMatch: ["*"])) == .preconditionFailed)
            #expect(try await put("k", ObjectCondition(ifMatch: [first.etag])) == .preconditionFailed)
            #expect(try await put("absent", ObjectCondition(ifMatch: ["*"])) == .noSuchKey)
            #expect(try await put("k", ObjectCondition(ifMatch: [second.etag])) == nil)
            #expect(try await put("new", ObjectCondition(ifNoneMatch: ["*"])) == nil)
            try await objects.objectDelete(context, bucket: bucket, key: "k")
            try await objects.objectDelete(context, bucket: bucket, key: "k")
            #expect(try await head(nil) == .noSuchKey)
            #expect(
                try await code { try await objects.objectGet(context, bucket: bucket, key: "new", range: .from(1, through: nil)) }
                    == .invalidRange)
        }
    }

    @Test("Of many that create a key if there is none, one wins")
    func createRace() async throws {
        try await ObjectFixture.with { fixture async throws in
            let outcomes = try await withThrowingTaskGroup(of: ObjectError.Code?.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        try await code {
                            try await fixture.objects.objectPut(
                                fixture.context, bucket: fixture.bucket, key: "k", condition: ObjectCondition(ifNoneMatch: ["*"]),
                                body: ObjectBody(bytes: [UInt8(number)]))
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.filter { $0 == nil }.count == 1)
            #expect(outcomes.filter { $0 == .preconditionFailed }.count == 7)
            #expect(try await fixture.artifacts == 1)
        }
    }

    @Test("Roles: viewers read, invokers do neither; other accounts see nothing")
    func roles() async throws {
        try await ObjectFixture.with { fixture async throws in
            try await fixture.put("k", [1])
            func tries(_ context: OperationContext) async throws -> [ObjectError.Code?] {
                [
                    try await code { try await fixture.objects.objectGet(context, bucket: fixture.bucket, key: "k") },
                    try await code { try await fixture.objects.objectDelete(context, bucket: fixture.bucket, key: "none") },
                    try await code {
                        try await fixture.objects.objectPut(context, bucket: fixture.bucket, key: "x", body: ObjectBody(bytes: []))
                    },
                    try await code { try await fixture.objects.objectList(context, bucket: fixture.bucket, ObjectListRequest()) },
                ]
            }
            #expect(try await tries(ObjectFixture.context(role: .operator)) == [nil, nil, nil, nil])
            #expect(try await tries(ObjectFixture.context(role: .viewer)) == [nil, .accessDenied, .accessDenied, nil])
            #expect(try await tries(ObjectFixture.context(role: .invoker)).allSatisfy { $0 == .accessDenied })
            #expect(try await tries(ObjectFixture.context(account: TestTenant.otherAccount)).allSatisfy { $0 == .accessDenied })
        }
    }

    @Test("A key stands for its artifact in a transaction of others")
    func resolve() async throws {
        try await ObjectFixture.with { fixture async throws in
            let record = try await fixture.put("k", [1, 2])
            func resolve(_ context: OperationContext, _ key: String, _ version: String? = nil) async throws -> ArtifactReference? {
                try await fixture.client.transaction { transaction in
                    try await artifactResolve(context, transaction, bucket: fixture.bucket, key: key, versionID: version)
                }
            }
            #expect(try await resolve(fixture.context, "k") == record.artifact)
            #expect(try await resolve(fixture.context, "k", record.versionID) == record.artifact)
            #expect(try await resolve(fixture.context, "k", "older") == nil)
            #expect(try await resolve(fixture.context, "none") == nil)
            #expect(try await resolve(ObjectFixture.context(account: TestTenant.otherAccount), "k") == nil)
        }
    }

    @Test("The sweep takes what nobody can reach, after its time of grace")
    func sweep() async throws {
        try await ObjectFixture.with { fixture async throws in
            try await fixture.put("kept", [1])
            try await fixture.put("gone", [2])
            try await fixture.objects.objectDelete(fixture.context, bucket: fixture.bucket, key: "gone")
            try await fixture.client.query("insert into artifact (created_at) values (now() - interval '2 hours'), (now())")
            let clock = ManualTime()
            let context = ObjectFixture.context(clock: clock)
            let sweeper = ArtifactSweeper(objects: fixture.objects)
            #expect(try await sweeper.sweep(context) == 1)
            clock.advance(by: .seconds(3599))
            #expect(try await sweeper.sweep(context) == 0)
            clock.advance(by: .seconds(1))
            #expect(try await sweeper.sweep(context) == 1)
            #expect(try await fixture.get("kept") == [1])
            #expect(try await fixture.artifacts == 2)
        }
    }
}
