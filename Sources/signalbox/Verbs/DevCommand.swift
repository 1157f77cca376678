import ArgumentParser

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run everything in the foreground: PostgreSQL, sandboxes, server.",
        discussion: """
            Makes a private PostgreSQL in the home unless --database-url names one, and an administrator's access key
            for account 123456789012 in us-east-1, which 'signalbox env' prints. Ctrl-C or SIGTERM stops all of it.

            EXAMPLES
              signalbox dev
              signalbox dev --home /tmp/box --listen 127.0.0.1:0 --ready-file /tmp/box-ready
            """)

    @OptionGroup var server: ServerOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var sandboxes: SandboxOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await SettingsReader.load(server, database, sandboxes, common)
        try await ServerStack(
            settings: settings, databaseURL: try settings.databaseURL(), isDevelopment: true,
            readyFile: server.readyFile, progress: Progress(), logger: try settings.makeLogger()
        ).runUntilStopped()
    }
}
