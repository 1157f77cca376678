import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run one server on a PostgreSQL of yours.",
        discussion: """
            Brings the schema up to date and starts the host's supervisor unless one runs. On SIGTERM invocations in
            flight may end; sandboxes stay with the supervisor, for the next server to adopt. With --supervisor-socket
            it starts none and needs no privilege. It tells systemd when it is ready (Type=notify). On SIGHUP it reads
            certificates and master keys again. Other addresses than loopback need TLS, or --allow-plaintext.

            EXAMPLES
              SIGNALBOX_DATABASE_URL=postgresql://signalbox@db/signalbox signalbox serve --listen 0.0.0.0:4747 \\
                --tls-certificate cert.pem --tls-key key.pem
              signalbox key create --account 123456789012
              signalbox serve --supervisor-socket /run/signalbox/supervisor.sock
            """)

    @OptionGroup var server: ServerOptions
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var sandboxes: SandboxOptions
    @OptionGroup var supervisor: SupervisorOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await SettingsReader.load(server, database, sandboxes, supervisor, common)
        try await ServerStack(
            settings: settings, databaseURL: try settings.requiredDatabaseURL(), isDevelopment: false,
            readyFile: server.readyFile, progress: Progress(isShown: Terminal.standardError.isInteractive),
            logger: try settings.makeLogger()
        ).runUntilStopped()
    }
}
