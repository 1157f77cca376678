#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `<home>/sandboxes/<id>/state.json`: enough for the next supervisor to reap what this one left, should it be
/// killed. Never the environment, which holds secrets.
struct StateFile: Codable, Sendable {
    var id: String
    /// `nil`: bubblewrap.
    var engine: String?
    /// The engine's own name for it, once it has one.
    var container: String?
    /// Of a container: see ``SandboxRecord``.
    var endsBySIGTERM: Bool?
    var labels: [String: String]
    var limits: SandboxLimits
    var startedAt: Date
    /// Of this boot the numbers below are.
    var boot: String
    /// bubblewrap outside.
    var outer: ProcessIdentity?
    /// The sandbox's first process, whose end ends all others.
    var first: ProcessIdentity?
    var exit: SandboxExit?
    /// The agent's host uid, when it has one of its own.
    var userID: UInt32?

    static func work(_ directory: String) -> String { directory + "/work" }
    static func path(_ directory: String) -> String { directory + "/state.json" }

    static func read(_ directory: String) -> StateFile? {
        System.read(path(directory)).flatMap { try? JSONDecoder().decode(StateFile.self, from: Data($0)) }
    }

    func write(_ directory: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        try System.write(Array(encoder.encode(self)), to: Self.path(directory))
    }
}
