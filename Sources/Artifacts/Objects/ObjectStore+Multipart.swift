import AgentCoreModel
public import Platform
import PostgresClient

extension ObjectStore {
    /// Begins a multipart upload; returns its id.
    public func multipartCreate(
        _ context: OperationContext, bucket: String, key: String, attributes: ObjectAttributes = ObjectAttributes()
    ) async throws -> String {
        try ObjectNames.checkKey(key)
        try ObjectNames.check(attributes, limits: limits)
        return try await reporting(context) {
            let bucketID = try await bucketID(context, bucket, for: .write)
            let upload = Identifier.alphanumeric(48)
            do {
                let metadata = try ObjectMetadata.encode(attributes.metadata)
                try await postgres.transaction(deadline: context.deadline) { transaction in
                    try await transaction.query(
                        """
                        insert into multipart_upload (upload_id, bucket, key, content_type, metadata) values ($1, $2, $3, $4, $5)
                        """,
                        [.text(upload), .int(bucketID), .text(key), .text(attributes.contentType), .json(metadata)])
                    try await record(
                        context, transaction,
                        ObjectChange(
                            .createMultipartUpload, ObjectARN(bucket: bucket, key: key), to: ["uploadId": .string(upload)]))
                }
            } catch let error as PostgresError where error.isForeignKeyViolation {
                throw ObjectError.noSuchBucket
            }
            return upload
        }
    }

    /// Stores a part, in place of an earlier one of that number. Returns its ETag.
    public func multipartUploadPart<Body: AsyncSequence & Sendable>(
        _ context: OperationContext, bucket: String, key: String, uploadID: String, number: Int,
        announced: ObjectDigests = .none, body: Body
    ) async throws -> UploadedPart where Body.Element == [UInt8] {
        guard (1...10_000).contains(number) else {
            throw ObjectError(.invalidArgument, "Part number must be an integer between 1 and 10000, inclusive.")
        }
        return try await reporting(context) {
            let upload = try await uploadFetch(context, bucket: bucket, key: key, uploadID: uploadID, for: .write)
            let writer = ArtifactWriter(postgres: postgres, context: context, limit: limits.objectBytes)
            let (artifact, digest) = try await writer.write(body, announced: announced)
            return try await writer.discardingAfter(artifact) {
                try await repeating(context) { transaction in
                    let reference = try await artifactComplete(transaction, artifact, digest)
                    let stored = try await transaction.query(
                        """
                        insert into multipart_part (upload, part_number, artifact, size, etag) values ($1, $2, $3, $4, $5)
                        on conflict (upload, part_number) do update
                            set artifact = excluded.artifact, size = excluded.size, etag = excluded.etag, created_at = now()
                        returning created_at
                        """,
                        [.int(upload.row), .int32(Int32(number)), .int(reference.id), .int(reference.size), .text(hex(digest.md5))])
                    guard let row = stored.first else { throw ObjectError.noSuchUpload }
                    let part = UploadedPart(
                        number: number, etag: hex(digest.md5), size: digest.length, lastModified: try row.timestamp("created_at"))
                    return (part, reference)
                }
            }
        }
    }

    /// Drops an upload with all its parts; their bytes go with the next sweep.
    public func multipartAbort(_ context: OperationContext, bucket: String, key: String, uploadID: String) async throws {
        try await reporting(context) {
            let upload = try await uploadFetch(context, bucket: bucket, key: key, uploadID: uploadID, for: .write)
            try await postgres.transaction(deadline: context.deadline) { transaction in
                let gone = try await transaction.query("delete from multipart_upload where id = $1", [.int(upload.row)])
                guard gone.affectedRows > 0 else { return }
                try await record(
                    context, transaction,
                    ObjectChange(
                        .abortMultipartUpload, ObjectARN(bucket: bucket, key: key), from: ["uploadId": .string(uploadID)]))
            }
        }
    }

    /// Parts above `after` by number, at most `maximum`; the flag says whether there are more.
    public func multipartListParts(
        _ context: OperationContext, bucket: String, key: String, uploadID: String, after: Int = 0, maximum: Int = 1000
    ) async throws -> (parts: [UploadedPart], isTruncated: Bool) {
        guard (0...1000).contains(maximum) else {
            throw ObjectError(.invalidArgument, "max-parts must be a number from 0 to 1000.")
        }
        return try await reporting(context) {
            let upload = try await uploadFetch(context, bucket: bucket, key: key, uploadID: uploadID, for: .read)
            let rows = try await postgres.queryPinned(
                """
                select part_number, etag, size, created_at from multipart_part
                where upload = $1 and part_number > $2 order by part_number limit $3
                """, [.int(upload.row), .int32(Int32(clamping: after)), .int(maximum + 1)], deadline: context.deadline
            ).rows
            return (try rows.prefix(maximum).map { try UploadedPart($0) }, rows.count > maximum)
        }
    }

    /// Unfinished uploads of a bucket by key, the oldest 1000.
    public func multipartList(_ context: OperationContext, bucket: String, prefix: String = "") async throws -> [MultipartUpload] {
        try await reporting(context) {
            let bucketID = try await bucketID(context, bucket, for: .read)
            return try await postgres.queryPinned(
                """
                select upload_id, key, created_at from multipart_upload
                where bucket = $1 and starts_with(key, $2) order by key, created_at limit 1000
                """, [.int(bucketID), .text(prefix)], deadline: context.deadline
            ).rows.map {
                MultipartUpload(
                    id: try $0.text("upload_id"), key: try $0.text("key"), initiated: try $0.timestamp("created_at"))
            }
        }
    }

    struct Upload: Sendable {
        var row: Int64
        var bucket: Int64
        var attributes: ObjectAttributes
    }

    func uploadFetch(
        _ context: OperationContext, bucket: String, key: String, uploadID: String, for access: Access
    ) async throws -> Upload {
        let bucketID = try await bucketID(context, bucket, for: access)
        let result = try await postgres.query(
            """
            select id, content_type, metadata from multipart_upload where upload_id = $1 and bucket = $2 and key = $3
            """, [.text(uploadID), .int(bucketID), .text(key)], deadline: context.deadline)
        guard let row = result.first else { throw ObjectError.noSuchUpload }
        return Upload(
            row: try row.int("id"), bucket: bucketID,
            attributes: ObjectAttributes(
                contentType: try row.text("content_type"), metadata: try ObjectMetadata.decode(try row.json("metadata"))))
    }
}

extension UploadedPart {
    init(_ row: Row) throws {
        self.init(
            number: Int(try row.int32("part_number")), etag: try row.text("etag"), size: try row.int("size"),
            lastModified: try row.timestamp("created_at"))
    }
}
