/// The operations that AWS does not have (docs/architecture.md, "Paths of our own"). The server registers
/// its routes from these, and the OpenAPI document describes them.
extension Operation {
    public static let own: [Operation] = [
        rollbackAgentRuntimeEndpoint, getVersionPreparation, listInterpreters, getOpenAPIDocument, getReference, getMetrics,
        getStatus, listAuditEvents, getSessionHistory, listAccessKeys, createAccessKey, disableAccessKey, enableAccessKey,
        rotateAccessKey, deleteAccessKey, createSessionToken,
    ]

    public static let ownPrefix = "/_signalbox/v1"

    private static let failures: [ErrorShape] = [.accessDenied, .throttling, .internalServer]
    private static let nothing = Schema.structure("Nothing", [])

    public static let rollbackAgentRuntimeEndpoint = Operation(
        "RollbackAgentRuntimeEndpoint", .own, "POST", ownPrefix + updateAgentRuntimeEndpoint.path.description + "rollback", 202,
        input: .structure(
            "RollbackAgentRuntimeEndpointRequest",
            [
                .required("agentRuntimeId", .agentRuntimeId, in: .path), .required("endpointName", .endpointName, in: .path),
                .optional("stopSessions", .boolean), .idempotencyToken("clientToken", .clientToken),
            ]),
        output: .structure(
            "RollbackAgentRuntimeEndpointResponse",
            [
                .required("agentRuntimeArn", .agentRuntimeArn), .required("agentRuntimeEndpointArn", .agentRuntimeEndpointArn),
                .required("endpointName", .endpointName), .required("status", .agentRuntimeEndpointStatus),
                .optional("liveVersion", .agentRuntimeVersion), .required("targetVersion", .agentRuntimeVersion),
                .required("rollbackTo", .agentRuntimeVersion), .required("createdAt", .dateTimestamp),
                .required("lastUpdatedAt", .dateTimestamp),
            ]),
        errors: failures + [.validation, .resourceNotFound, .conflict, .serviceQuotaExceeded], idempotent: true, strict: true)

    public static let getVersionPreparation = Operation(
        "GetVersionPreparation", .own, "GET", ownPrefix + "/runtimes/{agentRuntimeId}/preparation", 200,
        input: .structure(
            "GetVersionPreparationRequest",
            [
                .required("agentRuntimeId", .agentRuntimeId, in: .path),
                .optional("agentRuntimeVersion", .agentRuntimeVersion, in: .query("version")),
            ]),
        output: .structure(
            "VersionPreparation",
            [
                .required("agentRuntimeId", .agentRuntimeId), .required("agentRuntimeVersion", .agentRuntimeVersion),
                .required("status", .agentRuntimeStatus), .optional("preparation", .plainString),
                .optional("failureReason", .plainString),
                .optional(
                    "image",
                    .structure("PreparedImage", [.required("id", .plainString), .optional("source", .plainString)])),
            ]),
        errors: failures + [.validation, .resourceNotFound], readOnly: true)

    public static let listInterpreters = Operation(
        "ListInterpreters", .own, "GET", ownPrefix + "/interpreters", 200, input: nothing,
        output: .structure(
            "ListInterpretersResponse",
            [.required("interpreters", Schema("Interpreters", .map(key: .plainString, value: .plainString, count: .none)))]),
        errors: failures, readOnly: true)

    public static let getOpenAPIDocument = Operation(
        "GetOpenAPIDocument", .own, "GET", ownPrefix + "/openapi.json", 200, input: nothing,
        output: .structure("OpenAPIDocument", [.required("document", Schema("Document", .document), in: .payload)]),
        errors: failures, readOnly: true, contentType: "application/json")

    public static let getReference = Operation(
        "GetReference", .own, "GET", ownPrefix + "/reference", 200, input: nothing,
        output: .structure("Reference", [.required("page", Schema("Page", .blob(length: .none)), in: .payload)]),
        errors: failures, readOnly: true, contentType: "text/html; charset=utf-8")
}
