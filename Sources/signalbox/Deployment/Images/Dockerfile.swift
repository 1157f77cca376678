import DockerClient

/// As much of a Dockerfile as a client has to know: which registries its base images come from, so that their
/// credentials can be handed to the engine (docs.docker.com/reference/dockerfile).
struct Dockerfile: Sendable {
    /// What is looked for in a folder, in this order.
    static let names = ["Dockerfile", "Containerfile"]

    private let instructions: [Instruction]

    private struct Instruction: Sendable {
        var name: String
        var words: [String]
    }

    init(_ text: String) { instructions = Self.parse(text) }

    /// Registries of `FROM` and `--from`; none of images that were made on the engine's host.
    ///
    /// - Parameter arguments: those of the build; they go before what `ARG` says.
    func registries(arguments: [String: String]) -> Set<String> {
        var values: [String: String] = [:]
        var stages: Set<String> = ["scratch"]
        var images: [String] = []
        var isBeforeStages = true
        for instruction in instructions {
            switch instruction.name {
            case "ARG" where isBeforeStages:
                for word in instruction.words {
                    let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                    if let value = arguments[sides[0]] ?? sides.dropFirst().first.map({ Self.expand(Self.unquoted($0), values) }) {
                        values[sides[0]] = value
                    }
                }
            case "FROM":
                isBeforeStages = false
                let words = instruction.words.drop { $0.hasPrefix("--") }
                guard let image = words.first.map({ Self.expand($0, values) }), !image.isEmpty else { continue }
                if !stages.contains(image.lowercased()) { images.append(image) }
                if words.count == 3, words.dropFirst().first?.uppercased() == "AS", let stage = words.last {
                    stages.insert(stage.lowercased())
                }
            case "COPY", "ADD":
                for word in instruction.words where word.hasPrefix("--from=") {
                    let image = String(word.dropFirst("--from=".count))
                    // Stages have numbers, too.
                    if Int(image) == nil, !stages.contains(image.lowercased()) { images.append(image) }
                }
            default: continue
            }
        }
        return Set(images.map { ImageReference($0) }.filter { !$0.isLocal }.map(\.registry))
    }

    private static func parse(_ text: String) -> [Instruction] {
        var instructions: [Instruction] = []
        var pending = ""
        var escape: Character = "\\"
        var isStart = true
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let content = line.drop(while: \.isWhitespace)
            if content.hasPrefix("#") {
                // Directives stand before everything else.
                let directive = content.dropFirst().filter { !$0.isWhitespace }.lowercased()
                if isStart, directive == "escape=`" { escape = "`" }
                continue
            }
            isStart = false
            var part = content
            while part.last?.isWhitespace == true { part.removeLast() }
            if part.last == escape {
                pending += part.dropLast() + " "
                continue
            }
            let words = (pending + part).split(whereSeparator: \.isWhitespace).map(String.init)
            pending = ""
            if let name = words.first { instructions.append(Instruction(name: name.uppercased(), words: Array(words.dropFirst()))) }
        }
        return instructions
    }

    private static func unquoted(_ text: String) -> String {
        guard text.count >= 2, let quote = text.first, quote == "\"" || quote == "'", text.last == quote else { return text }
        return String(text.dropFirst().dropLast())
    }

    /// `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`.
    private static func expand(_ text: String, _ values: [String: String]) -> String {
        var result = ""
        var rest = unquoted(text)[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "{", let end = rest.firstIndex(of: "}") {
                let inner = rest[rest.index(after: rest.startIndex)..<end]
                rest = rest[rest.index(after: end)...]
                let name = inner.prefix { $0 != ":" }
                let value = values[String(name)] ?? ""
                let operation = inner[name.endIndex...]
                if operation.hasPrefix(":-") {
                    result += value.isEmpty ? String(operation.dropFirst(2)) : value
                } else if operation.hasPrefix(":+") {
                    result += value.isEmpty ? "" : String(operation.dropFirst(2))
                } else {
                    result += value
                }
            } else {
                let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                rest = rest[name.endIndex...]
                result += values[String(name)] ?? ""
            }
        }
        return result + rest
    }
}
