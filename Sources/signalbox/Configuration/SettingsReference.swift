/// The table of settings for people: `signalbox help configuration` and docs/configuration.md.
enum SettingsReference {
    /// Paragraphs for a terminal.
    static var text: String {
        var lines = [
            "A setting is taken from its flag, else from its environment variable, else from the file, else it has its "
                + "default. An unknown SIGNALBOX_* variable or file key is an error.", "",
        ]
        for setting in Setting.all {
            lines.append(names(setting).joined(separator: "  "))
            lines += wrapped(setting.meaning + (choices(setting).map { " One of: \($0)." } ?? ""))
            lines += wrapped("Default: \(setting.fallback).")
            lines.append("")
        }
        return lines.dropLast().joined(separator: "\n")
    }

    /// docs/configuration.md as a whole.
    static var markdown: String {
        var lines = [
            "# Configuration", "",
            "<!-- Generated: signalbox configuration --markdown > docs/configuration.md -->", "",
            "A setting is taken from its flag, else from its environment variable, else from the JSON file, else it has",
            "its default. An unknown `SIGNALBOX_*` variable, an unknown key in the file and a value of the wrong kind are",
            "errors (exit code 64). An empty variable counts as absent.", "",
            "| flag | environment | file key | default | meaning |",
            "|---|---|---|---|---|",
        ]
        for setting in Setting.all {
            let cells = [
                setting.hasFlag ? "`\(setting.flag)`" : "–", "`\(setting.variable)`",
                setting.isInFile ? "`\(setting.key)`" : "–", setting.fallback,
                setting.meaning + (choices(setting).map { " One of: \($0)." } ?? ""),
            ]
            lines.append("| " + cells.map { $0.escapedForCell }.joined(separator: " | ") + " |")
        }
        lines += [
            "", "An example of a file:", "", "```json", "{", #"  "listen": "0.0.0.0:4747","#,
            #"  "databaseUrl": "postgresql://signalbox@db.internal/signalbox?sslmode=verify-full","#,
            #"  "maximumSessions": 200"#, "}", "```", "",
            "Flags are offered by the commands that use the setting; variables and the file may hold all of them.", "",
        ]
        return lines.joined(separator: "\n")
    }

    /// Indented, and short enough that the terminal doesn't break lines itself.
    private static func wrapped(_ text: String) -> [String] {
        var lines = ["   "]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].count + word.count + 1 > 78 { lines.append("   ") }
            lines[lines.count - 1] += " " + word
        }
        return lines
    }

    private static func names(_ setting: Setting) -> [String] {
        (setting.hasFlag ? [setting.flag] : []) + [setting.variable] + (setting.isInFile ? [setting.key] : [])
    }

    private static func choices(_ setting: Setting) -> String? {
        guard case .choice(let values) = setting.kind else { return nil }
        return values.joined(separator: ", ")
    }
}

extension String {
    fileprivate var escapedForCell: String {
        // A bar would end the cell.
        split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
