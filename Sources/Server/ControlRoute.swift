import Access
import AgentCoreModel
import ControlPlane
import DataPlane
import NIOCore
import Platform
import Store

/// One operation: where it is, who may call it, what answers.
struct ControlRoute: Sendable {
    struct Answer: Sendable {
        var headers: [(name: String, value: String)] = []
        var body: JSONValue = .object([:])
        /// Instead of the body.
        var file: (bytes: ByteBuffer, type: String)?
    }

    enum Path: Sendable {
        case template(PathTemplate)
        /// `/runtimes/{agent}/` and this: judged from the right, an ARN's slash may stand unencoded.
        case agent(String)

        /// The decoded parameters of a raw path; nil when it is another path.
        func parameters(in path: Substring) -> [String: String]? {
            switch self {
            case .template(let template): return template.parameters(in: path)
            case .agent(let operation):
                let path = path.hasSuffix("/") ? path.dropLast() : path
                let isOurs = path.hasPrefix("/runtimes/") && path.hasSuffix("/" + operation)
                return isOurs && path.utf8.count >= "/runtimes//".utf8.count + operation.utf8.count ? [:] : nil
            }
        }
    }

    var method: String
    var path: Path
    /// As in an IAM policy.
    var action: String
    var authorization: RouteAuthorization
    /// Of success.
    var status: Int
    /// Whether what it does is in the audit trail; a refusal then is, too.
    var changes = false
    var answer: @Sendable (AuthenticatedRequest, _ parameters: [String: String]) async throws -> Answer
    /// Where `answer` keeps what it says, for the same request of the same tenant; nil: it doesn't, or not
    /// for such a query.
    var answerKey: (@Sendable (_ account: String, _ region: String, _ parameters: [String: String], _ rawQuery: String) -> AnswerKey?)?

    /// The operation alone, without its service.
    var name: String { String(action.drop { $0 != ":" }.dropFirst()) }
}

/// Who judges whether a caller may use a route.
enum RouteAuthorization: Sendable {
    /// The caller's role alone, before anything else is looked at.
    case role(Permission)
    /// Role and policies of the runtime or endpoint that the path names. The use case judges; a caller
    /// whose role does not do is asked about before its request is decoded.
    case policy(PolicyAction)
    /// The use case, for resources of other accounts, too.
    case useCase
}

extension ControlRoute {
    /// An operation of the model: decode, one use case, encode.
    init<Input: OperationInput, Output: Encodable & Sendable>(
        _ useCase: @escaping @Sendable (OperationContext, Input) async throws -> Output
    ) {
        let operation = Input.operation
        self.init(
            method: operation.method, path: .template(operation.path), action: Self.action(operation),
            authorization: PolicyAction(rawValue: operation.name).map { .policy($0) }
                ?? .role(operation.isReadOnly ? .read : .operate),
            status: operation.successStatus, changes: operation.changes
        ) { call, parameters in
            let input = try call.decode(Input.self, parameters)
            return Answer(body: try JSONValueEncoder.encode(try await useCase(call.context, input)))
        }
    }

    static func action(_ operation: Operation) -> String { "\(Operation.signingName):\(operation.name)" }

    /// The control plane's operations.
    static func model(_ plane: ControlPlane, _ answers: AnswerCache = AnswerCache()) -> [ControlRoute] {
        [
            ControlRoute(plane.createAgentRuntime), .getAgentRuntime(plane, answers), ControlRoute(plane.updateAgentRuntime),
            ControlRoute(plane.deleteAgentRuntime), ControlRoute(plane.listAgentRuntimes),
            ControlRoute(plane.listAgentRuntimeVersions), ControlRoute(plane.createAgentRuntimeEndpoint),
            .getAgentRuntimeEndpoint(plane, answers), ControlRoute(plane.updateAgentRuntimeEndpoint),
            ControlRoute(plane.deleteAgentRuntimeEndpoint), ControlRoute(plane.listAgentRuntimeEndpoints),
            ControlRoute(plane.tagResource), ControlRoute(plane.untagResource), ControlRoute(plane.listTagsForResource),
            ControlRoute(plane.putResourcePolicy), ControlRoute(plane.getResourcePolicy), ControlRoute(plane.deleteResourcePolicy),
            ControlRoute(plane.createWorkloadIdentity), ControlRoute(plane.getWorkloadIdentity),
            ControlRoute(plane.updateWorkloadIdentity), ControlRoute(plane.deleteWorkloadIdentity),
            ControlRoute(plane.listWorkloadIdentities),
        ]
    }

    /// StopRuntimeSession, the data plane's operation that is no stream.
    ///
    /// A session is no configuration: its end is written to the audit trail afterwards.
    static func stop(_ plane: DataPlane, _ audit: AuditWriter?) -> ControlRoute {
        let operation = Operation.stopRuntimeSession
        let name = "stopruntimesession"
        return ControlRoute(
            method: operation.method, path: .agent(name), action: action(operation), authorization: .useCase,
            status: operation.successStatus, changes: operation.changes
        ) { call, _ in
            let target = try InvocationTarget(call.front.head.uri, operation: name)
            let input = try call.decode(StopRuntimeSessionRequest.self, ["agentRuntimeArn": target.text])
            let endpoint = try await plane.stop(call.context, target: target, sessionID: input.runtimeSessionId)
            let arn = RuntimeARN(region: endpoint.region, account: endpoint.account, runtimeID: endpoint.runtimeID)
            audit?.record(
                call.context,
                AuditEvent(
                    operation.name, resource: EndpointARN(runtime: arn, endpointName: endpoint.endpointName).description,
                    runtimeID: endpoint.runtimeID, owner: (endpoint.account, endpoint.region),
                    from: ["runtimeSessionId": .string(input.runtimeSessionId)]))
            return Answer(
                headers: [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", input.runtimeSessionId)], body: .object([:]))
        }
    }
}

extension AuthenticatedRequest {
    func decode<Input: OperationInput>(_ type: Input.Type, _ parameters: [String: String]) throws(SignalboxError) -> Input {
        if Input.schema.members.contains(where: { $0.location == .body }) { try checkMediaType() }
        guard let query = PercentEncoding.query(front.rawQuery) else {
            throw .validation("The query string is not percent-encoded correctly.", reason: .cannotParse)
        }
        return try RequestDecoder(options: validation).decode(type, path: parameters, query: query, headers: front.headers, body: body)
    }

    /// A body in another format is refused by name instead of as bad JSON. None given is JSON: curl and hand-made
    /// calls leave it out.
    func checkMediaType() throws(SignalboxError) {
        guard !body.isEmpty else { return }
        for (name, value) in front.headers where name.lowercased() == "content-type" {
            let type = value.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
            guard ["", "application/json", "application/x-amz-json-1.0", "application/x-amz-json-1.1"].contains(type) else {
                throw SignalboxError(.unsupportedMediaType, "The Content-Type must be application/json.")
            }
        }
    }
}
