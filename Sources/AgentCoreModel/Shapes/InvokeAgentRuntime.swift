/// Head of an invocation; the payload is the raw body and streams past this type (contract §5).
public struct InvokeAgentRuntimeRequest: OperationInput {
    public var contentType: String?
    public var accept: String?
    public var mcpSessionId: String?
    public var runtimeSessionId: String?
    public var mcpProtocolVersion: String?
    /// Newer model.
    public var mcpMethod: String?
    /// Newer model.
    public var mcpName: String?
    public var runtimeUserId: String?
    public var traceId: String?
    public var traceParent: String?
    public var traceState: String?
    public var baggage: String?
    /// An ARN or a bare runtime id; see `RuntimeReference`.
    public var agentRuntimeArn: String
    /// Endpoint name, `DEFAULT` when absent.
    public var qualifier: String?
    public var accountId: String?

    public init(
        contentType: String? = nil, accept: String? = nil, mcpSessionId: String? = nil, runtimeSessionId: String? = nil,
        mcpProtocolVersion: String? = nil, mcpMethod: String? = nil, mcpName: String? = nil, runtimeUserId: String? = nil,
        traceId: String? = nil, traceParent: String? = nil, traceState: String? = nil, baggage: String? = nil,
        agentRuntimeArn: String, qualifier: String? = nil, accountId: String? = nil
    ) {
        self.contentType = contentType
        self.accept = accept
        self.mcpSessionId = mcpSessionId
        self.runtimeSessionId = runtimeSessionId
        self.mcpProtocolVersion = mcpProtocolVersion
        self.mcpMethod = mcpMethod
        self.mcpName = mcpName
        self.runtimeUserId = runtimeUserId
        self.traceId = traceId
        self.traceParent = traceParent
        self.traceState = traceState
        self.baggage = baggage
        self.agentRuntimeArn = agentRuntimeArn
        self.qualifier = qualifier
        self.accountId = accountId
    }

    public static let schema = Schema.structure(
        "InvokeAgentRuntimeRequest",
        [
            .optional("contentType", .string("MimeType", 1...256), in: .header("Content-Type")),
            .optional("accept", .string("MimeType", 1...256), in: .header("Accept")),
            .optional("mcpSessionId", .string("StringType", 1...1024), in: .header("Mcp-Session-Id")),
            .idempotencyToken(
                "runtimeSessionId", .string("SessionType", 33...256), in: .header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")),
            .optional("mcpProtocolVersion", .string("StringType", 1...1024), in: .header("Mcp-Protocol-Version")),
            .optional("mcpMethod", .string("StringType", 1...1024), in: .header("Mcp-Method")),
            .optional("mcpName", .string("StringType", 1...1024), in: .header("Mcp-Name")),
            .optional("runtimeUserId", .string("StringType", 1...1024), in: .header("X-Amzn-Bedrock-AgentCore-Runtime-User-Id")),
            .optional("traceId", .string("InvokeAgentRuntimeRequestTraceIdString", 0...128), in: .header("X-Amzn-Trace-Id")),
            .optional("traceParent", .string("InvokeAgentRuntimeRequestTraceParentString", 0...128), in: .header("traceparent")),
            .optional("traceState", .string("InvokeAgentRuntimeRequestTraceStateString", 0...512), in: .header("tracestate")),
            .optional("baggage", .string("InvokeAgentRuntimeRequestBaggageString", 0...8192), in: .header("baggage")),
            .required("agentRuntimeArn", .plainString, in: .path),
            .optional("qualifier", .plainString, in: .query("qualifier")),
            .optional("accountId", .string("InvokeAgentRuntimeRequestAccountIdString", pattern: "[0-9]{12}"), in: .query("accountId")),
            .required("payload", Schema("Body", .blob(length: .init(0...100_000_000)), sensitive: true), in: .payload),
        ])

    public static let operation = Operation.invokeAgentRuntime
}

/// Head of an invocation's answer; the body streams.
public struct InvokeAgentRuntimeResponse: Shape {
    /// As the caller wrote it: up to 256 characters, though the model says 100 (contract §5).
    public var runtimeSessionId: String?
    public var mcpSessionId: String?
    public var mcpProtocolVersion: String?
    public var traceId: String?
    public var traceParent: String?
    public var traceState: String?
    public var baggage: String?
    public var contentType: String
    public var statusCode: Int?

    public init(
        runtimeSessionId: String? = nil, mcpSessionId: String? = nil, mcpProtocolVersion: String? = nil, traceId: String? = nil,
        traceParent: String? = nil, traceState: String? = nil, baggage: String? = nil, contentType: String,
        statusCode: Int? = nil
    ) {
        self.runtimeSessionId = runtimeSessionId
        self.mcpSessionId = mcpSessionId
        self.mcpProtocolVersion = mcpProtocolVersion
        self.traceId = traceId
        self.traceParent = traceParent
        self.traceState = traceState
        self.baggage = baggage
        self.contentType = contentType
        self.statusCode = statusCode
    }

    public static let schema = Schema.structure(
        "InvokeAgentRuntimeResponse",
        [
            .optional("runtimeSessionId", .string("SessionId", 33...256), in: .header("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id")),
            .optional("mcpSessionId", .string("McpSessionId", 1...1024), in: .header("Mcp-Session-Id")),
            .optional("mcpProtocolVersion", .plainString, in: .header("Mcp-Protocol-Version")),
            .optional("traceId", .plainString, in: .header("X-Amzn-Trace-Id")),
            .optional("traceParent", .plainString, in: .header("traceparent")),
            .optional("traceState", .plainString, in: .header("tracestate")),
            .optional("baggage", .plainString, in: .header("baggage")),
            .required("contentType", .plainString, in: .header("Content-Type")),
            .optional("response", Schema("ResponseStream", .blob(length: .none), sensitive: true), in: .payload),
            .optional("statusCode", .integer("HttpResponseCode"), in: .statusCode),
        ])
}
