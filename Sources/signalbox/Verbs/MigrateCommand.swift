import ArgumentParser
import Platform
import Store

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring a database's schema up to date, or check that it is.",
        discussion: """
            Servers do so by themselves at start. Any number may run at once: one works, the others wait.

            EXAMPLES
              signalbox migrate --database-url postgresql://signalbox@db/signalbox
              signalbox migrate --check
            """)

    @Flag(help: "Change nothing; exit 1 unless the schema is this program's.") var check = false
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await SettingsReader.load(database, common)
        let logger = try settings.makeLogger()
        let url = try settings.requiredDatabaseURL()
        if check {
            try await Database.with(url, logger: logger) { postgres in
                try await Migrator(postgres: postgres).check(.background("migrate", logger: logger))
            }
            return printLine("the schema is up to date")
        }
        let applied = try await Database.migrate(url, logger: logger)
        printLine(applied.isEmpty ? "nothing to do" : "applied " + applied.joined(separator: ", "))
    }
}
