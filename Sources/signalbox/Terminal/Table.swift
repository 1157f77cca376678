/// Columns for people: left-aligned, two spaces between, as wide as their widest cell.
struct Table: Sendable, Equatable {
    var columns: [String]
    var rows: [[String]] = []

    init(_ columns: [String], rows: [[String]] = []) {
        self.columns = columns
        self.rows = rows
    }

    /// A resource on its own: one row per member.
    static func members(_ members: [(String, String?)]) -> Table {
        Table(["MEMBER", "VALUE"], rows: members.compactMap { name, value in value.map { [name, $0] } })
    }

    var text: String {
        // An empty cell would be invisible and shift what a person reads.
        let lines = ([columns] + rows).map { $0.map { $0.isEmpty ? "-" : $0.onOneLine } }
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            var text = ""
            for (column, cell) in line.enumerated() {
                text += cell
                guard column < line.count - 1 else { continue }
                text += String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return text
        }.joined(separator: "\n")
    }
}

extension String {
    /// Control characters made visible: what a stranger stored must not steer the terminal.
    fileprivate var onOneLine: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    scalar.properties.generalCategory == .control ? " " : scalar
                }))
    }
}
