/// SQL text known at compile time. Only a literal can become a `Statement`, so no request can ever
/// reach the text; what varies goes through parameters `$1`, `$2`, ….
///
/// A statement is prepared once per connection, under a name derived from its text.
public struct Statement: Sendable, Hashable, ExpressibleByStringLiteral {
    public let text: String

    public init(_ literal: StaticString) {
        text = literal.withUTF8Buffer { String(decoding: $0, as: UTF8.self) }
    }

    public init(stringLiteral value: StaticString) { self.init(value) }
}
