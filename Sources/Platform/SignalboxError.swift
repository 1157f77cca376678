/// One member of a request that broke a rule. Source: contract §4, `ValidationException.fieldList`.
public struct FieldFailure: Sendable, Equatable, Codable {
    /// Path of the member, dots between names: `agentRuntimeArtifact.codeConfiguration.runtime`.
    public var name: String
    /// What is wrong with it, in AWS's wording.
    public var message: String

    public init(name: String, message: String) {
        self.name = name
        self.message = message
    }
}

/// Why a ValidationException was raised. Source: botocore model, `ValidationExceptionReason`.
public enum ValidationReason: String, Sendable, Codable {
    case cannotParse = "CannotParse"
    case fieldValidationFailed = "FieldValidationFailed"
    case idempotentParameterMismatch = "IdempotentParameterMismatchException"
    case eventInOtherSession = "EventInOtherSession"
    case resourceConflict = "ResourceConflict"
}

/// The only error that leaves a room. It knows nothing of HTTP: the server turns it into an AWS
/// error at the last step (`Server/ErrorMapping.swift`).
///
/// `message` is for the caller; `context` is for the log alone and may name internals.
public struct SignalboxError: Error, Sendable {
    public enum Kind: Sendable, Equatable {
        case validation(ValidationReason, [FieldFailure])
        case unauthorized
        case missingAuthentication
        case unrecognizedClient
        case invalidSignature
        case expiredCredential
        case accessDenied
        case notFound
        case unknownOperation
        case methodNotAllowed(allow: String)
        case conflict
        case retryableConflict
        case quotaExceeded
        case throttled(retryAfterSeconds: Int)
        case payloadTooLarge
        /// A body in another format than JSON.
        case unsupportedMediaType
        /// The agent, not Signalbox, failed (424).
        case agentFailed
        /// A part we need is away, the database above all; worth retrying.
        case unavailable(retryAfterSeconds: Int)
        case `internal`
    }

    public var kind: Kind
    public var message: String
    public var context: String?

    public init(_ kind: Kind, _ message: String, context: String? = nil) {
        self.kind = kind
        self.message = message
        self.context = context
    }
}

extension SignalboxError: CustomStringConvertible {
    public var description: String {
        context.map { "\(kind): \(message) (\($0))" } ?? "\(kind): \(message)"
    }
}

extension SignalboxError {
    /// A rule of a request broken, with no single member to point at.
    public static func validation(
        _ message: String, reason: ValidationReason = .fieldValidationFailed, fields: [FieldFailure] = []
    ) -> Self {
        Self(.validation(reason, fields), message)
    }

    public static func notFound(_ message: String) -> Self { Self(.notFound, message) }
    public static func conflict(_ message: String) -> Self { Self(.conflict, message) }
    public static func quotaExceeded(_ message: String) -> Self { Self(.quotaExceeded, message) }
    public static func accessDenied(_ message: String) -> Self { Self(.accessDenied, message) }
    public static func agentFailed(_ message: String, context: String? = nil) -> Self {
        Self(.agentFailed, message, context: context)
    }

    /// A part that is away. `retryAfterSeconds` becomes the `Retry-After` header.
    public static func unavailable(_ message: String, retryAfterSeconds: Int = 1, context: String? = nil) -> Self {
        Self(.unavailable(retryAfterSeconds: retryAfterSeconds), message, context: context)
    }

    /// A defect or an unexpected state. The caller sees a neutral sentence; the log sees `context`.
    public static func `internal`(_ context: String) -> Self {
        Self(.internal, "The server met an internal error. Quote the request id when you report it.", context: context)
    }
}
