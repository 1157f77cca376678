/// Input of StopRuntimeSession.
public struct StopRuntimeSessionRequest: OperationInput {
    public var runtimeSessionId: String
    /// An ARN or a bare runtime id; see `RuntimeReference`.
    public var agentRuntimeArn: String
    /// The one that the session was started with; `DEFAULT` when absent.
    public var qualifier: String?
    public var clientToken: String?

    public init(runtimeSessionId: String, agentRuntimeArn: String, qualifier: String? = nil, clientToken: String? = nil) {
        self.runtimeSessionId = runtimeSessionId
        self.agentRuntimeArn = agentRuntimeArn
        self.qualifier = qualifier
        self.clientToken = clientToken
    }

    public static let schema = Schema.structure(
        "StopRuntimeSessionRequest",
        [
            .required("runtimeSessionId", .string("SessionType", 33...256), in: .header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")),
            .required("agentRuntimeArn", .plainString, in: .path),
            .optional("qualifier", .plainString, in: .query("qualifier")),
            .idempotencyToken("clientToken", .clientToken),
        ])

    public static let operation = Operation.stopRuntimeSession
}

/// Output of StopRuntimeSession.
public struct StopRuntimeSessionResponse: Shape {
    /// As the caller wrote it: up to 256 characters, though the model says 100 (contract §5).
    public var runtimeSessionId: String?
    public var statusCode: Int?

    public init(runtimeSessionId: String? = nil, statusCode: Int? = nil) {
        self.runtimeSessionId = runtimeSessionId
        self.statusCode = statusCode
    }

    public static let schema = Schema.structure(
        "StopRuntimeSessionResponse",
        [
            .optional("runtimeSessionId", .string("SessionId", 33...256), in: .header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")),
            .optional("statusCode", .integer("HttpResponseCode"), in: .statusCode),
        ])
}
