import Access
import AgentCoreModel
import ControlPlane
import Platform
import Store
import TestSupport
import Testing

struct ResourcePolicyTests {
    private func policy(_ arn: String, _ effect: String = "Deny", _ principal: String = "*", action: String = "*") -> String {
        """
        {"Version": "2012-10-17", "Statement": {"Effect": "\(effect)", "Principal": {"AWS": "\(principal)"},
            "Action": "bedrock-agentcore:\(action)", "Resource": "\(arn)"}}
        """
    }

    private func caller(_ role: Principal.Role, account: String = TestTenant.account) -> OperationContext {
        var c = OperationContext.test(account: account)
        c.principal.role = role
        return c
    }

    private func put(_ box: Fixture, _ arn: String, _ policy: String) async throws {
        let answer = try await box.plane.putResourcePolicy(box.c, PutResourcePolicyRequest(resourceArn: arn, policy: policy))
        #expect(answer.policy == policy)
    }

    private func denied(_ text: String = "with an explicit deny", _ body: @Sendable () async throws -> Void) async throws {
        let said = try await refusal(.accessDenied, body)
        #expect(said.contains(text))
    }

    @Test func aLife() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let runtime = try await box.runtime(id).agentRuntimeArn
            for arn in [runtime, runtime + "/runtime-endpoint/DEFAULT"] {
                @Sendable func get() async throws -> String? {
                    try await box.plane.getResourcePolicy(box.c, GetResourcePolicyRequest(resourceArn: arn)).policy
                }
                let none = try await refusal(.notFound) { _ = try await get() }
                #expect(none.contains("has no policy"))
                try await put(box, arn, policy(arn, action: "StopRuntimeSession"))
                try await put(box, arn, policy(arn, action: "GetAgentCard"))
                #expect(try await get() == policy(arn, action: "GetAgentCard"))
                for _ in 1...2 { _ = try await box.plane.deleteResourcePolicy(box.c, DeleteResourcePolicyRequest(resourceArn: arn)) }
                let gone = try await refusal(.notFound) { _ = try await get() }
                #expect(gone == none)
            }
            let bad = policy(runtime).replacing("\"Action\"", with: "\"NotAction\"")
            await #expect { try await put(box, runtime, bad) } throws: { error in
                guard case .validation(_, let fields)? = (error as? SignalboxError)?.kind else { return false }
                return fields.allSatisfy { $0.name == "policy" } && fields.count == 2
            }
        }
    }

    @Test func whatIsNotTheCallersDoesNotExist() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let arn = try await box.runtime(id).agentRuntimeArn
            let identity = try #require(try await box.runtime(id).workloadIdentityDetails).workloadIdentityArn
            for other in [
                arn.replacing("123456789012", with: "210987654321"), arn.replacing("us-east-1", with: "eu-west-1"),
                arn.replacing(id, with: "nobody-0123456789"), arn + "/runtime-endpoint/none", identity, String(repeating: "x", count: 20),
            ] {
                try await refusal(.notFound) {
                    _ = try await box.plane.getResourcePolicy(box.c, GetResourcePolicyRequest(resourceArn: other))
                }
                try await refusal(.notFound) {
                    _ = try await box.plane.deleteResourcePolicy(box.c, DeleteResourcePolicyRequest(resourceArn: other))
                }
            }
            // Not even to those that it is shared with: no path of the control plane leads there.
            try await put(box, arn, policy(arn, "Allow"))
            let stranger = caller(.admin, account: TestTenant.otherAccount)
            try await refusal(.notFound) { _ = try await box.plane.getResourcePolicy(stranger, GetResourcePolicyRequest(resourceArn: arn)) }
            try await refusal(.notFound) { _ = try await box.plane.getAgentRuntime(stranger, GetAgentRuntimeRequest(agentRuntimeId: id)) }
        }
    }

    /// Each operation that a policy of a runtime can name, by an admin: a Deny stops it, and nothing else does.
    @Test func everyOperationOfARuntimeIsGuarded() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            try await box.make(id, "prod")
            let arn = try await box.runtime(id).agentRuntimeArn
            let endpoint = arn + "/runtime-endpoint/prod"
            let (c, plane) = (box.c, box.plane)
            let onRuntime: [PolicyAction: @Sendable () async throws -> Void] = [
                .getAgentRuntime: { _ = try await plane.getAgentRuntime(c, GetAgentRuntimeRequest(agentRuntimeId: id)) },
                .listAgentRuntimeVersions: {
                    _ = try await plane.listAgentRuntimeVersions(c, ListAgentRuntimeVersionsRequest(agentRuntimeId: id))
                },
                .listAgentRuntimeEndpoints: {
                    _ = try await plane.listAgentRuntimeEndpoints(c, ListAgentRuntimeEndpointsRequest(agentRuntimeId: id))
                },
                .createAgentRuntimeEndpoint: {
                    _ = try await plane.createAgentRuntimeEndpoint(c, CreateAgentRuntimeEndpointRequest(agentRuntimeId: id, name: "more"))
                },
                .updateAgentRuntime: { _ = try await plane.updateAgentRuntime(c, box.update(id)) },
                .deleteAgentRuntime: { _ = try await plane.deleteAgentRuntime(c, DeleteAgentRuntimeRequest(agentRuntimeId: id)) },
            ]
            let onEndpoint: [PolicyAction: @Sendable () async throws -> Void] = [
                .getAgentRuntimeEndpoint: { _ = try await box.endpoint(id, "prod") },
                .updateAgentRuntimeEndpoint: { try await box.move(id, "prod", to: "1") },
                .deleteAgentRuntimeEndpoint: {
                    _ = try await plane.deleteAgentRuntimeEndpoint(
                        c, DeleteAgentRuntimeEndpointRequest(agentRuntimeId: id, endpointName: "prod"))
                },
                .tagResource: { _ = try await plane.tagResource(c, TagResourceRequest(resourceArn: endpoint, tags: [:])) },
                .untagResource: { _ = try await plane.untagResource(c, UntagResourceRequest(resourceArn: endpoint, tagKeys: [])) },
                .listTagsForResource: {
                    _ = try await plane.listTagsForResource(c, ListTagsForResourceRequest(resourceArn: endpoint))
                },
            ]
            for (action, call) in onRuntime {
                try await put(box, arn, policy(arn, action: action.rawValue))
                try await denied("\(action.qualifiedName) on resource: \(arn) ", call)
            }
            for (action, call) in onEndpoint {
                try await put(box, arn, policy(arn, action: action.rawValue))
                try await denied("\(action.qualifiedName) on resource: \(endpoint) ", call)
                try await put(box, arn, policy(arn, "Allow"))
                try await put(box, endpoint, policy(endpoint, action: action.rawValue))
                try await denied("\(action.qualifiedName) on resource: \(endpoint) ", call)
                _ = try await plane.deleteResourcePolicy(c, DeleteResourcePolicyRequest(resourceArn: endpoint))
            }
            // A rollback is an update.
            try await put(box, endpoint, policy(endpoint, action: "UpdateAgentRuntimeEndpoint"))
            try await denied { _ = try await box.rollback(id, "prod") }
            let named = Set(onRuntime.keys).union(onEndpoint.keys)
            let missing = PolicyAction.allCases.filter { !named.contains($0) && !$0.concernsPolicies && $0.permission != .invoke }
            #expect(missing.isEmpty)
        }
    }

    @Test func aDenyComesBeforeAReplay() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let arn = try await box.runtime(id).agentRuntimeArn
            let request = CreateAgentRuntimeEndpointRequest(
                agentRuntimeId: id, name: "prod", clientToken: "11111111-1111-4111-8111-111111111111")
            let first = try await box.plane.createAgentRuntimeEndpoint(box.c, request)
            try await put(box, arn, policy(arn, action: "CreateAgentRuntimeEndpoint"))
            try await denied { _ = try await box.plane.createAgentRuntimeEndpoint(box.c, request) }
            _ = try await box.plane.deleteResourcePolicy(box.c, DeleteResourcePolicyRequest(resourceArn: arn))
            #expect(try await box.plane.createAgentRuntimeEndpoint(box.c, request) == first)
        }
    }

    @Test func whoMayChangePolicies() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let arn = try await box.runtime(id).agentRuntimeArn
            @Sendable func put(_ c: OperationContext, _ text: String) async throws {
                _ = try await box.plane.putResourcePolicy(c, PutResourcePolicyRequest(resourceArn: arn, policy: text))
            }
            try await denied("role 'operator'") { try await put(caller(.operator), policy(arn)) }
            // An admin is never locked out of mending it.
            try await put(box.c, policy(arn))
            try await denied { _ = try await box.runtime(id) }
            #expect(try await box.plane.getResourcePolicy(box.c, GetResourcePolicyRequest(resourceArn: arn)).policy == policy(arn))
            try await put(box.c, policy(arn, "Allow", "arn:aws:iam::123456789012:role/operator"))
            try await put(caller(.operator), policy(arn, "Allow", "arn:aws:iam::123456789012:role/viewer", action: "UpdateAgentRuntime"))
            // Both policies, or the role.
            _ = try await box.plane.updateAgentRuntime(caller(.viewer), box.update(id))
            try await denied("role 'viewer'") {
                _ = try await box.plane.deleteAgentRuntime(caller(.viewer), DeleteAgentRuntimeRequest(agentRuntimeId: id))
            }
            #expect(try await box.plane.isShared(caller(.viewer), .updateAgentRuntime, runtimeID: id, endpoint: nil, arn: nil))
            #expect(try await !box.plane.isShared(caller(.viewer), .deleteAgentRuntime, runtimeID: id, endpoint: nil, arn: nil))
            #expect(try await !box.plane.isShared(caller(.viewer), .tagResource, runtimeID: nil, endpoint: nil, arn: arn))
            #expect(
                try await !box.plane.isShared(caller(.viewer), .updateAgentRuntime, runtimeID: "nobody-0123456789", endpoint: nil, arn: nil)
            )
        }
    }

    @Test func aRuntimesReplayOutlivesItAndItsPolicy() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let request = DeleteAgentRuntimeRequest(agentRuntimeId: id, clientToken: "22222222-2222-4222-8222-222222222222")
            let first = try await box.plane.deleteAgentRuntime(box.c, request)
            try await eventually("it is gone") { (try? await box.runtime(id)) == nil }
            #expect(try await box.plane.deleteAgentRuntime(box.c, request) == first)
            try await denied("role 'viewer'") { _ = try await box.plane.deleteAgentRuntime(caller(.viewer), request) }
        }
    }
}
