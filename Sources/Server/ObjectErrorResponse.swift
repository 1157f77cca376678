import Artifacts
import HTTPTypes
import Hummingbird
import Platform

/// The object API's own error mapping: S3 speaks XML where AgentCore speaks JSON.
struct ObjectErrorResponse {
    var status: HTTPResponse.Status
    var code: String
    var message: String
    var retryAfterSeconds: Int?

    init(_ error: any Error) {
        switch error {
        case let error as ObjectError:
            self.init(Self.status(error.code), error.code.rawValue, error.message)
            if error.code == .serviceUnavailable { retryAfterSeconds = 1 }
        case let error as SignalboxError:
            self.init(error)
        default:
            self.init(.internalServerError, "InternalError", "We encountered an internal error. Please try again.")
        }
    }

    private init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// What authentication throws, under the names S3 has for it.
    private init(_ error: SignalboxError) {
        switch error.kind {
        case .missingAuthentication, .unauthorized, .accessDenied:
            self.init(.forbidden, "AccessDenied", error.message)
        case .unrecognizedClient: self.init(.forbidden, "InvalidAccessKeyId", error.message)
        case .invalidSignature: self.init(.forbidden, "SignatureDoesNotMatch", error.message)
        case .expiredCredential: self.init(.badRequest, "ExpiredToken", "The provided token has expired.")
        case .validation: self.init(.badRequest, "InvalidRequest", error.message)
        case .payloadTooLarge: self.init(.badRequest, "EntityTooLarge", error.message)
        case .unsupportedMediaType: self.init(.badRequest, "InvalidRequest", error.message)
        case .throttled(let seconds):
            self.init(.serviceUnavailable, "SlowDown", "Please reduce your request rate.")
            retryAfterSeconds = seconds
        case .unavailable(let seconds):
            self.init(.serviceUnavailable, "ServiceUnavailable", error.message)
            retryAfterSeconds = seconds
        case .methodNotAllowed, .notFound, .unknownOperation, .conflict, .retryableConflict, .quotaExceeded, .agentFailed,
            .internal:
            self.init(.internalServerError, "InternalError", error.message)
        }
    }

    private static func status(_ code: ObjectError.Code) -> HTTPResponse.Status {
        switch code {
        case .accessDenied: .forbidden
        case .noSuchBucket, .noSuchKey, .noSuchUpload, .noSuchVersion: .notFound
        case .bucketAlreadyExists, .bucketAlreadyOwnedByYou, .bucketNotEmpty, .operationAborted: .conflict
        case .invalidRange: .rangeNotSatisfiable
        case .methodNotAllowed: .methodNotAllowed
        case .missingContentLength: .lengthRequired
        case .notImplemented: .notImplemented
        case .notModified: .notModified
        case .preconditionFailed: .preconditionFailed
        case .internalError: .internalServerError
        case .serviceUnavailable: .serviceUnavailable
        case .badDigest, .contentSHA256Mismatch, .entityTooLarge, .entityTooSmall, .incompleteBody, .invalidArgument,
            .invalidBucketName, .invalidDigest, .invalidPart, .invalidPartOrder, .invalidRequest, .keyTooLong, .malformedXML,
            .metadataTooLarge:
            .badRequest
        }
    }

    func response(requestID: String, resource: String, isHead: Bool) -> Response {
        var headers = HTTPFields()
        headers.set("x-amz-request-id", requestID)
        if let retryAfterSeconds { headers.set("retry-after", String(retryAfterSeconds)) }
        if isHead || status == .notModified { return Response(status: status, headers: headers) }
        headers.set("content-type", "application/xml")
        var writer = ObjectXMLWriter()
        writer.element("Error") { xml in
            xml.element("Code", code)
            xml.element("Message", message)
            xml.element("Resource", resource)
            xml.element("RequestId", requestID)
        }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: writer.text)))
    }
}

extension HTTPFields {
    /// Sets a field by a name known to be one; a name that is none is left out.
    mutating func set(_ name: String, _ value: String) {
        if let name = HTTPField.Name(name) { self[name] = value }
    }
}
