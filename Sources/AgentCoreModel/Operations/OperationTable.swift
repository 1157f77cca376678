extension Operation {
    /// Every operation that the model describes.
    public static let all: [Operation] = [
        createAgentRuntime, getAgentRuntime, updateAgentRuntime, deleteAgentRuntime,
        listAgentRuntimes, listAgentRuntimeVersions,
        createAgentRuntimeEndpoint, getAgentRuntimeEndpoint, updateAgentRuntimeEndpoint, deleteAgentRuntimeEndpoint,
        listAgentRuntimeEndpoints,
        tagResource, untagResource, listTagsForResource,
        putResourcePolicy, getResourcePolicy, deleteResourcePolicy,
        createWorkloadIdentity, getWorkloadIdentity, updateWorkloadIdentity, deleteWorkloadIdentity, listWorkloadIdentities,
        invokeAgentRuntime, stopRuntimeSession,
    ]

    private static let runtimes = "/runtimes/"
    private static let runtime = "/runtimes/{agentRuntimeId}/"
    private static let endpoints = "/runtimes/{agentRuntimeId}/runtime-endpoints/"
    private static let endpoint = "/runtimes/{agentRuntimeId}/runtime-endpoints/{endpointName}/"

    private static let create: [ErrorShape] = [
        .serviceQuotaExceeded, .accessDenied, .conflict, .validation, .throttling, .internalServer,
    ]
    private static let change: [ErrorShape] = create + [.resourceNotFound]
    private static let read: [ErrorShape] = [.accessDenied, .validation, .resourceNotFound, .throttling, .internalServer]
    private static let list: [ErrorShape] = [.accessDenied, .validation, .throttling, .internalServer]
    /// ValidationException is not modelled for the deletions.
    private static let delete: [ErrorShape] = [.accessDenied, .conflict, .resourceNotFound, .throttling, .internalServer]

    public static let createAgentRuntime = Operation(
        "CreateAgentRuntime", .control, "PUT", runtimes, 202,
        input: CreateAgentRuntimeRequest.schema, output: CreateAgentRuntimeResponse.schema, errors: create, idempotent: true)
    public static let getAgentRuntime = Operation(
        "GetAgentRuntime", .control, "GET", runtime, 200,
        input: GetAgentRuntimeRequest.schema, output: GetAgentRuntimeResponse.schema, errors: read, readOnly: true)
    public static let updateAgentRuntime = Operation(
        "UpdateAgentRuntime", .control, "PUT", runtime, 202,
        input: UpdateAgentRuntimeRequest.schema, output: UpdateAgentRuntimeResponse.schema, errors: change, idempotent: true)
    public static let deleteAgentRuntime = Operation(
        "DeleteAgentRuntime", .control, "DELETE", runtime, 202,
        input: DeleteAgentRuntimeRequest.schema, output: DeleteAgentRuntimeResponse.schema, errors: delete, idempotent: true)
    public static let listAgentRuntimes = Operation(
        "ListAgentRuntimes", .control, "POST", runtimes, 200,
        input: ListAgentRuntimesRequest.schema, output: ListAgentRuntimesResponse.schema, errors: list, readOnly: true)
    public static let listAgentRuntimeVersions = Operation(
        "ListAgentRuntimeVersions", .control, "POST", "/runtimes/{agentRuntimeId}/versions/", 200,
        input: ListAgentRuntimeVersionsRequest.schema, output: ListAgentRuntimeVersionsResponse.schema, errors: read,
        readOnly: true)

    public static let createAgentRuntimeEndpoint = Operation(
        "CreateAgentRuntimeEndpoint", .control, "PUT", endpoints, 202,
        input: CreateAgentRuntimeEndpointRequest.schema, output: CreateAgentRuntimeEndpointResponse.schema,
        errors: change, idempotent: true)
    public static let getAgentRuntimeEndpoint = Operation(
        "GetAgentRuntimeEndpoint", .control, "GET", endpoint, 200,
        input: GetAgentRuntimeEndpointRequest.schema, output: GetAgentRuntimeEndpointResponse.schema, errors: read,
        readOnly: true)
    public static let updateAgentRuntimeEndpoint = Operation(
        "UpdateAgentRuntimeEndpoint", .control, "PUT", endpoint, 202,
        input: UpdateAgentRuntimeEndpointRequest.schema, output: UpdateAgentRuntimeEndpointResponse.schema,
        errors: change, idempotent: true)
    public static let deleteAgentRuntimeEndpoint = Operation(
        "DeleteAgentRuntimeEndpoint", .control, "DELETE", endpoint, 202,
        input: DeleteAgentRuntimeEndpointRequest.schema, output: DeleteAgentRuntimeEndpointResponse.schema,
        errors: delete, idempotent: true)
    public static let listAgentRuntimeEndpoints = Operation(
        "ListAgentRuntimeEndpoints", .control, "POST", endpoints, 200,
        input: ListAgentRuntimeEndpointsRequest.schema, output: ListAgentRuntimeEndpointsResponse.schema, errors: list,
        readOnly: true)

    private static let tags = "/tags/{resourceArn}"

    public static let tagResource = Operation(
        "TagResource", .control, "POST", tags, 204,
        input: TagResourceRequest.schema, output: TagResourceResponse.schema, errors: [.serviceQuotaExceeded] + read)
    public static let untagResource = Operation(
        "UntagResource", .control, "DELETE", tags, 204,
        input: UntagResourceRequest.schema, output: UntagResourceResponse.schema, errors: read, idempotent: true)
    public static let listTagsForResource = Operation(
        "ListTagsForResource", .control, "GET", tags, 200,
        input: ListTagsForResourceRequest.schema, output: ListTagsForResourceResponse.schema, errors: read, readOnly: true)

    private static let policy = "/resourcepolicy/{resourceArn}"

    public static let putResourcePolicy = Operation(
        "PutResourcePolicy", .control, "PUT", policy, 201,
        input: PutResourcePolicyRequest.schema, output: PutResourcePolicyResponse.schema, errors: read, idempotent: true)
    public static let getResourcePolicy = Operation(
        "GetResourcePolicy", .control, "GET", policy, 200,
        input: GetResourcePolicyRequest.schema, output: GetResourcePolicyResponse.schema, errors: read, readOnly: true)
    public static let deleteResourcePolicy = Operation(
        "DeleteResourcePolicy", .control, "DELETE", policy, 204,
        input: DeleteResourcePolicyRequest.schema, output: DeleteResourcePolicyResponse.schema, errors: read, idempotent: true)

    private static let identity: [ErrorShape] = [.unauthorized] + read

    public static let createWorkloadIdentity = Operation(
        "CreateWorkloadIdentity", .control, "POST", "/identities/CreateWorkloadIdentity", 201,
        input: CreateWorkloadIdentityRequest.schema, output: CreateWorkloadIdentityResponse.schema,
        errors: identity + [.conflict], idempotent: true)
    public static let getWorkloadIdentity = Operation(
        "GetWorkloadIdentity", .control, "POST", "/identities/GetWorkloadIdentity", 200,
        input: GetWorkloadIdentityRequest.schema, output: GetWorkloadIdentityResponse.schema, errors: identity, readOnly: true)
    public static let updateWorkloadIdentity = Operation(
        "UpdateWorkloadIdentity", .control, "POST", "/identities/UpdateWorkloadIdentity", 200,
        input: UpdateWorkloadIdentityRequest.schema, output: UpdateWorkloadIdentityResponse.schema,
        errors: identity, idempotent: true)
    public static let deleteWorkloadIdentity = Operation(
        "DeleteWorkloadIdentity", .control, "POST", "/identities/DeleteWorkloadIdentity", 204,
        input: DeleteWorkloadIdentityRequest.schema, output: DeleteWorkloadIdentityResponse.schema,
        errors: identity, idempotent: true)
    public static let listWorkloadIdentities = Operation(
        "ListWorkloadIdentities", .control, "POST", "/identities/ListWorkloadIdentities", 200,
        input: ListWorkloadIdentitiesRequest.schema, output: ListWorkloadIdentitiesResponse.schema, errors: identity,
        readOnly: true)

    public static let invokeAgentRuntime = Operation(
        "InvokeAgentRuntime", .data, "POST", "/runtimes/{agentRuntimeArn}/invocations", 200,
        input: InvokeAgentRuntimeRequest.schema, output: InvokeAgentRuntimeResponse.schema,
        errors: [
            .serviceQuotaExceeded, .retryableConflict, .validation, .accessDenied, .runtimeClient, .throttling,
            .resourceNotFound, .internalServer,
        ])
    public static let stopRuntimeSession = Operation(
        "StopRuntimeSession", .data, "POST", "/runtimes/{agentRuntimeArn}/stopruntimesession", 200,
        input: StopRuntimeSessionRequest.schema, output: StopRuntimeSessionResponse.schema,
        errors: [
            .serviceQuotaExceeded, .unauthorized, .retryableConflict, .validation, .accessDenied, .conflict,
            .runtimeClient, .throttling, .resourceNotFound, .internalServer,
        ], idempotent: true)
}
