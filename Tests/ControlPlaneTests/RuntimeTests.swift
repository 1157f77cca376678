import AgentCoreModel
import ControlPlane
import Platform
import Store
import TestSupport
import Testing

struct RuntimeTests {
    @Test func aRuntimeAndItsDefaultBecomeReadyTogether() async throws {
        try await Fixture.with { box in
            box.preparer.hold(1)
            let answer = try await box.plane.createAgentRuntime(box.c, box.request())
            #expect(answer.status == .creating)
            #expect(answer.agentRuntimeVersion == "1")
            #expect(try await box.runtime(answer.agentRuntimeId).status == .creating)
            #expect(try await box.endpoint(answer.agentRuntimeId).liveVersion == nil)
            box.preparer.release(1)
            let ready = try await box.settled(answer.agentRuntimeId)
            #expect(ready.status == .ready)
            #expect(ready.environmentVariables == ["SECRET": "of version 1"])
            let follows = try await box.endpoint(answer.agentRuntimeId)
            #expect(follows.status == .ready)
            #expect(follows.liveVersion == "1")
            #expect(box.preparer.probes == [1])
            try await eventually("the work is gone") { try await box.store.workCount(box.c, kinds: ["prepare-version"]) == 0 }
        }
    }

    @Test func aFailedVersionSaysWhyAndLeavesTheLiveOne() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            box.preparer.fail(2, .agentFailed("PYTHON_3_13: no such interpreter in the sandbox; found 3.11"))
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            let failed = try await box.settled(id)
            #expect(failed.status == .updateFailed)
            #expect(failed.failureReason == "PYTHON_3_13: no such interpreter in the sandbox; found 3.11")
            #expect(try await box.runtime(id, version: "2").status == .createFailed)
            #expect(try await box.runtime(id, version: "1").status == .ready)
            let follows = try await box.endpoint(id)
            #expect(follows.status == .updateFailed)
            #expect(follows.liveVersion == "1")
            #expect(follows.targetVersion == "2")
            // A later update may follow, and clears the reason.
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            let ready = try await box.settled(id)
            #expect(ready.status == .ready)
            #expect(ready.agentRuntimeVersion == "3")
            #expect(ready.failureReason == nil)
            #expect(try await box.endpoint(id).liveVersion == "3")
        }
    }

    @Test func theEnvironmentsSizeIsThePlatforms() async throws {
        try await Fixture.with { box in
            let large = ["A": String(repeating: "x", count: 4096)]
            let first = try await box.made("first")
            var update = box.update(first)
            update.environmentVariables = large
            let request = update
            try await refusal(
                .validation(
                    .fieldValidationFailed,
                    EnvironmentRules.sizeFailures(large, platformVersion: nil).map { FieldFailure(name: $0.member, message: $0.message) })
            ) {
                _ = try await box.plane.updateAgentRuntime(box.c, request)
            }
            #expect(try await box.runtime(first).agentRuntimeVersion == "1")
            // An update keeps the platform that it does not name.
            var create = box.request("second")
            create.platformVersion = "V2"
            let second = try await box.plane.createAgentRuntime(box.c, create).agentRuntimeId
            try await box.settled(second)
            var kept = box.update(second)
            kept.environmentVariables = large
            _ = try await box.plane.updateAgentRuntime(box.c, kept)
            #expect(try await box.settled(second).environmentVariables == large)
        }
    }

    @Test func whatMayPassIsTriedAgain() async throws {
        try await Fixture.with { box in
            box.preparer.away(1, times: 2)
            let id = try await box.plane.createAgentRuntime(box.c, box.request()).agentRuntimeId
            #expect(try await box.settled(id).status == .ready)
            #expect(box.preparer.probes == [1, 1, 1])
        }
    }

    @Test func anArtifactIsResolvedAtOnceOrRefused() async throws {
        try await Fixture.with(reconciling: false) { box in
            var request = box.request()
            request.agentRuntimeArtifact = box.artifact("nowhere.zip")
            let missing = request
            let refusal = try await validation { _ = try await box.plane.createAgentRuntime(box.c, missing) }
            #expect(refusal.contains("s3://agents/nowhere.zip"))
            #expect(try await box.store.runtimeCount(box.c) == 0)
            // Another account's bucket does not exist.
            let other = OperationContext.test(account: TestTenant.otherAccount)
            let refusal3 = try await validation { _ = try await box.plane.createAgentRuntime(other, box.request()) }
            #expect(refusal3.contains("does not exist"))
        }
    }

    @Test func oneTokenOneRuntimeHoweverManyCall() async throws {
        try await Fixture.with(reconciling: false) { box in
            var request = box.request()
            request.clientToken = Identifier.uuid()
            let same = request
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await box.plane.createAgentRuntime(box.c, same).agentRuntimeId }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(try await box.store.runtimeCount(box.c) == 1)
            request.description = "another"
            let other = request
            let mismatch = SignalboxError.Kind.validation(.idempotentParameterMismatch, [])
            try await refusal(mismatch) { _ = try await box.plane.createAgentRuntime(box.c, other) }
        }
    }

    @Test func namesAndQuotasAreKept() async throws {
        var quotas = ControlPlaneQuotas()
        quotas.runtimes = 2
        quotas.versions = 2
        try await Fixture.with(quotas: quotas) { box in
            let id = try await box.made(versions: 2)
            let refusal21 = try await refusal(.conflict) { _ = try await box.plane.createAgentRuntime(box.c, box.request()) }
            #expect(refusal21 == "Agent runtime with name 'agent' already exists.")
            try await refusal(.quotaExceeded) { _ = try await box.plane.updateAgentRuntime(box.c, box.update(id)) }
            _ = try await box.made("second")
            try await refusal(.quotaExceeded) { _ = try await box.plane.createAgentRuntime(box.c, box.request("third")) }
        }
    }

    @Test func aChangeInProgressIsAConflict() async throws {
        try await Fixture.with { box in
            box.preparer.hold(1)
            let id = try await box.plane.createAgentRuntime(box.c, box.request()).agentRuntimeId
            try await refusal(.conflict) { _ = try await box.plane.updateAgentRuntime(box.c, box.update(id)) }
            try await refusal(.conflict) {
                _ = try await box.plane.deleteAgentRuntime(box.c, DeleteAgentRuntimeRequest(agentRuntimeId: id))
            }
            box.preparer.release(1)
            try await box.settled(id)
        }
    }

    @Test func aRuntimeGoesWhenItsSessionsAreGone() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            let session = try await box.session(id, "DEFAULT", "of a caller")
            var request = DeleteAgentRuntimeRequest(agentRuntimeId: id)
            request.clientToken = Identifier.uuid()
            #expect(try await box.plane.deleteAgentRuntime(box.c, request).status == .deleting)
            #expect(try await box.runtime(id).status == .deleting)
            let asked = try await box.store.sessionListStopRequested(box.c, owner: box.replica)
            #expect(asked.map(\.id) == [session.id])
            await #expect(throws: SignalboxError.self) { _ = try await box.session(id, "DEFAULT", "another") }
            try await box.store.sessionEnd(box.c, session: session.id, reason: "deleted")
            try await eventually("the runtime is gone") {
                do {
                    _ = try await box.runtime(id)
                    return false
                } catch let error as SignalboxError where error.kind == .notFound {
                    return true
                }
            }
            // The token still answers, and the name is free.
            #expect(try await box.plane.deleteAgentRuntime(box.c, request).status == .deleting)
            _ = try await box.made()
        }
    }

    @Test func aVersionInUseIsNotDeleted() async throws {
        try await Fixture.with { box in
            let id = try await box.made(versions: 3)
            try await box.make(id, "prod", version: "1")
            @Sendable func delete(_ version: String) async throws {
                _ = try await box.plane.deleteAgentRuntime(
                    box.c, DeleteAgentRuntimeRequest(agentRuntimeId: id, agentRuntimeVersion: version))
            }
            let refusal11 = try await refusal(.conflict) { try await delete("3") }
            #expect(refusal11.contains("latest"))
            let refusal12 = try await refusal(.conflict) { try await delete("1") }
            #expect(refusal12.contains("1 endpoints (prod)"))
            try await refusal(.notFound) { try await delete("9") }
            try await delete("2")
            try await eventually("version 2 is gone") {
                let request = ListAgentRuntimeVersionsRequest(agentRuntimeId: id)
                return try await box.plane.listAgentRuntimeVersions(box.c, request).agentRuntimes.map(\.agentRuntimeVersion) == ["3", "1"]
            }
        }
    }

    private func validation(_ body: @Sendable () async throws -> Void) async throws -> String {
        do {
            try await body()
        } catch let error as SignalboxError {
            if case .validation = error.kind { return error.message }
            throw error
        }
        throw NoRefusal(expected: "validation")
    }
}
