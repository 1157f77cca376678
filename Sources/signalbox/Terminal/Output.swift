import AgentCoreModel

/// What a command prints on standard output: a table for people or AWS-shaped JSON for scripts.
struct Output: Sendable {
    enum Format: String, Sendable { case table, json }

    let format: Format

    /// The text that `emit` prints.
    func text(_ json: JSONValue, table: () -> Table) -> String {
        switch format {
        case .json: json.pretty
        case .table: table().text
        }
    }

    func emit(_ json: JSONValue, table: () -> Table) { printLine(text(json, table: table)) }

    /// A sentence for people; the JSON for scripts.
    func emit(_ json: JSONValue, sentence: String) {
        switch format {
        case .json: printLine(json.pretty)
        case .table: printLine(sentence)
        }
    }
}

extension SettingsReader {
    func makeOutput() throws -> Output {
        Output(format: try string(.output).flatMap(Output.Format.init(rawValue:)) ?? .table)
    }
}

extension JSONValue {
    /// Two spaces per level, sorted keys, as the AWS CLI writes.
    var pretty: String { pretty(indent: "") }

    private func pretty(indent: String) -> String {
        let deeper = indent + "  "
        switch self {
        case .array(let elements) where !elements.isEmpty:
            let lines = elements.map { deeper + $0.pretty(indent: deeper) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members) where !members.isEmpty:
            let lines = members.sorted { $0.key < $1.key }.map { key, value in
                "\(deeper)\(JSONValue.string(key).text): \(value.pretty(indent: deeper))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        default:
            return text
        }
    }
}
