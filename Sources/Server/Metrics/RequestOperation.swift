import AgentCoreModel

/// What a request turned out to be, for metrics and logs: a number that is found without a look-up while
/// a request is served. Fixed when the program starts, so that the labels are bounded.
public struct RequestOperation: Sendable, Hashable {
    let index: Int

    /// Nothing that we have, or nothing that the caller may know of: not signed, refused by the parser.
    static let unknown = Self("Unknown")
    static let health = Self("Health")
    static let readiness = Self("Readiness")
    static let unknownObject = Self("ObjectRequest")
    static let invoke = Self(Operation.invokeAgentRuntime.name)

    var plane: String { Self.table[index].plane }
    var name: String { Self.table[index].name }

    init(index: Int) { self.index = Self.table.indices.contains(index) ? index : 0 }

    /// An operation by its name; `unknown` for any other text.
    init(_ name: String) { index = Self.indices[name] ?? 0 }

    /// As in a policy: `signalbox:GetStatus`.
    init(action: String) { self.init(String(action.drop { $0 != ":" }.dropFirst())) }

    static var count: Int { table.count }

    private static let table: [(plane: String, name: String)] =
        [("none", "Unknown")] + ["Health", "Readiness"].map { ("own", $0) }
        + (Operation.own + Operation.all).map { ($0.plane.rawValue, $0.name) } + objects.map { ("objects", $0) }

    private static let indices = Dictionary(
        table.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// S3's names, and one for what there is not.
    private static let objects = ObjectOperation.allCases.map(\.name) + ["ObjectRequest"]
}
