import AgentCoreModel
import ControlPlane
import Platform
import Store
import TestSupport
import Testing

struct EndpointTests {
    @Test func withoutAVersionItTakesTheNewestReadyOneAndStays() async throws {
        try await Fixture.with { box in
            let id = try await box.made(versions: 2)
            box.preparer.fail(3, .agentFailed("broken"))
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            try await box.settled(id)
            try await box.make(id, "prod")
            #expect(try await box.endpoint(id, "prod").liveVersion == "2")
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            try await box.settled(id)
            #expect(try await box.endpoint(id, "prod").liveVersion == "2")
            #expect(try await box.endpoint(id).liveVersion == "4")
        }
    }

    @Test func itMovesWhileANewerVersionIsPrepared() async throws {
        try await Fixture.with { box in
            let id = try await box.made(versions: 2)
            try await box.make(id, "prod", version: "1")
            box.preparer.hold(3)
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            try await box.move(id, "prod", to: "2")
            #expect(try await box.endpoint(id, "prod").liveVersion == "2")
            #expect(try await box.runtime(id).status == .updating)
            box.preparer.release(3)
            try await box.settled(id)
        }
    }

    @Test func ofManyAtOnceNoMoreThanTheQuotaGetThrough() async throws {
        var quotas = ControlPlaneQuotas()
        quotas.endpoints = 5
        try await Fixture.with(quotas: quotas) { box in
            let id = try await box.made()
            let made = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<16 {
                    group.addTask {
                        do {
                            _ = try await box.make(id, "e\(index)")
                            return true
                        } catch let error as SignalboxError where error.kind == .quotaExceeded { return false }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(made.filter { $0 }.count == 4, "DEFAULT is one, too")
        }
    }

    @Test func refusals() async throws {
        var quotas = ControlPlaneQuotas()
        quotas.endpoints = 2
        try await Fixture.with(quotas: quotas) { box in
            let id = try await box.made(versions: 2)
            try await refusal(.notFound) { try await box.make(id, "prod", version: "9") }
            try await box.make(id, "prod", version: "1")
            try await refusal(.quotaExceeded) { try await box.make(id, "third") }
            try await refusal(.notFound) { try await box.move(id, "prod", to: "9") }
            try await refusal(.notFound) { try await box.move(id, "nowhere", to: "1") }
            let refusal21 = try await refusal(.conflict) { try await box.move(id, "DEFAULT", to: "1") }
            #expect(refusal21 == "DEFAULT endpoint always tracks the latest version.")
            try await box.move(id, "DEFAULT", to: "2")
            try await refusal(.conflict) {
                _ = try await box.plane.deleteAgentRuntimeEndpoint(
                    box.c, DeleteAgentRuntimeEndpointRequest(agentRuntimeId: id, endpointName: "DEFAULT"))
            }
            box.preparer.fail(3, .agentFailed("broken"))
            _ = try await box.plane.updateAgentRuntime(box.c, box.update(id))
            try await box.settled(id)
            let refusal13 = try await refusal(.conflict) { try await box.move(id, "prod", to: "3") }
            #expect(refusal13.contains("CREATE_FAILED"))
        }
    }

    @Test func aTargetThatCannotBeHadAnyMoreFailsTheMove() async throws {
        try await Fixture.with { box in
            let id = try await box.made(versions: 2)
            try await box.make(id, "prod", version: "1")
            box.preparer.fail(2, .agentFailed("the interpreter is gone"))
            try await box.move(id, "prod", to: "2")
            let failed = try await box.endpoint(id, "prod")
            #expect(failed.status == .updateFailed)
            #expect(failed.failureReason == "the interpreter is gone")
            #expect(failed.liveVersion == "1")
            let cleared = try await box.rollback(id, "prod")
            #expect(cleared.status == .ready)
            #expect(cleared.targetVersion == "1")
        }
    }

    @Test func itGoesWithItsSessions() async throws {
        try await Fixture.with { box in
            let id = try await box.made()
            try await box.make(id, "prod")
            let session = try await box.session(id, "prod", "of a caller")
            let kept = try await box.session(id, "DEFAULT", "of a caller")
            _ = try await box.plane.deleteAgentRuntimeEndpoint(
                box.c, DeleteAgentRuntimeEndpointRequest(agentRuntimeId: id, endpointName: "prod"))
            #expect(try await box.store.sessionListStopRequested(box.c, owner: box.replica).map(\.id) == [session.id])
            try await box.store.sessionEnd(box.c, session: session.id, reason: "deleted")
            try await eventually("prod is gone") {
                let request = ListAgentRuntimeEndpointsRequest(agentRuntimeId: id)
                return try await box.plane.listAgentRuntimeEndpoints(box.c, request).runtimeEndpoints.map(\.name) == ["DEFAULT"]
            }
            #expect(try await box.store.sessionCount(box.c, endpoint: kept.endpoint) == 1)
        }
    }

    @Test func rollbackWalksBackAndStopsSessionsOfTheVersionLeft() async throws {
        try await Fixture.with { box in
            let id = try await box.made(versions: 3)
            try await box.make(id, "prod", version: "1")
            let first = try await box.session(id, "prod", "on version 1")
            try await box.move(id, "prod", to: "2")
            try await box.move(id, "prod", to: "3")
            let third = try await box.session(id, "prod", "on version 3")
            let answer = try await box.rollback(id, "prod", stopSessions: true)
            #expect(answer.status == .updating)
            #expect(answer.targetVersion == "2")
            #expect(try await box.settledEndpoint(id, "prod").liveVersion == "2")
            let asked = try await box.store.sessionListStopRequested(box.c, owner: box.replica)
            #expect(asked.map(\.id) == [third.id])
            #expect(first.version == 1)
            #expect(try await box.rollback(id, "prod").targetVersion == "1")
            try await box.settledEndpoint(id, "prod")
            try await refusal(.conflict) { _ = try await box.rollback(id, "prod") }
            #expect(try await box.store.sessionListStopRequested(box.c, owner: box.replica).count == 1)
        }
    }

    @Test func rollbackOfDefaultMakesANewVersionLikeTheOneBefore() async throws {
        try await Fixture.with { box in
            let id = try await box.made(versions: 2)
            let answer = try await box.rollback(id, "DEFAULT")
            #expect(answer.targetVersion == "3")
            #expect(answer.rollbackTo == "1")
            let ready = try await box.settled(id)
            #expect(ready.agentRuntimeVersion == "3")
            #expect(ready.description == nil)
            #expect(ready.environmentVariables == ["SECRET": "of version 1"])
            #expect(try await box.endpoint(id).liveVersion == "3")
            try await refusal(.conflict) { _ = try await box.rollback(id, "DEFAULT") }
        }
    }
}
