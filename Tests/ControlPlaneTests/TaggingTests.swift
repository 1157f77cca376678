import AgentCoreModel
import ControlPlane
import Platform
import Store
import TestSupport
import Testing

struct TaggingTests {
    private func tags(_ box: Fixture, _ arn: String) async throws -> [String: String]? {
        try await box.plane.listTagsForResource(box.c, ListTagsForResourceRequest(resourceArn: arn)).tags
    }

    @Test func tagsOfACreationAreKeptAndOutliveUpdates() async throws {
        try await Fixture.with { box in
            var request = box.request()
            request.tags = ["team": "search"]
            let created = try await box.plane.createAgentRuntime(box.c, request)
            let id = created.agentRuntimeId
            try await box.settled(id)
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            try await box.settled(id)
            #expect(try await tags(box, created.agentRuntimeArn) == ["team": "search"])
            let endpoint = try await box.plane.createAgentRuntimeEndpoint(
                box.c, CreateAgentRuntimeEndpointRequest(agentRuntimeId: id, name: "prod", tags: ["stage": "prod"]))
            #expect(try await tags(box, endpoint.agentRuntimeEndpointArn) == ["stage": "prod"])
            let identity = try #require(created.workloadIdentityDetails).workloadIdentityArn
            #expect(try await tags(box, identity) == [:])
        }
    }

    @Test func changes() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let runtime = try await box.runtime(id).agentRuntimeArn
            for arn in [runtime, runtime + "/runtime-endpoint/DEFAULT"] {
                _ = try await box.plane.tagResource(box.c, TagResourceRequest(resourceArn: arn, tags: ["a": "1", "b": "2"]))
                _ = try await box.plane.untagResource(box.c, UntagResourceRequest(resourceArn: arn, tagKeys: ["a", "c"]))
                #expect(try await tags(box, arn) == ["b": "2"])
                let many = Dictionary(uniqueKeysWithValues: (0..<50).map { ("k\($0)", "") })
                try await refusal(.quotaExceeded) {
                    _ = try await box.plane.tagResource(box.c, TagResourceRequest(resourceArn: arn, tags: many))
                }
                #expect(try await tags(box, arn) == ["b": "2"])
            }
        }
    }

    @Test func whatIsNotTheCallersDoesNotExist() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let arn = try await box.runtime(id).agentRuntimeArn
            let others = [
                arn.replacing("123456789012", with: "210987654321"), arn.replacing("us-east-1", with: "eu-west-1"),
                arn.replacing("arn:aws:", with: "arn:aws-cn:"), arn + "/runtime-endpoint/none", arn.dropLast() + "_",
                arn.replacing(id, with: "nobody-0123456789"), arn.replacing("runtime/", with: "gateway/"),
                "arn:aws:bedrock-agentcore:us-east-1:123456789012:workload-identity-directory/default/workload-identity/nobody",
            ].map { String($0) }
            for other in others {
                try await refusal(.notFound) { _ = try await tags(box, other) }
                try await refusal(.notFound) {
                    _ = try await box.plane.tagResource(box.c, TagResourceRequest(resourceArn: other, tags: ["a": "b"]))
                }
                try await refusal(.notFound) {
                    _ = try await box.plane.untagResource(box.c, UntagResourceRequest(resourceArn: other, tagKeys: ["a"]))
                }
            }
            let stranger = OperationContext.test(account: TestTenant.otherAccount)
            try await refusal(.notFound) {
                _ = try await box.plane.listTagsForResource(stranger, ListTagsForResourceRequest(resourceArn: arn))
            }
        }
    }
}
