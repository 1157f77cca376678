/// The operations of the object API, by the names that Amazon S3 has for them (Amazon S3 API reference, "Actions").
///
/// Routes, metrics, throttling and the audit trail read this one list.
public enum ObjectOperation: String, Sendable, CaseIterable {
    case listBuckets = "ListBuckets"
    case createBucket = "CreateBucket"
    case headBucket = "HeadBucket"
    case deleteBucket = "DeleteBucket"
    case getBucketLocation = "GetBucketLocation"
    case listObjects = "ListObjects"
    case putObject = "PutObject"
    case getObject = "GetObject"
    case headObject = "HeadObject"
    case deleteObject = "DeleteObject"
    case deleteObjects = "DeleteObjects"
    case createMultipartUpload = "CreateMultipartUpload"
    case uploadPart = "UploadPart"
    case completeMultipartUpload = "CompleteMultipartUpload"
    case abortMultipartUpload = "AbortMultipartUpload"
    case listMultipartUploads = "ListMultipartUploads"
    case listParts = "ListParts"

    public var name: String { rawValue }

    /// Whether it only looks.
    public var isReadOnly: Bool {
        switch self {
        case .listBuckets, .headBucket, .getBucketLocation, .listObjects, .getObject, .headObject, .listMultipartUploads, .listParts:
            true
        case .createBucket, .deleteBucket, .putObject, .deleteObject, .deleteObjects, .createMultipartUpload, .uploadPart,
            .completeMultipartUpload, .abortMultipartUpload:
            false
        }
    }

    /// Whether it leaves a row in the audit trail. A part is nothing that anybody can read before its upload is complete.
    public var changes: Bool { !isReadOnly && self != .uploadPart }
}
