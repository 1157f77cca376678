public import Platform
public import PostgresClient

/// The artifact that a bucket's key stands for now; nil when there is no such object for the
/// caller's account, or its version is another one.
///
/// Used inside the transaction that makes a version (docs/architecture.md, decision 4): the row is
/// locked against the sweep until the version's own reference is committed. Throws what `executor`
/// throws.
public func artifactResolve(
    _ context: OperationContext, _ executor: any PostgresExecutor, bucket: String, key: String, versionID: String?
) async throws -> ArtifactReference? {
    let result = try await executor.query(
        """
        select a.id, encode(a.sha256, 'hex') as sha256, a.size
        from bucket b
        join bucket_object o on o.bucket = b.id and o.key = $3
        join artifact a on a.id = o.artifact
        where b.name = $2 and b.account = $1 and ($4::text is null or o.version_id = $4::text)
        for key share of a
        """, [.text(context.account), .text(bucket), .text(key), .text(versionID)], deadline: context.deadline)
    return try result.first.map { try ArtifactReference($0) }
}

extension ArtifactReference {
    init(_ row: Row) throws {
        self.init(id: try row.int("id"), sha256: try row.text("sha256"), size: try row.int("size"))
    }
}

extension ObjectStore {
    /// All bytes of an artifact, whoever owns the objects that point to it.
    public func artifactBytes(_ artifact: ArtifactReference) -> ArtifactBytes {
        ArtifactBytes(postgres: postgres, artifact: artifact, range: 0..<artifact.size)
    }

    /// Makes an uploaded artifact complete, or returns the one that holds the same bytes already; then
    /// the caller discards its own after the transaction, which stays short.
    func artifactComplete(
        _ transaction: PostgresTransaction, _ artifact: Int64, _ digest: BodyDigest
    ) async throws -> ArtifactReference {
        let reference = { (id: Int64) in ArtifactReference(id: id, sha256: hex(digest.sha256), size: digest.length) }
        let same = try await transaction.query(
            "select id from artifact where sha256 = $1 for key share", [.bytes(digest.sha256)])
        if let row = same.first { return reference(try row.int("id")) }
        let done = try await transaction.query(
            "update artifact set state = 'complete', sha256 = $2, size = $3 where id = $1 and state = 'uploading'",
            [.int(artifact), .bytes(digest.sha256), .int(digest.length)])
        guard done.affectedRows == 1 else {
            throw ObjectError(.operationAborted, "The upload took so long that it was given up. Please use a multipart upload.")
        }
        return reference(artifact)
    }

    /// Runs `body` again when another upload of the same bytes or the same key was just faster.
    func repeating<Value: Sendable>(
        _ context: OperationContext, _ body: @Sendable (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        var attempts = 0
        while true {
            do {
                return try await postgres.transaction(deadline: context.deadline, body)
            } catch let error as PostgresError
                where (error.isUniqueViolation || error.isSerializationFailure) && attempts < 5
            {
                attempts += 1
            } catch let error as PostgresError where error.isForeignKeyViolation {
                // The bucket was deleted, or the multipart upload ended, while the bytes came.
                throw error.constraint?.contains("upload") == true ? ObjectError.noSuchUpload : ObjectError.noSuchBucket
            }
        }
    }
}
