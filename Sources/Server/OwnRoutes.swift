import Access
import AgentCoreModel
import ControlPlane
import NIOCore
import Platform

/// The operations that AWS does not have (docs/architecture.md, decision 7).
extension ControlRoute {
    /// One for each of `Operation.own`.
    static func own(_ plane: ControlPlane, interpreters: @escaping @Sendable () async throws -> [String: String]) -> [ControlRoute] {
        [rollback(plane), preparation(plane), Self.interpreters(interpreters), openAPIDocument, reference]
    }

    init(
        _ operation: Operation, _ authorization: RouteAuthorization,
        _ answer: @escaping @Sendable (AuthenticatedRequest, _ parameters: [String: String]) async throws -> Answer
    ) {
        self.init(
            method: operation.method, path: .template(operation.path), action: "signalbox:\(operation.name)",
            authorization: authorization, status: operation.successStatus, changes: operation.changes, answer: answer)
    }

    /// What sandboxes of this host can run, such as `["PYTHON_3_11": "/usr/bin/python3.11"]`.
    static func interpreters(_ list: @escaping @Sendable () async throws -> [String: String]) -> ControlRoute {
        ControlRoute(.listInterpreters, .role(.read)) { _, _ in
            let interpreters = try await list().mapValues { JSONValue.string($0) }
            return Answer(body: .object(["interpreters": .object(interpreters)]))
        }
    }

    /// How far the newest version of a runtime is, or that of `?version=`.
    static func preparation(_ plane: ControlPlane) -> ControlRoute {
        ControlRoute(.getVersionPreparation, .policy(.getAgentRuntime)) { call, parameters in
            // Names obey the rules of reading the same version.
            let named = try call.decode(GetAgentRuntimeRequest.self, parameters)
            return Answer(body: try JSONValueEncoder.encode(try await plane.versionPreparation(call.context, named)))
        }
    }

    /// Points an endpoint back at the version that was READY before.
    static func rollback(_ plane: ControlPlane) -> ControlRoute {
        ControlRoute(.rollbackAgentRuntimeEndpoint, .policy(.updateAgentRuntimeEndpoint)) { call, parameters in
            let stopSessions = try call.stopSessions()
            // Names and token obey the rules of an update of the same endpoint.
            let named = try call.decode(UpdateAgentRuntimeEndpointRequest.self, parameters)
            let response = try await plane.rollbackAgentRuntimeEndpoint(
                call.context,
                RollbackAgentRuntimeEndpointRequest(
                    agentRuntimeId: named.agentRuntimeId, endpointName: named.endpointName, stopSessions: stopSessions,
                    clientToken: named.clientToken))
            return Answer(body: try JSONValueEncoder.encode(response))
        }
    }

    /// Without what would name this server: its caller knows where it is.
    private static var openAPIDocument: ControlRoute {
        ControlRoute(.getOpenAPIDocument, .role(.read)) { _, _ in Answer(file: (servedDocument, "application/json")) }
    }

    private static var reference: ControlRoute {
        ControlRoute(.getReference, .role(.read)) { _, _ in
            // Nothing of the page comes from elsewhere, and nothing of it goes anywhere.
            Answer(
                headers: [
                    (
                        "Content-Security-Policy",
                        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'"
                    ), ("X-Content-Type-Options", "nosniff"),
                ], file: (servedPage, Operation.getReference.contentType ?? "text/html"))
        }
    }

    private static let servedDocument = ByteBuffer(string: OpenAPI.text(server: "/"))
    private static let servedPage = ByteBuffer(string: ReferencePage.html(server: "/"))
}

extension AuthenticatedRequest {
    /// The one member of a rollback's body that an update has not; members of neither are refused, for
    /// what they ask for would not be done.
    fileprivate func stopSessions() throws(SignalboxError) -> Bool {
        guard !body.isEmpty else { return false }
        // What is no JSON object is refused with the other members.
        guard let members = (try? JSONValue(parsing: body))?.object else { return false }
        var failures = Set(members.keys).subtracting(["stopSessions", "clientToken"]).sorted().map {
            FieldFailure(name: $0, message: "Member is not known to this operation")
        }
        if let value = members["stopSessions"], value.bool == nil {
            failures.append(FieldFailure(name: "stopSessions", message: "Member must be a boolean"))
        }
        guard failures.isEmpty else {
            throw .validation(
                "\(failures.count) validation error\(failures.count == 1 ? "" : "s") detected: "
                    + failures.map { "\($0.message) at '\($0.name)'" }.joined(separator: "; "), fields: failures)
        }
        return members["stopSessions"]?.bool ?? false
    }
}
