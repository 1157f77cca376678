import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A SignalboxError as AWS clients expect it on the wire. The one place where errors meet HTTP.
/// Source: contract §1 (headers, body) and §4 (codes and statuses).
public struct WireError: Sendable, Equatable {
    public var status: Int
    /// Value of `x-amzn-ErrorType`; SDKs make the exception class from it.
    public var code: String
    public var message: String
    public var reason: ValidationReason?
    public var fields: [FieldFailure] = []
    public var extraHeaders: [(name: String, value: String)] = []

    public static func == (left: Self, right: Self) -> Bool {
        left.status == right.status && left.code == right.code && left.message == right.message
            && left.reason == right.reason && left.fields == right.fields
            && left.extraHeaders.map(\.name) == right.extraHeaders.map(\.name)
            && left.extraHeaders.map(\.value) == right.extraHeaders.map(\.value)
    }

    public init(_ error: SignalboxError) {
        message = error.message
        switch error.kind {
        case .validation(let reason, let fields):
            (status, code, self.reason, self.fields) = (400, "ValidationException", reason, fields)
        case .unauthorized: (status, code) = (401, "UnauthorizedException")
        case .missingAuthentication: (status, code) = (403, "MissingAuthenticationTokenException")
        case .unrecognizedClient: (status, code) = (403, "UnrecognizedClientException")
        case .invalidSignature: (status, code) = (403, "InvalidSignatureException")
        case .expiredCredential: (status, code) = (403, "ExpiredTokenException")
        case .accessDenied: (status, code) = (403, "AccessDeniedException")
        case .notFound: (status, code) = (404, "ResourceNotFoundException")
        case .unknownOperation: (status, code) = (404, "UnknownOperationException")
        case .methodNotAllowed(let allow):
            (status, code) = (405, "UnknownOperationException")
            extraHeaders = [("Allow", allow)]
        case .conflict: (status, code) = (409, "ConflictException")
        case .retryableConflict: (status, code) = (409, "RetryableConflictException")
        case .quotaExceeded: (status, code) = (402, "ServiceQuotaExceededException")
        case .throttled(let seconds):
            (status, code) = (429, "ThrottlingException")
            extraHeaders = [("Retry-After", String(seconds))]
        case .payloadTooLarge: (status, code, reason) = (413, "ValidationException", .fieldValidationFailed)
        case .unsupportedMediaType: (status, code) = (415, "UnsupportedMediaTypeException")
        case .agentFailed: (status, code) = (424, "RuntimeClientError")
        case .unavailable(let seconds):
            (status, code) = (503, "ServiceUnavailableException")
            extraHeaders = [("Retry-After", String(seconds))]
        case .internal: (status, code) = (500, "InternalServerException")
        }
    }

    private struct Body: Encodable {
        var message: String
        var reason: ValidationReason?
        var fieldList: [FieldFailure]?
    }

    /// `{"message": …}` plus the members that the shape has.
    public var body: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = Body(message: message, reason: reason, fieldList: fields.isEmpty ? nil : fields)
        // Strings and string enums alone: encoding cannot fail.
        return (try? encoder.encode(body)).map(Array.init) ?? Array(#"{"message":"internal error"}"#.utf8)
    }

    /// Headers of the reply, without those that every reply has (date, request id, length).
    public var headers: [(name: String, value: String)] {
        [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)] + extraHeaders
    }
}

extension WireError {
    /// Any error, a defect's included. What is not a SignalboxError is a defect and says nothing to the caller.
    public init(any error: any Error) {
        switch error {
        case let error as SignalboxError: self.init(error)
        case is CancellationError: self.init(SignalboxError.unavailable("The request was cancelled."))
        default: self.init(SignalboxError.internal(String(describing: error)))
        }
    }
}
