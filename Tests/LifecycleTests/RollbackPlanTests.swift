import AgentCoreModel
import Testing

@testable import Lifecycle

struct RollbackPlanTests {
    /// A named endpoint with its history, as the store would keep it.
    private struct Pointer {
        var name = "prod"
        var live: Int?
        var history: [EndpointHistoryStep] = []
        var unusable: Set<Int> = []
        var newest = 0

        mutating func flip(_ version: Int) {
            history.append(EndpointHistoryStep(.requested, from: live, to: version))
            history.append(EndpointHistoryStep(.flipped, from: live, to: version))
            live = version
            newest = max(newest, version)
        }

        func plan(_ status: AgentRuntimeStatus = .ready) -> Result<RollbackPlan, RollbackPlan.Refusal> {
            RollbackPlan.make(endpointName: name, status: status, liveVersion: live, history: history) { !unusable.contains($0) }
        }

        /// Carries a rollback out; the version that is served again, or nil when refused.
        mutating func rollBack() -> Int? {
            guard case .success(let plan) = plan() else { return nil }
            switch plan {
            case .clear: return live
            case .move(let to):
                history.append(EndpointHistoryStep(.requested, from: live, to: to, rollbackTo: to))
                history.append(EndpointHistoryStep(.rolledBack, from: live, to: to, rollbackTo: to))
                live = to
                return to
            case .copy(let of):
                newest += 1
                history.append(EndpointHistoryStep(.requested, from: live, to: newest, rollbackTo: of))
                history.append(EndpointHistoryStep(.rolledBack, from: live, to: newest, rollbackTo: of))
                live = newest
                return of
            }
        }
    }

    @Test func repeatedRollbacksWalkBackAndEnd() {
        var prod = Pointer()
        for version in 1...4 { prod.flip(version) }
        #expect(prod.rollBack() == 3)
        #expect(prod.rollBack() == 2)
        #expect(prod.rollBack() == 1)
        #expect(prod.plan() == .failure(.nothingEarlier))
    }

    @Test func aFlipForwardAfterARollbackForgetsWhatWasRolledBackFrom() {
        var prod = Pointer()
        for version in 1...3 { prod.flip(version) }
        #expect(prod.rollBack() == 2)
        prod.flip(4)
        // Not 3: that was the bad one.
        #expect(prod.rollBack() == 2)
        #expect(prod.rollBack() == 1)
        #expect(prod.rollBack() == nil)
    }

    @Test func pinningBackAndForthByHandIsHistoryToo() {
        var prod = Pointer()
        for version in [1, 2, 1, 3] { prod.flip(version) }
        #expect(prod.rollBack() == 1)
        #expect(prod.rollBack() == 2)
        #expect(prod.rollBack() == 1)
        #expect(prod.rollBack() == nil)
    }

    @Test func deletedOrFailedVersionsAreSkipped() {
        var prod = Pointer()
        for version in 1...4 { prod.flip(version) }
        prod.unusable = [3, 2]
        #expect(prod.rollBack() == 1)
        #expect(prod.rollBack() == nil)
    }

    @Test func failedChangesLeaveNoTrace() {
        var prod = Pointer()
        prod.flip(1)
        prod.flip(2)
        prod.history.append(EndpointHistoryStep(.requested, from: 2, to: 3))
        prod.history.append(EndpointHistoryStep(.failed, from: 2, to: 3))
        #expect(prod.plan(.updateFailed) == .success(.clear(to: 2)))
        prod.history.append(EndpointHistoryStep(.requested, from: 3, to: 2))
        #expect(prod.rollBack() == 1)
    }

    @Test func defaultCopiesAndStillWalksBack() {
        var pointer = Pointer(name: "DEFAULT")
        for version in 1...3 { pointer.flip(version) }
        #expect(pointer.plan() == .success(.copy(of: 2)))
        #expect(pointer.rollBack() == 2)
        #expect(pointer.live == 4)
        #expect(pointer.rollBack() == 1)
        #expect(pointer.live == 5)
        #expect(pointer.rollBack() == nil)
        #expect(pointer.plan(.updateFailed) == .success(.copy(of: 5)))
    }

    @Test func whatCannotBeRolledBackSaysWhy() {
        var prod = Pointer()
        #expect(prod.plan(.createFailed) == .failure(.neverLive))
        prod.flip(1)
        for status in [AgentRuntimeStatus.creating, .updating, .deleting, .deleteFailed] {
            #expect(prod.plan(status) == .failure(.inProgress(status)))
        }
        #expect(prod.plan() == .failure(.nothingEarlier))
        #expect("\(RollbackPlan.Refusal.inProgress(.updating))".contains("UPDATING"))
    }

    @Test func aRollbackToWhatHistoryNoLongerHoldsStartsANewPath() {
        let history = [EndpointHistoryStep(.flipped, to: 5), EndpointHistoryStep(.rolledBack, from: 5, to: 2, rollbackTo: 2)]
        #expect(RollbackPlan.path(history, liveVersion: 2) == [2])
        // The live version counts even if its flip is missing.
        #expect(RollbackPlan.path([], liveVersion: 7) == [7])
    }

    @Test func randomWalksNeverPingPongAndAlwaysEnd() {
        var generator = Seeded(seed: 11)
        for _ in 0..<500 {
            var pointer = Pointer(name: Bool.random(using: &generator) ? "DEFAULT" : "prod")
            var next = 1
            for _ in 0..<Int.random(in: 1...12, using: &generator) {
                if Int.random(in: 0..<3, using: &generator) == 0 {
                    _ = pointer.rollBack()
                } else {
                    next = max(next, pointer.newest + 1)
                    pointer.flip(next)
                }
            }
            // Versions only ever grow here, so each further rollback must serve an older one.
            var served: [Int] = []
            while let version = pointer.rollBack() {
                served.append(version)
                guard served.count < 100 else {
                    Issue.record("rollbacks do not end: \(served)")
                    break
                }
            }
            #expect(Set(served).count == served.count)
            #expect(served == served.sorted(by: >))
        }
    }
}
