/// What stays out of a build's context, as `.dockerignore` says it (docs.docker.com/build/concepts/context): one pattern
/// per line, always from the folder's root; a folder that is left out takes all below it along; `!` takes back; the last
/// line that speaks of a path decides.
struct DockerIgnore: Sendable {
    static let fileName = ".dockerignore"

    private struct Rule: Sendable {
        var pattern: IgnorePattern
        /// Each component of the pattern, up to a `**`.
        var components: [IgnorePattern]
        var hasEnd: Bool
        var takesBack: Bool
    }

    private let rules: [Rule]

    /// Throws ``CommandError`` when a pattern is wrong.
    init(_ text: String = "") throws {
        rules = try text.trimmingPrefix("\u{feff}").split(omittingEmptySubsequences: true, whereSeparator: \.isNewline).compactMap { line in
            guard !line.hasPrefix("#") else { return nil }
            var pattern = Self.trimmed(line)
            guard !pattern.isEmpty else { return nil }
            let takesBack = pattern.hasPrefix("!")
            if takesBack { pattern = Self.trimmed(pattern.dropFirst()) }
            let cleaned = Self.cleaned(pattern)
            guard !pattern.isEmpty, let whole = IgnorePattern(cleaned) else {
                throw CommandError("\(Self.fileName): '\(line)' is not a pattern")
            }
            let parts = cleaned.split(separator: "/")
            let fixed = parts.prefix { !$0.contains("**") }
            return Rule(
                pattern: whole, components: fixed.compactMap { IgnorePattern(String($0)) }, hasEnd: fixed.count == parts.count,
                takesBack: takesBack)
        }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    /// Without empty, `.` and `..` components, so far as that is possible, and without a slash at either end.
    private static func cleaned(_ pattern: Substring) -> String {
        var parts: [Substring] = []
        for part in pattern.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else if part != ".." || !pattern.hasPrefix("/") {
                parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }

    /// - Parameter path: relative to the folder, `/` between components.
    func ignores(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        let prefixes = (1...max(1, parts.count)).map { parts.prefix($0).joined(separator: "/") }
        var isIgnored = false
        for rule in rules where rule.takesBack == isIgnored {
            if prefixes.contains(where: rule.pattern.matches) { isIgnored = !rule.takesBack }
        }
        return isIgnored
    }

    /// Whether something below a folder that is left out may be taken back in.
    func mayTakeBack(below folder: String) -> Bool {
        let parts = folder.split(separator: "/")
        return rules.contains { rule in
            rule.takesBack && zip(rule.components, parts).allSatisfy { $0.matches($1) }
                && (!rule.hasEnd || rule.components.count > parts.count)
        }
    }
}
