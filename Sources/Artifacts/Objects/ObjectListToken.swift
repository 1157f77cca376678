#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where a listing goes on: behind a key, or behind all keys of a common prefix.
enum ObjectListToken: Equatable {
    case key(String)
    case commonPrefix(String)

    /// Sorts behind any ordinary continuation of a prefix: the highest code point, four times.
    static let beyondEverything = String(repeating: "\u{10FFFF}", count: 4)

    /// Keys above this one, in byte order, are still to be listed.
    var bound: String {
        switch self {
        case .key(let key): key
        case .commonPrefix(let prefix): prefix + Self.beyondEverything
        }
    }

    /// URL-safe, opaque to callers.
    var text: String {
        let plain: String
        switch self {
        case .key(let key): plain = "k" + key
        case .commonPrefix(let prefix): plain = "p" + prefix
        }
        return Data(plain.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }

    init(_ text: String) throws(ObjectError) {
        let invalid = ObjectError(.invalidArgument, "The continuation token provided is incorrect.")
        let standard = text.replacing("-", with: "+").replacing("_", with: "/")
        guard let data = Data(base64Encoded: standard), let plain = String(validating: data, as: UTF8.self),
            !plain.utf8.contains(0)
        else { throw invalid }
        switch plain.first {
        case "k": self = .key(String(plain.dropFirst()))
        case "p": self = .commonPrefix(String(plain.dropFirst()))
        default: throw invalid
        }
    }
}
