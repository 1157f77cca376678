import Logging
import Platform
public import PostgresClient

/// S3-like buckets and objects whose bytes live in PostgreSQL (docs/architecture.md, decision 1).
///
/// An object is a row that points to an artifact; an artifact is complete or invisible. Every write
/// first streams its bytes into an artifact of its own in state `uploading`, and one transaction
/// then makes it complete and points the object to it, so no reader ever sees half an object.
///
/// Methods throw `ObjectError`; errors of the body's own sequence pass through as they are.
public struct ObjectStore: Sendable {
    let postgres: PostgresClient
    public let limits: ObjectLimits
    let record: ObjectRecorder

    /// - Parameter recorder: Told of each change.
    public init(
        postgres: PostgresClient, limits: ObjectLimits = ObjectLimits(), recorder: @escaping ObjectRecorder = { _, _, _ in }
    ) {
        self.postgres = postgres
        self.limits = limits
        record = recorder
    }

    enum Access {
        case read, write
    }

    /// A bucket of the caller's account: its row id.
    ///
    /// As with S3, names are global: another account's bucket is `AccessDenied`, not unknown.
    func bucketID(_ context: OperationContext, _ name: String, for access: Access) async throws -> Int64 {
        try check(context, access)
        let result = try await postgres.query(
            "select id, account from bucket where name = $1", [.text(name)], deadline: context.deadline)
        guard let row = result.first else { throw ObjectError.noSuchBucket }
        guard try row.text("account") == context.account else { throw ObjectError.accessDenied }
        return try row.int("id")
    }

    /// Operators write, viewers read, invokers do neither.
    func check(_ context: OperationContext, _ access: Access) throws(ObjectError) {
        switch (context.principal.role, access) {
        case (.admin, _), (.operator, _), (.viewer, .read): return
        case (.viewer, .write), (.invoker, _): throw .accessDenied
        }
    }

    /// Turns what PostgreSQL reports into what a caller of the object API can act on.
    func reporting<Value>(_ context: OperationContext, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as PostgresError {
            guard error.isPassing else {
                context.logger.error("object storage: unexpected database error", metadata: ["error": "\(error)"])
                throw ObjectError(.internalError, "We encountered an internal error. Please try again.")
            }
            context.logger.warning("object storage: the database cannot serve now", metadata: ["error": "\(error)"])
            throw ObjectError(.serviceUnavailable, "The object storage's database cannot serve now. Please try again.")
        }
    }
}
