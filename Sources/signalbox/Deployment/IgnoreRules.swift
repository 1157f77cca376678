#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which files of a folder stay out of a deployment: a fixed few, and what `.signalboxignore` lists.
///
/// The syntax is .gitignore's core: `#` comments, `*` and `?`, `name/` for directories alone, a
/// pattern with a slash is anchored at the folder, `!` takes something back in, the last match wins.
struct IgnoreRules: Sendable {
    private struct Rule {
        var pattern: String
        var isAnchored: Bool
        var directoriesOnly: Bool
        var takesBack: Bool
    }

    static let fileName = ".signalboxignore"
    private static let always = [".git", "__pycache__", ".venv", "*.pyc", fileName]

    private let rules: [Rule]

    init(_ text: String = "") {
        rules = text.split(whereSeparator: \.isNewline).compactMap { line in
            var pattern = line.trimmingPrefix { $0 == " " }
            while pattern.last == " " { pattern.removeLast() }
            guard !pattern.isEmpty, !pattern.hasPrefix("#") else { return nil }
            let takesBack = pattern.hasPrefix("!")
            if takesBack { pattern.removeFirst() }
            let directoriesOnly = pattern.hasSuffix("/")
            if directoriesOnly { pattern.removeLast() }
            let isAnchored = pattern.contains("/")
            if pattern.hasPrefix("/") { pattern.removeFirst() }
            return Rule(
                pattern: String(pattern), isAnchored: isAnchored, directoriesOnly: directoriesOnly, takesBack: takesBack)
        }
    }

    /// - Parameter path: relative to the folder, `/` between components.
    func ignores(_ path: String, isDirectory: Bool) -> Bool {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        if Self.always.contains(where: { Self.matches($0, name) }) { return true }
        let last = rules.last { rule in
            (isDirectory || !rule.directoriesOnly) && Self.matches(rule.pattern, rule.isAnchored ? path : name)
        }
        return last.map { !$0.takesBack } ?? false
    }

    private static func matches(_ pattern: String, _ text: String) -> Bool { fnmatch(pattern, text, FNM_PATHNAME) == 0 }
}
