import AgentCoreModel
import Testing

@testable import Lifecycle

/// The tables written out in full: each (status, event) either leads where this says or is refused.
struct TransitionTableTests {
    @Test func runtimeTableIsExactlyContractSeven() {
        expect(
            RuntimeMachine.table, RuntimeEvent.allCases,
            [
                .creating: [.prepared: .ready, .createFailed: .createFailed],
                .createFailed: [.updateRequested: .updating, .deleteRequested: .deleting],
                .updating: [.prepared: .ready, .updateFailed: .updateFailed],
                .updateFailed: [.updateRequested: .updating, .deleteRequested: .deleting],
                .ready: [.updateRequested: .updating, .deleteRequested: .deleting],
                .deleting: [.deleteFailed: .deleteFailed, .deleted: nil],
                .deleteFailed: [.deleteRequested: .deleting],
            ])
    }

    @Test func endpointTableIsExactlyContractSeven() {
        expect(
            EndpointMachine.table, EndpointEvent.allCases,
            [
                .creating: [.flipped: .ready, .createFailed: .createFailed, .runtimeDeleteRequested: .deleting],
                .createFailed: [.targetRequested: .updating, .deleteRequested: .deleting, .runtimeDeleteRequested: .deleting],
                .updating: [.flipped: .ready, .updateFailed: .updateFailed, .runtimeDeleteRequested: .deleting],
                .updateFailed: [
                    .targetRequested: .updating, .cleared: .ready, .deleteRequested: .deleting, .runtimeDeleteRequested: .deleting,
                ],
                .ready: [.targetRequested: .updating, .deleteRequested: .deleting, .runtimeDeleteRequested: .deleting],
                .deleting: [.deleteFailed: .deleteFailed, .deleted: nil, .runtimeDeleteRequested: .deleting],
                .deleteFailed: [.deleteRequested: .deleting, .runtimeDeleteRequested: .deleting],
            ])
    }

    @Test func versionTable() {
        expect(
            VersionMachine.table, VersionEvent.allCases,
            [
                .creating: [.prepared: .ready, .prepareFailed: .createFailed],
                .createFailed: [.deleteRequested: .deleting],
                .ready: [.deleteRequested: .deleting],
                .deleting: [.deleteFailed: .deleteFailed, .deleted: nil],
                .deleteFailed: [.deleteRequested: .deleting],
            ])
    }

    private func expect<Event, Action>(
        _ table: TransitionTable<Event, Action>, _ events: [Event],
        _ legal: [AgentRuntimeStatus: [Event: AgentRuntimeStatus?]], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for event in events {
            #expect(table.rules[event] != nil, "no rule for \(event)", sourceLocation: sourceLocation)
            for status in AgentRuntimeStatus.allCases {
                let wanted = legal[status]?[event]
                switch table.apply(event, to: status) {
                case .success(let outcome):
                    #expect(wanted == .some(outcome.status), "\(status) \(event)", sourceLocation: sourceLocation)
                case .failure(let illegal):
                    #expect(wanted == nil, "\(status) \(event) was refused", sourceLocation: sourceLocation)
                    #expect(illegal.status == status, sourceLocation: sourceLocation)
                }
            }
        }
    }

    @Test func everyStatusIsReachableAndEveryPassingOneIsLeft() {
        reach(RuntimeMachine.table, from: RuntimeMachine.initial)
        reach(EndpointMachine.table, from: EndpointMachine.initial)
        for table in [
            RuntimeMachine.table.rules.values.map { ($0.from, $0.to) }, EndpointMachine.table.rules.values.map { ($0.from, $0.to) },
        ] {
            for status in [AgentRuntimeStatus.creating, .updating, .deleting] {
                #expect(table.contains { $0.0.contains(status) && $0.1 != status }, "\(status) is never left")
            }
        }
    }

    private func reach<Event, Action>(_ table: TransitionTable<Event, Action>, from initial: AgentRuntimeStatus) {
        var seen: Set<AgentRuntimeStatus> = [initial]
        var grew = true
        while grew {
            grew = false
            for rule in table.rules.values where !seen.isDisjoint(with: rule.from) {
                if let to = rule.to, seen.insert(to).inserted { grew = true }
            }
        }
        #expect(seen == Set(AgentRuntimeStatus.allCases))
    }

    @Test func randomEventsFollowTheSources() {
        var generator = Seeded(seed: 7)
        for _ in 0..<200 {
            var status: AgentRuntimeStatus? = EndpointMachine.initial
            for _ in 0..<60 {
                guard let now = status, let event = EndpointEvent.allCases.randomElement(using: &generator) else { break }
                switch EndpointMachine.table.apply(event, to: now) {
                case .success(let outcome):
                    #expect(EndpointMachine.table.sources(of: event).contains(now))
                    #expect(EndpointMachine.table.destination(of: event) == outcome.status)
                    if outcome.actions.contains(.flip) { #expect(now == .creating || now == .updating) }
                    status = outcome.status
                case .failure:
                    #expect(!EndpointMachine.table.sources(of: event).contains(now))
                }
            }
        }
    }

    @Test func refusalsTellWhatToDo() {
        guard case .failure(let illegal) = RuntimeMachine.table.apply(.updateRequested, to: .updating) else {
            Issue.record("an update during an update was allowed")
            return
        }
        #expect(illegal.description == "Agent runtime is in status UPDATING. Wait until it is READY or has failed, then try again.")
    }
}

/// SplitMix64: the same sequence in every run.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
