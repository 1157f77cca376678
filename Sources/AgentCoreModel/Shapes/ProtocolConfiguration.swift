/// What an agent speaks (contract §10).
public enum ServerProtocol: String, Codable, Sendable, CaseIterable {
    case mcp = "MCP"
    case http = "HTTP"
    case a2a = "A2A"
    case agui = "AGUI"

    static let schema = Schema.enumeration("ServerProtocol", ServerProtocol.self)
}

/// What an agent speaks and where it listens.
public struct ProtocolConfiguration: Shape {
    public var serverProtocol: ServerProtocol
    /// Newer model; the protocol's own port when absent.
    public var port: Int?
    /// Newer model; the protocol's own path when absent.
    public var path: String?

    public init(serverProtocol: ServerProtocol, port: Int? = nil, path: String? = nil) {
        self.serverProtocol = serverProtocol
        self.port = port
        self.path = path
    }

    public static let schema = Schema.structure(
        "ProtocolConfiguration",
        [
            .required("serverProtocol", ServerProtocol.schema),
            .optional("port", .agentPort),
            .optional("path", .agentPath),
        ])
}

/// Which headers of a caller reach the agent: exactly one member is set.
public struct RequestHeaderConfiguration: Shape {
    public var requestHeaderAllowlist: [String]?

    public init(requestHeaderAllowlist: [String]? = nil) {
        self.requestHeaderAllowlist = requestHeaderAllowlist
    }

    public static let schema = Schema.union(
        "RequestHeaderConfiguration",
        [
            .optional(
                "requestHeaderAllowlist",
                .list(
                    "RequestHeaderAllowlist", of: .string("HeaderName", 1...256, pattern: "[A-Za-z][A-Za-z0-9_-]{0,255}"), 1...20))
        ])
}

/// Instance metadata settings: stored and returned, never enforced (contract §12).
public struct RuntimeMetadataConfiguration: Shape {
    public var requireMMDSV2: Bool

    public init(requireMMDSV2: Bool) {
        self.requireMMDSV2 = requireMMDSV2
    }

    public static let schema = Schema.structure(
        "RuntimeMetadataConfiguration",
        [
            .required("requireMMDSV2", .boolean)
        ])
}
