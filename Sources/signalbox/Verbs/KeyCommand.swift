import AgentCoreModel
import ArgumentParser
import Platform
import Store

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make access keys for a database that you run.", subcommands: [Create.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an access key, and its account if that is new. Its secret is shown once.",
            discussion: """
                It works on the database, not through a server, and needs the master key in the home of the servers
                (keys/master.key). With --save the key becomes the one that 'signalbox env' prints for this home.

                EXAMPLES
                  signalbox key create --account 123456789012 --save
                  signalbox key create --account 123456789012 --role invoker --output json
                """)

        @Option(help: ArgumentHelp("Twelve digits.", valueName: "number")) var account: String
        @Option(
            help: ArgumentHelp("admin, operator, invoker or viewer.", valueName: "role"),
            completion: .list(Principal.Role.allCases.map(\.rawValue)))
        var role: Principal.Role = .admin
        @Option(help: ArgumentHelp("Region to note in a saved key.", valueName: "region")) var region = DevelopmentKey.region
        @Flag(help: "Keep the key in the home, for 'signalbox env'.") var save = false
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func validate() throws {
            guard account.utf8.count == 12, account.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw ValidationError("--account: expected twelve digits")
            }
        }

        func run() async throws {
            let settings = try await SettingsReader.load(database, common, printing)
            let logger = try settings.makeLogger()
            let output = try settings.makeOutput()
            let home = HomeDirectory(path: settings.home)
            try home.prepare()
            let key = try await Database.with(try settings.requiredDatabaseURL(), logger: logger) { [account, role] postgres in
                let store = Store(postgres: postgres, secrets: try SecretBox.openOrCreate(home: home.path))
                let context = OperationContext.background("key", logger: logger)
                try await store.accountCreate(context, number: account)
                return try await store.accessKeyCreate(context, account: account, role: role)
            }
            if save {
                try DevelopmentKey(
                    accessKeyId: key.keyID, secretAccessKey: key.secret, account: account, region: region
                ).write(home)
            }
            output.emit(
                .object([
                    "AccessKeyId": .string(key.keyID), "SecretAccessKey": .string(key.secret), "Account": .string(account),
                    "Role": .string(role.rawValue),
                ])
            ) {
                .members([
                    ("access key id", key.keyID), ("secret access key", key.secret), ("account", account),
                    ("role", role.rawValue),
                ])
            }
        }
    }
}

extension Principal.Role: ExpressibleByArgument {}
