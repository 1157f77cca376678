/// Errors as the document tells of them: those that an operation's model has, and those that any signed
/// request may meet (contract §1 and §4).
struct OpenAPIError {
    var code: String
    var status: Int
    /// In botocore's model of the operation, so that SDKs have an exception class for it.
    var isModelled: Bool
    /// Of the body.
    var schema: String
    var when: String
    var example: String

    init(_ shape: ErrorShape, isModelled: Bool = true) {
        code = shape.rawValue
        status = shape.status
        self.isModelled = isModelled
        schema = shape.schema.name
        (when, example) = Self.texts(shape)
    }

    private init(_ code: String, _ status: Int, schema: String = "ErrorMessage", _ when: String, _ example: String) {
        self.code = code
        self.status = status
        isModelled = false
        self.schema = schema
        self.when = when
        self.example = example
    }

    /// What an operation may answer besides success, by status and code.
    static func all(of operation: Operation) -> [OpenAPIError] {
        var errors = operation.errors.map { OpenAPIError($0) }
        for shape in [ErrorShape.validation, .accessDenied, .throttling, .internalServer] where !operation.errors.contains(shape) {
            errors.append(OpenAPIError(shape, isModelled: false))
        }
        errors += signature + [tooLarge, unavailable]
        if operation.input.members.contains(where: { $0.location == .body }) { errors.append(mediaType) }
        return errors.sorted { ($0.status, $0.code) < ($1.status, $1.code) }
    }

    private static let signature = [
        OpenAPIError(
            "MissingAuthenticationTokenException", 403, "The request is not signed.", "Missing Authentication Token"),
        OpenAPIError(
            "UnrecognizedClientException", 403, "The access key is not known, or is disabled.",
            "The security token included in the request is invalid."),
        OpenAPIError(
            "InvalidSignatureException", 403,
            "The signature is another one than the secret, the request and its time give, or is for another service.",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        ),
        OpenAPIError(
            "ExpiredTokenException", 403, "The session token, or a presigned URL, is past its time.",
            "The security token included in the request is expired"),
    ]
    private static let tooLarge = OpenAPIError(
        "ValidationException", 413, schema: "ValidationException", "The body is larger than the operation takes.",
        "The request body is larger than 2097152 bytes.")
    private static let mediaType = OpenAPIError(
        "UnsupportedMediaTypeException", 415, "There is a body whose Content-Type is given and is not application/json.",
        "The Content-Type must be application/json.")
    private static let unavailable = OpenAPIError(
        "ServiceUnavailableException", 503,
        "A part that the server needs is away for the moment, the database above all. `Retry-After` says when to try again.",
        "The database cannot be reached.")

    private static func texts(_ shape: ErrorShape) -> (String, String) {
        switch shape {
        case .validation:
            (
                "Something of the request breaks a constraint; `fieldList` names every member that does. `reason` tells a body that is no JSON (CannotParse) and a `clientToken` used with other parameters (IdempotentParameterMismatchException) apart.",
                "1 validation error detected: Value 'no-hyphens' at 'agentRuntimeName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][a-zA-Z0-9_]{0,47}"
            )
        case .unauthorized: ("The caller's token is not good. Callers that sign with SigV4 never meet it.", "The token is not valid.")
        case .serviceQuotaExceeded:
            ("The account, or the resource, has as many as it may have.", "The limit of 50 tags of a resource has been reached.")
        case .accessDenied:
            (
                "The caller's role or a resource policy does not allow it, or the request was authorized in another way than the resource takes.",
                "User: SBX0123456789ABCDEF is not authorized to perform: bedrock-agentcore:UpdateAgentRuntime because the access key's role 'viewer' does not allow it"
            )
        case .resourceNotFound:
            (
                "There is no such resource in the caller's account and region. Other accounts' resources look the same.",
                "Agent runtime 'hello-AbC123dEf9' was not found."
            )
        case .conflict:
            ("The name is taken, or the resource is in a state that does not allow it.", "An agent runtime named 'hello' already exists.")
        case .retryableConflict:
            ("The session is being started or stopped at the moment; try again.", "Session operation in progress, please retry")
        case .runtimeClient:
            (
                "The agent could not be started, failed, or answered with an error before its answer began.",
                "The agent answered with status 500."
            )
        case .throttling: ("The account makes more requests than it may. `Retry-After` says when to try again.", "Rate exceeded")
        case .internalServer:
            (
                "A defect of the server. Its log has the request id.",
                "The server met an internal error. Quote the request id when you report it."
            )
        }
    }

    var body: JSONValue {
        guard schema == "ValidationException" else { return ["message": .string(example)] }
        guard status == 400 else { return ["message": .string(example), "reason": "FieldValidationFailed"] }
        let prefix = "1 validation error detected: "
        return [
            "message": .string(example), "reason": "FieldValidationFailed",
            "fieldList": [["name": "agentRuntimeName", "message": .string(String(example.dropFirst(prefix.count)))]],
        ]
    }

    /// References by status, as a Responses Object has them.
    static func references(_ errors: [OpenAPIError]) -> [String: JSONValue] {
        Dictionary(grouping: errors, by: \.status).reduce(into: [:]) { responses, entry in
            responses[String(entry.key)] = ["$ref": .string("#/components/responses/\(name(entry.value))")]
        }
    }

    /// The responses that those references mean, by name.
    static func components(_ operations: [Operation]) -> [String: JSONValue] {
        operations.flatMap { Dictionary(grouping: all(of: $0), by: \.status).values }.reduce(into: [:]) { responses, errors in
            let name = name(errors)
            if responses[name] == nil { responses[name] = response(errors) }
        }
    }

    /// Errors of one status always have the same name, whichever operation they are of.
    private static func name(_ errors: [OpenAPIError]) -> String {
        let codes = errors.map { $0.code.hasSuffix("Exception") ? String($0.code.dropLast("Exception".count)) : $0.code }
        switch errors.first?.status {
        case 403: return "Forbidden"
        case 413: return "PayloadTooLarge"
        default: return codes.sorted().joined(separator: "Or")
        }
    }

    private static func response(_ errors: [OpenAPIError]) -> JSONValue {
        let status = errors.first?.status
        var headers = OpenAPI.commonHeaders
        headers["x-amzn-ErrorType"] = [
            "description": "The error's code, from which SDKs make the exception.", "required": true,
            "schema": ["type": "string", "enum": .array(errors.map { .string($0.code) })],
        ]
        if status == 429 || status == 503 {
            headers["Retry-After"] = [
                "description": "Seconds to wait.", "required": true, "schema": ["type": "integer", "minimum": 0],
            ]
        }
        let schemas = Set(errors.map(\.schema)).sorted().map { JSONValue.object(["$ref": .string("#/components/schemas/\($0)")]) }
        return [
            "description": .string(errors.map { "`\($0.code)`: \($0.when)" }.joined(separator: "\n\n")),
            "headers": .object(headers),
            "content": [
                "application/json": [
                    "schema": schemas.count == 1 ? schemas[0] : ["anyOf": .array(schemas)],
                    "examples": .object(Dictionary(errors.map { ($0.code, ["value": $0.body]) }, uniquingKeysWith: { $1 })),
                ]
            ],
        ]
    }
}
