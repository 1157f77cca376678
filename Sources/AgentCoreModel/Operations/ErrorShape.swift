/// The modelled errors of both planes (contract §4).
public enum ErrorShape: String, Sendable, CaseIterable {
    case validation = "ValidationException"
    case unauthorized = "UnauthorizedException"
    case serviceQuotaExceeded = "ServiceQuotaExceededException"
    case accessDenied = "AccessDeniedException"
    case resourceNotFound = "ResourceNotFoundException"
    case conflict = "ConflictException"
    case retryableConflict = "RetryableConflictException"
    /// The agent failed; no "Exception" at the end.
    case runtimeClient = "RuntimeClientError"
    case throttling = "ThrottlingException"
    case internalServer = "InternalServerException"

    /// HTTP status.
    public var status: Int {
        switch self {
        case .validation: 400
        case .unauthorized: 401
        case .serviceQuotaExceeded: 402
        case .accessDenied: 403
        case .resourceNotFound: 404
        case .conflict, .retryableConflict: 409
        case .runtimeClient: 424
        case .throttling: 429
        case .internalServer: 500
        }
    }

    public var schema: Schema {
        switch self {
        case .validation: ValidationExceptionBody.schema
        case .retryableConflict: .structure(rawValue, [.required("message", .plainString)])
        default:
            .structure(rawValue, [.optional("message", .string("NonBlankString", pattern: #"[\s\S]+"#))])
        }
    }
}
