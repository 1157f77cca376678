import Platform
import PostgresClient

/// The bytes of an artifact, chunk by chunk as they are asked for: never more than one in memory.
public struct ArtifactBytes: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    let postgres: PostgresClient
    let artifact: ArtifactReference
    /// Never beyond the artifact's size.
    let range: Range<Int64>

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(postgres: postgres, artifact: artifact, range: range)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let postgres: PostgresClient
        let artifact: ArtifactReference
        let range: Range<Int64>
        /// Next chunk row, and the artifact's offset at which it starts.
        private var position: Int32?
        private var offset: Int64 = 0

        init(postgres: PostgresClient, artifact: ArtifactReference, range: Range<Int64>) {
            self.postgres = postgres
            self.artifact = artifact
            self.range = range
        }

        public mutating func next() async throws -> [UInt8]? {
            guard !range.isEmpty, offset < range.upperBound else { return nil }
            try Task.checkCancellation()
            let current: Int32
            if let position { current = position } else { current = try await seek() }
            let result = try await postgres.queryPinned(
                "select data from artifact_chunk where artifact = $1 and position = $2",
                [.int(artifact.id), .int32(current)], deadline: nil)
            guard let data = try result.first?.bytes("data") else { throw missing }
            let start = Int(Swift.max(range.lowerBound - offset, 0))
            let end = Int(Swift.min(range.upperBound - offset, Int64(data.count)))
            guard start < end else { throw missing }
            offset += Int64(data.count)
            position = current + 1
            return start == 0 && end == data.count ? data : Array(data[start..<end])
        }

        /// The chunk that holds the range's first byte. Chunks of a multipart object have any size,
        /// so their lengths are summed up; PostgreSQL knows them without reading the data.
        private mutating func seek() async throws -> Int32 {
            guard range.lowerBound > 0 else { return 0 }
            let result = try await postgres.queryPinned(
                """
                select position, start from (
                    select position, sum(octet_length(data)) over (order by position) - octet_length(data) as start
                    from artifact_chunk where artifact = $1
                ) as chunk
                where start <= $2 order by position desc limit 1
                """, [.int(artifact.id), .int(range.lowerBound)], deadline: nil)
            guard let row = result.first else { throw missing }
            offset = try row.int("start")
            return try row.int32("position")
        }

        /// The artifact was swept away under a slow reader: the stream must break, not end.
        private var missing: ObjectError {
            ObjectError(.internalError, "Bytes of artifact \(artifact.sha256) are gone; it was deleted while it was being read.")
        }
    }
}
