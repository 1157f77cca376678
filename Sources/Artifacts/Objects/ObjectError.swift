/// A refusal of the object API, in S3's words. The server turns it into S3's XML.
/// Source: Amazon S3 API reference, "Error responses".
public struct ObjectError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        case accessDenied = "AccessDenied"
        case badDigest = "BadDigest"
        case bucketAlreadyExists = "BucketAlreadyExists"
        case bucketAlreadyOwnedByYou = "BucketAlreadyOwnedByYou"
        case bucketNotEmpty = "BucketNotEmpty"
        case contentSHA256Mismatch = "XAmzContentSHA256Mismatch"
        case entityTooLarge = "EntityTooLarge"
        case entityTooSmall = "EntityTooSmall"
        case incompleteBody = "IncompleteBody"
        case internalError = "InternalError"
        case invalidArgument = "InvalidArgument"
        case invalidBucketName = "InvalidBucketName"
        case invalidDigest = "InvalidDigest"
        case invalidPart = "InvalidPart"
        case invalidPartOrder = "InvalidPartOrder"
        case invalidRange = "InvalidRange"
        case invalidRequest = "InvalidRequest"
        case keyTooLong = "KeyTooLongError"
        case malformedXML = "MalformedXML"
        case metadataTooLarge = "MetadataTooLarge"
        case methodNotAllowed = "MethodNotAllowed"
        case missingContentLength = "MissingContentLength"
        case noSuchBucket = "NoSuchBucket"
        case noSuchKey = "NoSuchKey"
        case noSuchUpload = "NoSuchUpload"
        case noSuchVersion = "NoSuchVersion"
        case notImplemented = "NotImplemented"
        case notModified = "NotModified"
        case operationAborted = "OperationAborted"
        case preconditionFailed = "PreconditionFailed"
        case serviceUnavailable = "ServiceUnavailable"
    }

    public var code: Code
    /// For the caller.
    public var message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code.rawValue): \(message)" }
}

extension ObjectError {
    static let noSuchBucket = ObjectError(.noSuchBucket, "The specified bucket does not exist.")
    static let noSuchKey = ObjectError(.noSuchKey, "The specified key does not exist.")
    static let noSuchVersion = ObjectError(
        .noSuchVersion, "The specified version does not exist; only an object's current version is kept.")
    static let noSuchUpload = ObjectError(
        .noSuchUpload, "The specified multipart upload does not exist. It may have been completed or aborted.")
    static let accessDenied = ObjectError(.accessDenied, "Access Denied")
    static let preconditionFailed = ObjectError(
        .preconditionFailed, "At least one of the preconditions you specified did not hold.")
}
