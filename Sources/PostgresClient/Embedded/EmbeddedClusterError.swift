/// Why a private PostgreSQL could not be had, in a sentence that says what to do.
public struct EmbeddedClusterError: Error, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
