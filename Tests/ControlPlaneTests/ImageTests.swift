import AgentCoreModel
import ControlPlane
import Platform
import Store
import TestSupport
import Testing

/// A version of a container image runs the image that its reference stood for when it was prepared.
struct ImageTests {
    private static let first = "sha256:" + String(repeating: "1", count: 64)
    private static let second = "sha256:" + String(repeating: "2", count: 64)

    private func pinned(_ box: Fixture, _ id: String, _ version: Int) async throws -> String? {
        try await box.plane.versionPreparation(
            box.c, GetAgentRuntimeRequest(agentRuntimeId: id, agentRuntimeVersion: String(version))
        ).image?.id
    }

    private func created(_ box: Fixture, _ reference: String) async throws -> String {
        var request = box.request()
        request.agentRuntimeArtifact = box.image(reference)
        return try await box.plane.createAgentRuntime(box.c, request).agentRuntimeId
    }

    @Test func aMovedTagChangesNoVersion() async throws {
        try await Fixture.with { box in
            box.preparer.tag("example.com/agent:1", Self.first)
            let id = try await created(box, "example.com/agent:1")
            #expect(try await box.settled(id).status == .ready)
            box.preparer.tag("example.com/agent:1", Self.second)
            var update = box.update(id)
            update.agentRuntimeArtifact = box.image("example.com/agent:1")
            _ = try await box.plane.updateAgentRuntime(box.c, update)
            #expect(try await box.settled(id).status == .ready)
            #expect(try await pinned(box, id, 1) == Self.first)
            #expect(try await pinned(box, id, 2) == Self.second)
            // DEFAULT goes back by a new version, which must not look at the tag again.
            _ = try await box.rollback(id, "DEFAULT")
            #expect(try await box.settled(id).agentRuntimeVersion == "3")
            #expect(try await pinned(box, id, 3) == Self.first)
            let version = try #require(
                try await box.store.versionFetch(box.c, runtime: box.store.runtimeFetch(box.c, runtimeID: id)?.id ?? 0, version: 1))
            await #expect {
                try await box.store.postgres.query("update version_image set image_id = image_id where version = $1", [.int(version.id)])
            } throws: {
                "\($0)".contains("the image of a version never changes")
            }
            // What is pinned stays, whoever asks again.
            let again = try await box.store.versionPin(
                box.c, version: version.id, image: VersionImage(id: Self.second, source: nil), platform: "linux/amd64", size: 1)
            #expect(again.id == Self.first)
        }
    }

    @Test func whatCanNotBePulledFailsWithTheRegistrysReason() async throws {
        try await Fixture.with { box in
            let id = try await created(box, "example.com/agent:nowhere")
            let failed = try await box.settled(id)
            #expect(failed.status == .createFailed)
            #expect(failed.failureReason == "pull example.com/agent:nowhere: manifest unknown")
            #expect(try await pinned(box, id, 1) == nil)
            #expect(box.preparer.probes == [])
        }
    }

    @Test func anArchiveMayBecomeAnImageAndBack() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            box.preparer.tag("localhost/agent", Self.first)
            var update = box.update(id)
            update.agentRuntimeArtifact = box.image("localhost/agent")
            _ = try await box.plane.updateAgentRuntime(box.c, update)
            #expect(try await box.settled(id).agentRuntimeArtifact?.containerConfiguration?.containerUri == "localhost/agent")
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            #expect(try await box.settled(id).agentRuntimeArtifact?.codeConfiguration != nil)
            #expect(try await pinned(box, id, 1) == nil)
            #expect(try await pinned(box, id, 2) == Self.first)
            #expect(try await pinned(box, id, 3) == nil)
        }
    }
}
