import Artifacts
import Foundation
import Logging
import Platform
import PostgresClient
import TestSupport

/// An object store on a database of its own, with a bucket.
struct ObjectFixture: Sendable {
    let client: PostgresClient
    let objects: ObjectStore
    let context = Self.context()
    let bucket = "my-bucket"

    static func with<T: Sendable>(
        limits: ObjectLimits = ObjectLimits(), _ body: @escaping @Sendable (ObjectFixture) async throws -> T
    ) async throws -> T {
        try await TestDatabase.withDatabase(.store) { client in
            let fixture = ObjectFixture(client: client, objects: ObjectStore(postgres: client, limits: limits))
            try await fixture.objects.bucketCreate(fixture.context, name: fixture.bucket)
            return try await body(fixture)
        }
    }

    static func context(
        account: String = TestTenant.account, role: Principal.Role = .admin, clock: any TimeSource = SystemTime()
    ) -> OperationContext {
        OperationContext(
            principal: Principal(account: account, accessKeyID: "AK", role: role), region: "eu-west-1", requestID: "r",
            logger: TestLog.logger, clock: clock)
    }

    @discardableResult
    func put(_ key: String, _ bytes: [UInt8]) async throws -> ObjectRecord {
        try await objects.objectPut(context, bucket: bucket, key: key, body: ObjectBody(bytes: bytes))
    }

    func get(_ key: String, range: ByteRange? = nil) async throws -> [UInt8] {
        var whole: [UInt8] = []
        for try await piece in try await objects.objectGet(context, bucket: bucket, key: key, range: range).bytes { whole += piece }
        return whole
    }

    func count(_ statement: Statement) async throws -> Int64 {
        try await client.query(statement).first?.int("count") ?? -1
    }

    var artifacts: Int64 {
        get async throws { try await count("select count(*) from artifact") }
    }
}

/// The code of the `ObjectError` that `body` throws, nil when it throws none.
func code(_ body: () async throws -> some Sendable) async throws -> ObjectError.Code? {
    do {
        _ = try await body()
        return nil
    } catch let error as ObjectError {
        return error.code
    }
}

/// Bytes that differ everywhere, so that a chunk in the wrong place shows.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}

/// A body that comes in pieces and may break.
struct BrokenBody: AsyncSequence, Sendable {
    struct Cut: Error {}
    let pieces: [[UInt8]]

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pieces: pieces[...]) }

    struct AsyncIterator: AsyncIteratorProtocol {
        var pieces: ArraySlice<[UInt8]>
        mutating func next() async throws -> [UInt8]? {
            guard let piece = pieces.popFirst() else { throw Cut() }
            return piece
        }
    }
}
