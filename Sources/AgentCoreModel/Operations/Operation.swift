/// One operation of the API as data (contract §2 and §5): routes, clients, documents and the
/// conformance test read the same table.
public struct Operation: Sendable {
    public enum Plane: String, Sendable, CaseIterable {
        /// Service id `bedrock-agentcore-control`.
        case control
        /// Service id `bedrock-agentcore`.
        case data
        /// Signalbox's own, below `/_signalbox/v1`.
        case own
    }

    public let name: String
    public let plane: Plane
    public let method: String
    public let path: PathTemplate
    /// HTTP status of success.
    public let successStatus: Int
    public let input: Schema
    public let output: Schema
    public let errors: [ErrorShape]
    /// The model's trait: it takes a `clientToken`, or may be repeated without one.
    public let isIdempotent: Bool
    public let isReadOnly: Bool
    /// Of an answer that is no JSON object of members.
    public let contentType: String?
    /// A body member that the schema does not name is refused instead of ignored.
    public let isStrict: Bool

    /// Whether it changes anything that lasts, and so leaves a row in the audit trail. To call an agent does not.
    public var changes: Bool { !isReadOnly && name != Self.invokeAgentRuntime.name }

    /// SigV4 service name of both planes.
    public static let signingName = "bedrock-agentcore"

    init(
        _ name: String, _ plane: Plane = .control, _ method: String, _ path: String, _ successStatus: Int,
        input: Schema, output: Schema, errors: [ErrorShape], idempotent: Bool = false, readOnly: Bool = false,
        contentType: String? = nil, strict: Bool = false
    ) {
        self.name = name
        self.plane = plane
        self.method = method
        self.path = PathTemplate(path)
        self.successStatus = successStatus
        self.input = input
        self.output = output
        self.errors = errors
        isIdempotent = idempotent
        isReadOnly = readOnly
        self.contentType = contentType
        isStrict = strict
    }
}

/// The input of an operation.
public protocol OperationInput: Shape {
    static var operation: Operation { get }
    /// Rules that span members; all that are broken are returned. Members are known to satisfy the
    /// schema by then.
    func ruleFailures(_ options: ValidationOptions) -> [RuleFailure]
}

extension OperationInput {
    public func ruleFailures(_ options: ValidationOptions) -> [RuleFailure] { [] }
}
