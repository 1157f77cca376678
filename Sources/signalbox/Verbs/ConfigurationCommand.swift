import ArgumentParser

/// A command so that `signalbox help configuration` works.
struct ConfigurationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configuration", abstract: "Show every setting, with its flag, variable, file key and default.",
        discussion: SettingsReference.text + """


            EXAMPLES
              signalbox configuration
              signalbox configuration --markdown > docs/configuration.md
            """)

    @Flag(help: "Print docs/configuration.md.") var markdown = false

    func run() async throws {
        writeAll(1, (markdown ? SettingsReference.markdown : SettingsReference.text + "\n").utf8)
    }
}
