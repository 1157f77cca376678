public import AgentCoreModel
public import Platform
public import PostgresClient

/// What a bucket or an object is called where all resources have names: `arn:aws:s3:::bucket/key`.
/// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
public struct ObjectARN: Sendable, Equatable, CustomStringConvertible {
    public var bucket: String
    /// nil: the bucket itself.
    public var key: String?

    public init(bucket: String, key: String? = nil) {
        self.bucket = bucket
        self.key = key
    }

    /// Of names as a caller wrote them: `*` stands for what can be no name.
    public init(unchecked bucket: String, key: String?) {
        do {
            try ObjectNames.checkBucket(bucket)
            self.bucket = bucket
        } catch {
            self.bucket = "*"
        }
        guard let key else { return }
        do {
            try ObjectNames.checkKey(key)
            self.key = key
        } catch {
            self.key = "*"
        }
    }

    public var description: String { "arn:aws:s3:::\(bucket)" + (key.map { "/\($0)" } ?? "") }
}

/// A change that is being made.
public struct ObjectChange: Sendable, Equatable {
    public var operation: ObjectOperation
    public var resource: ObjectARN
    /// What was there before and what is there then, as small objects.
    public var from: JSONValue?
    public var to: JSONValue?

    public init(_ operation: ObjectOperation, _ resource: ObjectARN, from: JSONValue? = nil, to: JSONValue? = nil) {
        self.operation = operation
        self.resource = resource
        self.from = from
        self.to = to
    }
}

/// Writes a change down, in the transaction that makes it: what it throws undoes the change.
public typealias ObjectRecorder = @Sendable (OperationContext, PostgresTransaction, ObjectChange) async throws -> Void
