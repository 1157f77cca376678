import Logging
import Platform
import PostgresClient

/// Streams bytes into a new artifact that nobody can see yet.
struct ArtifactWriter: Sendable {
    let postgres: PostgresClient
    let context: OperationContext
    let limit: Int64

    /// Size of a chunk row (docs/architecture.md, decision 1).
    static let chunkBytes = 1_048_576
    /// Chunks on their way to PostgreSQL while the next one fills: bounds an upload's memory.
    private static let chunksInFlight = 2
    /// A thousand chunks may go with an artifact.
    static let deletionLimit = Duration.seconds(300)

    /// Row id of the new artifact, still `uploading`, and what it holds. On any error nothing is
    /// left of it, or, should the database be away, the sweep finds it.
    func write<Body: AsyncSequence & Sendable>(_ body: Body, announced: ObjectDigests) async throws -> (Int64, BodyDigest)
    where Body.Element == [UInt8] {
        if let length = announced.length, length > limit { throw Self.tooLarge(limit) }
        let artifact = try await begin()
        do {
            let digest = try await stream(body, into: artifact, announced.checksums.keys)
            try digest.check(announced)
            return (artifact, digest)
        } catch {
            await discard(artifact)
            throw error
        }
    }

    func begin() async throws -> Int64 {
        let result = try await postgres.query(
            "insert into artifact default values returning id", [], deadline: context.deadline)
        guard let row = result.first else { throw ObjectError(.internalError, "The upload could not be begun.") }
        return try row.int("id")
    }

    /// Runs `body`, which may make the artifact complete, and discards what did not become so,
    /// whether it throws or not.
    func discardingAfter<Value>(_ artifact: Int64, _ body: () async throws -> (Value, ArtifactReference)) async throws -> Value {
        do {
            let (value, reference) = try await body()
            if reference.id != artifact { await discard(artifact) }
            return value
        } catch {
            await discard(artifact)
            throw error
        }
    }

    /// Best effort: also when the task was cancelled, since cleaning up is what remains to be done.
    func discard(_ artifact: Int64) async {
        let postgres = postgres
        let logger = context.logger
        await Task {
            do {
                try await postgres.queryPinned(
                    "delete from artifact where id = $1 and state = 'uploading'", [.int(artifact)],
                    deadline: .now + Self.deletionLimit)
            } catch {
                logger.info("an aborted upload is left to the sweep", metadata: ["artifact": "\(artifact)", "error": "\(error)"])
            }
        }.value
    }

    private func stream<Body: AsyncSequence & Sendable>(
        _ body: Body, into artifact: Int64, _ checksums: some Sequence<ObjectChecksum>
    ) async throws -> BodyDigest where Body.Element == [UInt8] {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var hash = BodyHash(checksums)
            var chunk: [UInt8] = []
            chunk.reserveCapacity(Self.chunkBytes)
            var position: Int32 = 0
            for try await piece in body {
                guard hash.length + Int64(piece.count) <= limit else { throw Self.tooLarge(limit) }
                hash.update(piece)
                var rest = piece[...]
                while !rest.isEmpty {
                    let taken = rest.prefix(Self.chunkBytes - chunk.count)
                    chunk += taken
                    rest = rest.dropFirst(taken.count)
                    guard chunk.count == Self.chunkBytes else { continue }
                    if Int(position) >= Self.chunksInFlight { try await group.next() }
                    insert(chunk, at: position, of: artifact, in: &group)
                    position += 1
                    chunk = []
                    chunk.reserveCapacity(Self.chunkBytes)
                }
            }
            // A cancelled request may look like a body that ended.
            try Task.checkCancellation()
            if !chunk.isEmpty { insert(chunk, at: position, of: artifact, in: &group) }
            try await group.waitForAll()
            return hash.finalized()
        }
    }

    private func insert(
        _ chunk: [UInt8], at position: Int32, of artifact: Int64, in group: inout ThrowingTaskGroup<Void, any Error>
    ) {
        group.addTask { [postgres, context] in
            try await postgres.queryPinned(
                "insert into artifact_chunk (artifact, position, data) values ($1, $2, $3)",
                [.int(artifact), .int32(position), .bytes(chunk)], deadline: context.deadline)
        }
    }

    static func tooLarge(_ limit: Int64) -> ObjectError {
        ObjectError(.entityTooLarge, "Your proposed upload exceeds the maximum allowed object size of \(megabytes(limit)).")
    }
}
