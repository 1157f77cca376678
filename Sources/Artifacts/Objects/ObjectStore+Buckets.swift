import AgentCoreModel
public import Platform
import PostgresClient

extension ObjectStore {
    /// `region`: where the caller says it lies; nil: the caller's own region.
    ///
    /// Throws `BucketAlreadyOwnedByYou` or, for another account's, `BucketAlreadyExists`.
    @discardableResult
    public func bucketCreate(_ context: OperationContext, name: String, region: String? = nil) async throws -> BucketRecord {
        try ObjectNames.checkBucket(name)
        try check(context, .write)
        return try await reporting(context) {
            let made = try await postgres.transaction(deadline: context.deadline) { transaction -> BucketRecord? in
                let made = try await transaction.query(
                    """
                    insert into bucket (account, region, name) values ($1, $2, $3)
                    on conflict (name) do nothing
                    returning name, region, created_at
                    """, [.text(context.account), .text(region ?? context.region), .text(name)])
                guard let bucket = try made.first.map({ try BucketRecord($0) }) else { return nil }
                try await record(
                    context, transaction,
                    ObjectChange(.createBucket, ObjectARN(bucket: name), to: ["region": .string(bucket.region)]))
                return bucket
            }
            if let made { return made }
            let owner = try await postgres.query(
                "select account from bucket where name = $1", [.text(name)], deadline: context.deadline)
            guard try owner.first?.text("account") == context.account else {
                throw ObjectError(
                    .bucketAlreadyExists, "The requested bucket name is taken by another account. Choose another one.")
            }
            throw ObjectError(.bucketAlreadyOwnedByYou, "The bucket you tried to create exists already, and you own it.")
        }
    }

    public func bucketHead(_ context: OperationContext, name: String) async throws -> BucketRecord {
        try check(context, .read)
        return try await reporting(context) {
            let result = try await postgres.query(
                "select name, region, created_at, account from bucket where name = $1", [.text(name)],
                deadline: context.deadline)
            guard let row = result.first else { throw ObjectError.noSuchBucket }
            guard try row.text("account") == context.account else { throw ObjectError.accessDenied }
            return try BucketRecord(row)
        }
    }

    /// The account's buckets by name.
    public func bucketList(_ context: OperationContext) async throws -> [BucketRecord] {
        try check(context, .read)
        return try await reporting(context) {
            try await postgres.queryPinned(
                "select name, region, created_at from bucket where account = $1 order by name collate \"C\"",
                [.text(context.account)], deadline: context.deadline
            ).rows.map { try BucketRecord($0) }
        }
    }

    /// Throws `BucketNotEmpty` while it holds an object or an unfinished upload.
    public func bucketDelete(_ context: OperationContext, name: String) async throws {
        try await reporting(context) {
            let bucket = try await bucketID(context, name, for: .write)
            do {
                try await postgres.transaction(deadline: context.deadline) { transaction in
                    let gone = try await transaction.query("delete from bucket where id = $1 returning region", [.int(bucket)])
                    guard let region = try gone.first?.text("region") else { return }
                    try await record(
                        context, transaction,
                        ObjectChange(.deleteBucket, ObjectARN(bucket: name), from: ["region": .string(region)]))
                }
            } catch let error as PostgresError where error.isForeignKeyViolation {
                throw ObjectError(
                    .bucketNotEmpty, "The bucket you tried to delete is not empty: delete its objects and unfinished uploads first.")
            }
        }
    }
}

extension BucketRecord {
    init(_ row: Row) throws {
        self.init(
            name: try row.text("name"), region: try row.text("region"), createdAt: try row.timestamp("created_at"))
    }
}
