public import Platform
import PostgresClient

extension ObjectStore {
    /// Makes one object of the listed parts; parts that are not listed are dropped.
    ///
    /// The chunks are copied inside PostgreSQL and then read once for the whole's SHA-256. Until the
    /// last transaction nothing is visible and the upload can be completed again.
    public func multipartComplete(
        _ context: OperationContext, bucket: String, key: String, uploadID: String, parts listed: [(number: Int, etag: String)],
        condition: ObjectCondition = .none
    ) async throws -> ObjectRecord {
        try await reporting(context) {
            let upload = try await uploadFetch(context, bucket: bucket, key: key, uploadID: uploadID, for: .write)
            let parts = try await partsChecked(context, upload, listed)
            let etag = multipartETag(parts.map(\.md5))
            let writer = ArtifactWriter(postgres: postgres, context: context, limit: limits.objectBytes)
            let artifact = try await writer.begin()
            return try await writer.discardingAfter(artifact) {
                try await compose(parts, into: artifact)
                let digest = try await hash(artifact, size: parts.reduce(0) { $0 + $1.size })
                let record = try await repeating(context) { transaction in
                    // Ours alone from here on: another completion or an abort finds nothing.
                    let ended = try await transaction.query(
                        "delete from multipart_upload where id = $1", [.int(upload.row)])
                    guard ended.affectedRows == 1 else { throw ObjectError.noSuchUpload }
                    let reference = try await artifactComplete(transaction, artifact, digest)
                    return try await objectPoint(
                        context, transaction, by: .completeMultipartUpload, bucket: (upload.bucket, bucket), key: key, to: reference,
                        etag: etag, attributes: upload.attributes, condition: condition)
                }
                return (record, record.artifact)
            }
        }
    }

    private struct Part: Sendable {
        var artifact: Int64
        var size: Int64
        var md5: [UInt8]
        var chunks: Int32
    }

    /// The listed parts in order. Throws `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`, `EntityTooLarge`.
    private func partsChecked(
        _ context: OperationContext, _ upload: Upload, _ listed: [(number: Int, etag: String)]
    ) async throws -> [Part] {
        guard !listed.isEmpty, listed.count <= 10_000 else {
            throw ObjectError(.malformedXML, "You must specify at least one part, and at most 10000.")
        }
        guard zip(listed, listed.dropFirst()).allSatisfy({ $0.number < $1.number }) else {
            throw ObjectError(.invalidPartOrder, "The list of parts was not in ascending order. Parts must be ordered by part number.")
        }
        let rows = try await postgres.queryPinned(
            """
            select p.part_number, p.artifact, p.size, p.etag,
                (select count(*) from artifact_chunk c where c.artifact = p.artifact) as chunks
            from multipart_part p where p.upload = $1
            """, [.int(upload.row)], deadline: context.deadline
        ).rows
        var stored: [Int: (etag: String, part: Part)] = [:]
        for row in rows {
            let etag = try row.text("etag")
            stored[Int(try row.int32("part_number"))] = (
                etag,
                Part(
                    artifact: try row.int("artifact"), size: try row.int("size"), md5: bytes(hex: etag) ?? [],
                    chunks: Int32(clamping: try row.int("chunks")))
            )
        }
        var parts: [Part] = []
        for entry in listed {
            guard let found = stored[entry.number], found.etag == entry.etag.lowercased() else {
                throw ObjectError(
                    .invalidPart,
                    "One or more of the specified parts could not be found (part \(entry.number)). The part might not have been uploaded, or the specified entity tag might not match the part's entity tag."
                )
            }
            parts.append(found.part)
        }
        guard parts.dropLast().allSatisfy({ $0.size >= limits.smallestPartBytes }) else {
            throw ObjectError(
                .entityTooSmall,
                "Your proposed upload is smaller than the minimum allowed object size: every part but the last needs \(megabytes(limits.smallestPartBytes))."
            )
        }
        guard parts.reduce(0, { $0 + $1.size }) <= limits.objectBytes else { throw ArtifactWriter.tooLarge(limits.objectBytes) }
        return parts
    }

    /// Copies the parts' chunks one after another, in statements of at most 32 MiB so that none
    /// meets the statement timeout.
    private func compose(_ parts: [Part], into artifact: Int64) async throws {
        var position: Int32 = 0
        for part in parts {
            for start in stride(from: Int32(0), to: part.chunks, by: 32) {
                try await postgres.queryPinned(
                    """
                    insert into artifact_chunk (artifact, position, data)
                    select $1, position + $2, data from artifact_chunk
                    where artifact = $3 and position >= $4 and position < $4 + 32
                    """, [.int(artifact), .int32(position), .int(part.artifact), .int32(start)], deadline: nil)
            }
            position += part.chunks
        }
    }

    private func hash(_ artifact: Int64, size: Int64) async throws -> BodyDigest {
        var hash = BodyHash()
        let reference = ArtifactReference(id: artifact, sha256: "", size: size)
        for try await chunk in artifactBytes(reference) { hash.update(chunk) }
        let digest = hash.finalized()
        guard digest.length == size else { throw ObjectError(.internalError, "The upload could not be put together.") }
        return digest
    }
}
