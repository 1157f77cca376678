public import AgentCoreModel

/// Where an agent listens inside its sandbox, by protocol (contract §10).
public struct AgentContract: Sendable, Equatable {
    public var port: Int
    /// nil: a port that accepts connections is healthy enough (contract §8, MCP).
    public var healthPath: String?
    /// Where invocations are posted.
    public var invocationPath: String

    public init(_ configuration: ProtocolConfiguration?) {
        switch configuration?.serverProtocol ?? .http {
        case .http, .agui: (port, healthPath, invocationPath) = (8080, "/ping", "/invocations")
        case .mcp: (port, healthPath, invocationPath) = (8000, nil, "/mcp")
        case .a2a: (port, healthPath, invocationPath) = (9000, "/ping", "/")
        }
        if let port = configuration?.port { self.port = port }
        if let path = configuration?.path { invocationPath = path }
    }
}
