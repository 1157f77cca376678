import AgentCoreModel

/// Texts that end up in `failureReason`.
enum FailureSentence {
    /// Bytes; the rest of a log belongs into the log.
    static let limit = 1024

    /// At most `limit` bytes: the sentence in front and the log's last lines matter, so the middle goes.
    static func bounded(_ text: String) -> String {
        guard text.utf8.count > limit else { return text }
        let mark = "\n…\n"
        let head = prefix(text, limit / 3)
        let tail = String(prefix(String(text.reversed()), limit - head.utf8.count - mark.utf8.count).reversed())
        return head + mark + tail
    }

    /// As many whole characters as fit.
    private static func prefix(_ text: String, _ bytes: Int) -> String {
        var result = ""
        var used = 0
        for character in text {
            used += character.utf8.count
            if used > bytes { break }
            result.append(character)
        }
        return result
    }

    /// "PYTHON_3_13: no such interpreter in the sandbox; found 3.11"
    static func noInterpreter(_ runtime: AgentManagedRuntimeType, found: [String]) -> String {
        if runtime == .node22 {
            return "NODE_22: no Node interpreter is configured on this server; choose one of the PYTHON runtimes"
        }
        let prefix = "PYTHON_"
        let versions = found.filter { $0.hasPrefix(prefix) }
            .map { $0.dropFirst(prefix.count).split(separator: "_").compactMap { Int($0) } }
            .sorted { $0.lexicographicallyPrecedes($1) }
            .map { $0.map(String.init).joined(separator: ".") }
        let known = versions.isEmpty ? "found none" : "found " + versions.joined(separator: ", ")
        return "\(runtime.rawValue): no such interpreter in the sandbox; \(known)"
    }
}
