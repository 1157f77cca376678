import Platform

/// Access keys and session credentials, for `Operation.own`. Members are named as in AWS's key files and
/// credential programs.
extension Operation {
    public static let listAccessKeys = Operation(
        "ListAccessKeys", .own, "GET", ownPrefix + "/keys", 200, input: .structure("ListAccessKeysRequest", []),
        output: .structure(
            "ListAccessKeysResponse",
            [
                .required(
                    "AccessKeys",
                    Schema(
                        "AccessKeyList",
                        .list(
                            of: .structure(
                                "AccessKey",
                                [
                                    .required("AccessKeyId", .plainString), .required("Account", .plainString),
                                    .required("Role", .role), .required("Status", .keyStatus), .required("CreateDate", .dateTimestamp),
                                    .optional("ExpirationDate", .dateTimestamp), .optional("ReplacedBy", .plainString),
                                ]), count: .none)))
            ]),
        errors: failures, readOnly: true)

    public static let createAccessKey = Operation(
        "CreateAccessKey", .own, "POST", ownPrefix + "/keys", 201,
        input: .structure("CreateAccessKeyRequest", [.optional("role", .role)]), output: newKey,
        errors: failures + [.validation], strict: true)

    public static let disableAccessKey = Operation(
        "DisableAccessKey", .own, "POST", ownPrefix + "/keys/{accessKeyId}/disable", 200, input: named("DisableAccessKeyRequest"),
        output: keyState, errors: failures + [.validation, .resourceNotFound, .conflict], strict: true)

    public static let enableAccessKey = Operation(
        "EnableAccessKey", .own, "POST", ownPrefix + "/keys/{accessKeyId}/enable", 200, input: named("EnableAccessKeyRequest"),
        output: keyState, errors: failures + [.validation, .resourceNotFound], strict: true)

    public static let rotateAccessKey = Operation(
        "RotateAccessKey", .own, "POST", ownPrefix + "/keys/{accessKeyId}/rotate", 201,
        input: named("RotateAccessKeyRequest", [.optional("graceSeconds", Schema("GraceSeconds", .integer(.init(graceSeconds))))]),
        output: newKey, errors: failures + [.validation, .resourceNotFound, .conflict], strict: true)

    public static let deleteAccessKey = Operation(
        "DeleteAccessKey", .own, "DELETE", ownPrefix + "/keys/{accessKeyId}", 204, input: named("DeleteAccessKeyRequest"),
        output: .structure("DeleteAccessKeyResponse", []), errors: failures + [.resourceNotFound, .conflict])

    /// Nothing is stored: the token itself says what it is good for.
    public static let createSessionToken = Operation(
        "CreateSessionToken", .own, "POST", ownPrefix + "/session-tokens", 201,
        input: .structure(
            "CreateSessionTokenRequest",
            [
                .optional("durationSeconds", Schema("SessionSeconds", .integer(.init(sessionSeconds)))), .optional("role", .role),
            ]),
        output: .structure(
            "SessionCredentials",
            [
                .required("Version", Schema("CredentialsVersion", .integer(.init(1...1)))), .required("AccessKeyId", .plainString),
                .required("SecretAccessKey", .secret), .required("SessionToken", .secret), .required("Expiration", .dateTimestamp),
                .required("Role", .role),
            ]),
        errors: failures + [.validation], readOnly: true, strict: true)

    /// How long a rotated key may stay good: up to thirty days.
    public static let graceSeconds = 0...2_592_000
    /// How long session credentials may be good for.
    public static let sessionSeconds = 900...43_200

    private static let failures: [ErrorShape] = [.accessDenied, .throttling, .internalServer]

    private static let newKey = Schema.structure(
        "NewAccessKey",
        [
            .required("AccessKeyId", .plainString), .required("SecretAccessKey", .secret), .required("Account", .plainString),
            .required("Role", .role),
        ])

    private static let keyState = Schema.structure(
        "AccessKeyState", [.required("AccessKeyId", .plainString), .required("Status", .keyStatus)])

    private static func named(_ name: String, _ more: [Schema.Member] = []) -> Schema {
        .structure(name, [.required("accessKeyId", .accessKeyId, in: .path)] + more)
    }
}

extension Schema {
    fileprivate static let role = Schema(
        "Role", .string(length: .none, pattern: nil, values: Principal.Role.allCases.map(\.rawValue)))
    fileprivate static let keyStatus = Schema("AccessKeyStatus", .string(length: .none, pattern: nil, values: ["Active", "Inactive"]))
    fileprivate static let accessKeyId = string("AccessKeyId", 1...128)
    fileprivate static let secret = string("Secret", 1...4096, sensitive: true)
}
