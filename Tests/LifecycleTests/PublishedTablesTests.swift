import AgentCoreModel
import Foundation
import Testing

@testable import Lifecycle

/// The Python tests hold every change that a database saw against Tests/support/transitions.json.
struct PublishedTablesTests {
    private struct Published: Decodable, Equatable {
        struct Rule: Decodable, Equatable {
            var from: [String]
            var to: String?
        }
        var initial: String
        var rules: [String: Rule]
    }

    @Test func pythonTestsKnowTheSameTables() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../support/transitions.json")
        let published = try JSONDecoder().decode([String: Published].self, from: Data(contentsOf: file))
        #expect(
            published == [
                "runtime": publish(RuntimeMachine.table, RuntimeMachine.initial),
                "endpoint": publish(EndpointMachine.table, EndpointMachine.initial),
                "version": publish(VersionMachine.table, VersionMachine.initial),
            ])
    }

    private func publish<Event, Action>(
        _ table: TransitionTable<Event, Action>, _ initial: AgentRuntimeStatus
    ) -> Published {
        let rules = table.rules.map { event, rule in
            ("\(event)", Published.Rule(from: rule.from.map(\.rawValue).sorted(), to: rule.to?.rawValue))
        }
        return Published(initial: initial.rawValue, rules: Dictionary(uniqueKeysWithValues: rules))
    }
}
