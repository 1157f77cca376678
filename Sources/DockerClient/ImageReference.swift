/// Where an image is: `[host[:port]/]path[:tag][@digest]` (distribution's grammar, checked by `containerUri`'s pattern
/// before it comes here).
public struct ImageReference: Sendable, Equatable, CustomStringConvertible {
    /// `docker.io` when none is named.
    public var registry: String
    /// Without registry: `library/python`.
    public var repository: String
    public var tag: String?
    /// `sha256:…`
    public var digest: String?
    private let text: String

    public init(_ text: String) {
        self.text = text
        var rest = Substring(text)
        if let at = rest.lastIndex(of: "@") {
            digest = String(rest[rest.index(after: at)...])
            rest = rest[..<at]
        }
        // A colon before a slash belongs to a port.
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        // As Docker has it: the first part is a host if it could not be a name.
        if let slash = rest.firstIndex(of: "/") {
            let first = rest[..<slash]
            if first.contains(".") || first.contains(":") || first == "localhost" {
                registry = String(first)
                repository = String(rest[rest.index(after: slash)...])
                return
            }
        }
        registry = "docker.io"
        repository = rest.contains("/") ? String(rest) : "library/\(rest)"
    }

    /// Without tag and digest, as it was written.
    public var name: String {
        var rest = Substring(text)
        if let at = rest.lastIndex(of: "@") { rest = rest[..<at] }
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") { rest = rest[..<colon] }
        return String(rest)
    }

    /// No registry answers to this name: such an image can only have been made here.
    public var isLocal: Bool { registry == "localhost" }

    /// Whether a `name@digest` of an image's list is of this repository.
    public func isSameRepository(as other: ImageReference) -> Bool { registry == other.registry && repository == other.repository }

    public var description: String { text }
}
