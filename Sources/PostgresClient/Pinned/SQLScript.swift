/// Several SQL statements that belong together, for migrations only: the text must come from a
/// migration file shipped with the program, never from a request.
public struct SQLScript: Sendable {
    /// Shown in errors: the migration's name.
    public let name: String
    public let text: String

    public init(migration name: String, text: String) {
        self.name = name
        self.text = text
    }
}
