import AgentCoreModel
import ControlPlane
import Platform
import Store
import TestSupport
import Testing

struct WorkloadIdentityTests {
    private func get(_ box: Fixture, _ name: String) async throws -> GetWorkloadIdentityResponse {
        try await box.plane.getWorkloadIdentity(box.c, GetWorkloadIdentityRequest(name: name))
    }

    @Test func aLife() async throws {
        try await Fixture.with { box in
            let created = try await box.plane.createWorkloadIdentity(
                box.c,
                CreateWorkloadIdentityRequest(name: "my.agent", allowedResourceOauth2ReturnUrls: ["https://a/b"], tags: ["a": "b"]))
            #expect(
                created.workloadIdentityArn
                    == "arn:aws:bedrock-agentcore:us-east-1:123456789012:workload-identity-directory/default/workload-identity/my.agent")
            #expect(created.allowedResourceOauth2ReturnUrls == ["https://a/b"])
            let tags = try await box.plane.listTagsForResource(box.c, ListTagsForResourceRequest(resourceArn: created.workloadIdentityArn))
            #expect(tags.tags == ["a": "b"])
            try await refusal(.conflict) {
                _ = try await box.plane.createWorkloadIdentity(box.c, CreateWorkloadIdentityRequest(name: "my.agent"))
            }
            let updated = try await box.plane.updateWorkloadIdentity(
                box.c, UpdateWorkloadIdentityRequest(name: "my.agent", allowedResourceOauth2ReturnUrls: []))
            #expect(updated.allowedResourceOauth2ReturnUrls == [])
            #expect(updated.lastUpdatedTime.milliseconds >= updated.createdTime.milliseconds)
            #expect(try await get(box, "my.agent").lastUpdatedTime == updated.lastUpdatedTime)
            _ = try await box.plane.deleteWorkloadIdentity(box.c, DeleteWorkloadIdentityRequest(name: "my.agent"))
            try await refusal(.notFound) { _ = try await get(box, "my.agent") }
            try await refusal(.notFound) {
                _ = try await box.plane.deleteWorkloadIdentity(box.c, DeleteWorkloadIdentityRequest(name: "my.agent"))
            }
            try await refusal(.notFound) {
                _ = try await box.plane.updateWorkloadIdentity(box.c, UpdateWorkloadIdentityRequest(name: "my.agent"))
            }
        }
    }

    @Test func aRuntimesOwnComesAndGoesWithIt() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let arn = try #require(try await box.runtime(id).workloadIdentityDetails).workloadIdentityArn
            #expect(try await get(box, id).workloadIdentityArn == arn)
            let said = try await refusal(.validation(.resourceConflict, [])) {
                _ = try await box.plane.deleteWorkloadIdentity(box.c, DeleteWorkloadIdentityRequest(name: id))
            }
            #expect(said.contains("belongs to an agent runtime"))
            let listed = try await box.plane.listWorkloadIdentities(box.c, ListWorkloadIdentitiesRequest())
            #expect(listed.workloadIdentities == [WorkloadIdentityItem(name: id, workloadIdentityArn: arn)])
            _ = try await box.plane.deleteAgentRuntime(box.c, DeleteAgentRuntimeRequest(agentRuntimeId: id))
            try await eventually("it is gone") {
                try await box.plane.listWorkloadIdentities(box.c, ListWorkloadIdentitiesRequest()).workloadIdentities.isEmpty
            }
        }
    }

    @Test func aCreationThatFailsLeavesNone() async throws {
        try await Fixture.with { box in
            var request = box.request()
            request.agentRuntimeArtifact = box.artifact("no such key")
            await #expect(throws: SignalboxError.self) { try await box.plane.createAgentRuntime(box.c, request) }
            let listed = try await box.plane.listWorkloadIdentities(box.c, ListWorkloadIdentitiesRequest())
            #expect(listed.workloadIdentities.isEmpty)
        }
    }
}
