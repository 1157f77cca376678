import Access
import AgentCoreModel
import ControlPlane
import DataPlane
import Platform
import TestSupport
import Testing

@testable import Server

/// Every operation and every role: who is let in, over real requests.
struct RoleTableTests {
    /// What each operation needs, written down once more. A route that is not here fails the test.
    static let needs: [String: Permission] = [
        "bedrock-agentcore:CreateAgentRuntime": .operate, "bedrock-agentcore:GetAgentRuntime": .read,
        "bedrock-agentcore:UpdateAgentRuntime": .operate, "bedrock-agentcore:DeleteAgentRuntime": .operate,
        "bedrock-agentcore:ListAgentRuntimes": .read, "bedrock-agentcore:ListAgentRuntimeVersions": .read,
        "bedrock-agentcore:CreateAgentRuntimeEndpoint": .operate, "bedrock-agentcore:GetAgentRuntimeEndpoint": .read,
        "bedrock-agentcore:UpdateAgentRuntimeEndpoint": .operate, "bedrock-agentcore:DeleteAgentRuntimeEndpoint": .operate,
        "bedrock-agentcore:ListAgentRuntimeEndpoints": .read, "bedrock-agentcore:TagResource": .operate,
        "bedrock-agentcore:UntagResource": .operate, "bedrock-agentcore:ListTagsForResource": .read,
        "bedrock-agentcore:PutResourcePolicy": .administer, "bedrock-agentcore:GetResourcePolicy": .read,
        "bedrock-agentcore:DeleteResourcePolicy": .administer, "bedrock-agentcore:CreateWorkloadIdentity": .operate,
        "bedrock-agentcore:GetWorkloadIdentity": .read, "bedrock-agentcore:UpdateWorkloadIdentity": .operate,
        "bedrock-agentcore:DeleteWorkloadIdentity": .operate, "bedrock-agentcore:ListWorkloadIdentities": .read,
        "bedrock-agentcore:StopRuntimeSession": .invoke, "signalbox:RollbackAgentRuntimeEndpoint": .operate,
        "signalbox:GetVersionPreparation": .read, "signalbox:ListInterpreters": .read,
        "signalbox:ListAccessKeys": .administer, "signalbox:CreateAccessKey": .administer, "signalbox:DisableAccessKey": .administer,
        "signalbox:EnableAccessKey": .administer, "signalbox:RotateAccessKey": .administer, "signalbox:DeleteAccessKey": .administer,
        "signalbox:CreateSessionToken": .read, "signalbox:GetOpenAPIDocument": .read, "signalbox:GetReference": .read,
        "signalbox:GetMetrics": .read, "signalbox:GetStatus": .read, "signalbox:ListAuditEvents": .administer,
        "signalbox:GetSessionHistory": .administer,
    ]

    private static let parameters = [
        "agentRuntimeId": "a-0123456789", "endpointName": "prod", "accessKeyId": "AKIANOSUCHKEY",
        "runtimeSessionId": "8f14e45f-ceea-467f-9b5a-1c9f4a1d2b3c",
        "resourceArn": "arn:aws:bedrock-agentcore:us-east-1:\(TestTenant.account):runtime/a-0123456789",
    ]

    @Test(arguments: Principal.Role.allCases) func rolesDoWhatTheTableSays(role: Principal.Role) async throws {
        try await SignedServer.with { server async throws in
            let routes =
                ControlRoute.model(ControlPlane(store: server.store)) + [.stop(server.plane, nil)]
                + ControlRoute.own(ControlPlane(store: server.store), interpreters: { [:] }) + server.observability.routes
                + AccessRoutes(store: server.store, authenticator: server.authenticator).routes
            #expect(Set(routes.map(\.action)) == Set(Self.needs.keys))
            for route in routes {
                let path: String
                switch route.path {
                case .template(let template): path = try #require(template.path(Self.parameters), "\(template)")
                case .agent(let operation): path = "/runtimes/a-0123456789/" + operation
                }
                let needed = try #require(Self.needs[route.action])
                let session = [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", String(repeating: "s", count: 33))]
                let call = SignedServer.Call(route.method, path).with {
                    $0.role = role
                    $0.headers = session
                }
                let reply = try await server.send(call)
                let isDenied = reply.outcome == "403 AccessDeniedException"
                #expect(isDenied == !role.allows(needed), "\(role) \(route.method) \(path): \(reply.status) \(reply.text)")
            }
            let invocation = try await server.send(
                SignedServer.Call("POST", "/runtimes/a-0123456789/invocations", "{}").with { $0.role = role })
            #expect((invocation.outcome == "403 AccessDeniedException") == !role.allows(.invoke), "\(role): \(invocation.text)")
        }
    }

    /// A lesser one allows nothing that a greater one does not, but for objects: what session tokens rely on.
    @Test func rolesAreOrdered() {
        for (lesser, greater) in zip([Principal.Role.viewer, .invoker, .operator], [Principal.Role.invoker, .operator, .admin]) {
            #expect(lesser < greater)
            for permission in Permission.allCases where lesser.allows(permission) { #expect(greater.allows(permission)) }
        }
    }
}

/// Keys by our own routes.
struct AccessRouteTests {
    @Test func temporaryCredentialsChangeNoKeys() async throws {
        try await SignedServer.with { server async throws in
            let key = try server.key(.admin)
            let session = try server.authenticator.makeSession(
                Principal(account: TestTenant.account, accessKeyID: key.keyID, role: .admin), role: nil, seconds: 900)
            func send(_ method: String, _ path: String) async throws -> String {
                try await server.send(
                    SignedServer.Call(method, "/_signalbox/v1" + path).with {
                        $0.key = session.accessKeyID
                        $0.secret = session.secret
                        $0.headers = [("X-Amz-Security-Token", session.token)]
                    }
                ).outcome
            }
            #expect(try await send("GET", "/keys") == "200 ")
            for (method, path) in [
                ("POST", "/keys"), ("POST", "/keys/AKIAX/disable"), ("POST", "/keys/AKIAX/enable"), ("POST", "/keys/AKIAX/rotate"),
                ("DELETE", "/keys/AKIAX"), ("POST", "/session-tokens"),
            ] {
                #expect(try await send(method, path) == "403 AccessDeniedException", "\(method) \(path)")
            }
        }
    }

    @Test func otherAccountsKeysAreNotThere() async throws {
        try await SignedServer.with { server async throws in
            let other = try await server.store.accessKeyCreate(.test(), account: TestTenant.otherAccount, role: .admin)
            for (method, path) in [
                ("POST", "/\(other.keyID)/disable"), ("POST", "/\(other.keyID)/enable"), ("POST", "/\(other.keyID)/rotate"),
                ("DELETE", "/\(other.keyID)"),
            ] {
                let reply = try await server.send(SignedServer.Call(method, "/_signalbox/v1/keys" + path))
                #expect(reply.outcome == "404 ResourceNotFoundException", "\(method) \(path)")
            }
            let list = try await server.send(SignedServer.Call("GET", "/_signalbox/v1/keys"))
            #expect(!list.text.contains(other.keyID) && !list.text.contains("SecretAccessKey"))
            #expect(try await server.store.accessKeyFetch(.test(), keyID: other.keyID)?.isDisabled == false)
        }
    }

    @Test func bodiesAreChecked() async throws {
        try await SignedServer.with { server async throws in
            let rotate = "/keys/\(try server.key(.viewer).keyID)/rotate"
            for (path, body) in [
                ("/keys", "["), ("/keys", #"{"role":"root"}"#), ("/keys", #"{"rol":"admin"}"#), (rotate, #"{"graceSeconds":-1}"#),
                (rotate, #"{"graceSeconds":"1"}"#), (rotate, #"{"graceSeconds":2592001}"#),
                ("/session-tokens", #"{"durationSeconds":899}"#),
                ("/session-tokens", #"{"durationSeconds":43201}"#), ("/session-tokens", #"{"role":"root"}"#),
            ] {
                let reply = try await server.send(SignedServer.Call("POST", "/_signalbox/v1" + path, body))
                #expect(reply.outcome == "400 ValidationException", "\(path) \(body): \(reply.text)")
            }
            let own = try await server.send(SignedServer.Call("DELETE", "/_signalbox/v1/keys/\(try server.key(.admin).keyID)"))
            #expect(own.outcome == "409 ConflictException")
        }
    }
}
