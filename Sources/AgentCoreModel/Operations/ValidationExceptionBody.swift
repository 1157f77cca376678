public import Platform

/// Body of a ValidationException (contract §4).
public struct ValidationExceptionBody: Shape {
    public var message: String
    public var reason: ValidationReason
    public var fieldList: [FieldFailure]?

    public init(message: String, reason: ValidationReason, fieldList: [FieldFailure]? = nil) {
        self.message = message
        self.reason = reason
        self.fieldList = fieldList
    }

    /// The body of an error of that kind; nil for other errors. An empty list is left out.
    public init?(_ error: SignalboxError) {
        guard case .validation(let reason, let fields) = error.kind else { return nil }
        self.init(message: error.message, reason: reason, fieldList: fields.isEmpty ? nil : fields)
    }

    public static let schema = Schema.structure(
        "ValidationException",
        [
            .required("message", .plainString),
            .required("reason", .enumeration("ValidationExceptionReason", ReasonValue.self)),
            .optional(
                "fieldList",
                .list(
                    "ValidationExceptionFieldList",
                    of: .structure(
                        "ValidationExceptionField",
                        [
                            .required("name", .plainString), .required("message", .plainString),
                        ]))),
        ])

    private enum ReasonValue: String, CaseIterable {
        case cannotParse = "CannotParse"
        case fieldValidationFailed = "FieldValidationFailed"
        case idempotentParameterMismatch = "IdempotentParameterMismatchException"
        case eventInOtherSession = "EventInOtherSession"
        case resourceConflict = "ResourceConflict"
    }
}
