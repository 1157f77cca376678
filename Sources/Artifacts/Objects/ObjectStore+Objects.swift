public import AgentCoreModel
public import Platform
import PostgresClient

extension ObjectStore {
    /// Stores a whole object under a key, in place of what was there.
    ///
    /// `announced` is checked before anything becomes visible.
    @discardableResult
    public func objectPut<Body: AsyncSequence & Sendable>(
        _ context: OperationContext, bucket: String, key: String, attributes: ObjectAttributes = ObjectAttributes(),
        condition: ObjectCondition = .none, announced: ObjectDigests = .none, body: Body
    ) async throws -> ObjectRecord where Body.Element == [UInt8] {
        try ObjectNames.checkKey(key)
        try ObjectNames.check(attributes, limits: limits)
        return try await reporting(context) {
            let bucketID = try await bucketID(context, bucket, for: .write)
            let writer = ArtifactWriter(postgres: postgres, context: context, limit: limits.objectBytes)
            let (artifact, digest) = try await writer.write(body, announced: announced)
            return try await writer.discardingAfter(artifact) {
                let record = try await repeating(context) { transaction in
                    let reference = try await artifactComplete(transaction, artifact, digest)
                    return try await objectPoint(
                        context, transaction, by: .putObject, bucket: (bucketID, bucket), key: key, to: reference,
                        etag: hex(digest.md5), attributes: attributes, condition: condition)
                }
                return (record, record.artifact)
            }
        }
    }

    /// Points a key to a complete artifact: the moment at which the object changes for everybody.
    func objectPoint(
        _ context: OperationContext, _ transaction: PostgresTransaction, by operation: ObjectOperation,
        bucket: (id: Int64, name: String), key: String, to artifact: ArtifactReference, etag: String, attributes: ObjectAttributes,
        condition: ObjectCondition
    ) async throws -> ObjectRecord {
        let version = Identifier.alphanumeric(32)
        let values: [PostgresValue] = [
            .int(bucket.id), .text(key), .int(artifact.id), .int(artifact.size), .text(etag), .text(attributes.contentType),
            .json(try ObjectMetadata.encode(attributes.metadata)), .text(version),
        ]
        while true {
            let current = try await transaction.query(
                "select etag, version_id, size from bucket_object where bucket = $1 and key = $2 for update",
                [.int(bucket.id), .text(key)])
            try condition.checkWrite(current: try current.first?.text("etag"))
            let written: QueryResult
            if current.first != nil {
                written = try await transaction.query(
                    """
                    update bucket_object set artifact = $3, size = $4, etag = $5, content_type = $6, metadata = $7,
                        version_id = $8, created_at = now()
                    where bucket = $1 and key = $2 returning created_at
                    """, values)
            } else {
                written = try await transaction.query(
                    """
                    insert into bucket_object (bucket, key, artifact, size, etag, content_type, metadata, version_id)
                    values ($1, $2, $3, $4, $5, $6, $7, $8)
                    on conflict (bucket, key) do nothing returning created_at
                    """, values)
            }
            // No row: another writer made the key since we looked; its ETag counts for the condition.
            guard let row = written.first else { continue }
            var to = Self.told(version, etag, artifact.size)
            to["sha256"] = .string(artifact.sha256)
            try await record(
                context, transaction,
                ObjectChange(
                    operation, ObjectARN(bucket: bucket.name, key: key), from: try current.first.map { try Self.told($0) },
                    to: .object(to)))
            return ObjectRecord(
                key: key, etag: etag, versionID: version, size: artifact.size, contentType: attributes.contentType,
                metadata: attributes.metadata, lastModified: try row.timestamp("created_at"), artifact: artifact)
        }
    }

    /// Throws `NoSuchKey`, or `NoSuchVersion` for any version but the current one.
    public func objectHead(
        _ context: OperationContext, bucket: String, key: String, versionID: String? = nil,
        condition: ObjectCondition = .none
    ) async throws -> ObjectRecord {
        try check(context, .read)
        return try await reporting(context) {
            let result = try await postgres.query(
                """
                select b.account, o.id is null as missing, o.key, o.etag, o.version_id, o.size, o.content_type, o.metadata,
                    o.created_at, a.id, encode(a.sha256, 'hex') as sha256
                from bucket b
                left join bucket_object o on o.bucket = b.id and o.key = $2
                left join artifact a on a.id = o.artifact
                where b.name = $1
                """, [.text(bucket), .text(key)], deadline: context.deadline)
            guard let row = result.first else { throw ObjectError.noSuchBucket }
            guard try row.text("account") == context.account else { throw ObjectError.accessDenied }
            guard try !row.bool("missing") else { throw ObjectError.noSuchKey }
            let record = try ObjectRecord(row)
            guard versionID == nil || versionID == record.versionID else { throw ObjectError.noSuchVersion }
            try condition.checkRead(current: record.etag)
            return record
        }
    }

    /// Opens an object. Its bytes are read as the caller asks for them; should the object be
    /// replaced meanwhile, the old bytes go on coming.
    public func objectGet(
        _ context: OperationContext, bucket: String, key: String, versionID: String? = nil, range: ByteRange? = nil,
        condition: ObjectCondition = .none
    ) async throws -> ObjectContent {
        let record = try await objectHead(context, bucket: bucket, key: key, versionID: versionID, condition: condition)
        let wanted = try range?.resolve(size: record.size) ?? 0..<record.size
        return ObjectContent(
            record: record, range: wanted,
            bytes: ArtifactBytes(postgres: postgres, artifact: record.artifact, range: wanted))
    }

    /// Deleting what is not there succeeds, as with S3. A `versionID` other than the current one
    /// names nothing that is kept.
    ///
    /// - Parameter operation: That deletes it.
    public func objectDelete(
        _ context: OperationContext, bucket: String, key: String, versionID: String? = nil, by operation: ObjectOperation = .deleteObject
    ) async throws {
        try await reporting(context) {
            let bucketID = try await bucketID(context, bucket, for: .write)
            try await postgres.transaction(deadline: context.deadline) { transaction in
                let gone = try await transaction.query(
                    """
                    delete from bucket_object where bucket = $1 and key = $2 and ($3::text is null or version_id = $3::text)
                    returning version_id, etag, size
                    """, [.int(bucketID), .text(key), .text(versionID)])
                guard let row = gone.first else { return }
                try await record(
                    context, transaction, ObjectChange(operation, ObjectARN(bucket: bucket, key: key), from: try Self.told(row)))
            }
        }
    }

    /// What is written down of an object.
    private static func told(_ versionID: String, _ etag: String, _ size: Int64) -> [String: JSONValue] {
        ["versionId": .string(versionID), "eTag": .string(etag), "size": .integer(size)]
    }

    private static func told(_ row: Row) throws -> JSONValue {
        .object(told(try row.text("version_id"), try row.text("etag"), try row.int("size")))
    }
}

extension ObjectRecord {
    init(_ row: Row) throws {
        self.init(
            key: try row.text("key"), etag: try row.text("etag"), versionID: try row.text("version_id"),
            size: try row.int("size"), contentType: try row.text("content_type"),
            metadata: try ObjectMetadata.decode(try row.json("metadata")), lastModified: try row.timestamp("created_at"),
            artifact: try ArtifactReference(row))
    }
}
