import AgentCoreModel
import ArgumentParser
import Platform
import Store

struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "Make, list and disable accounts, on a database that you run.",
        subcommands: [Create.self, List.self, Disable.self, Enable.self])

    static func check(_ number: String) throws {
        guard number.utf8.count == 12, number.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw ValidationError("'\(number)': an account has twelve digits")
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an account; one that exists stays as it is.",
            discussion: """
                EXAMPLES
                  signalbox account create 123456789012 --name research
                """)

        @Argument(help: ArgumentHelp("Twelve digits.", valueName: "number")) var account: String
        @Option(help: ArgumentHelp("For people.", valueName: "text")) var name = ""
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func validate() throws { try AccountCommand.check(account) }

        func run() async throws {
            let output = try await AccountCommand.with(database, common, printing) { [account, name] store, context in
                try await store.accountCreate(context, number: account, name: name)
            }
            output.1.emit(.object(["Account": .string(account)]), sentence: "\(account): made")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List accounts.",
            discussion: """
                EXAMPLES
                  signalbox account list --output json
                """)

        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run() async throws {
            let (accounts, output) = try await AccountCommand.with(database, common, printing) { store, context in
                try await store.accountList(context)
            }
            let values = accounts.map { account in
                JSONValue.object([
                    "Account": .string(account.number), "Name": .string(account.name),
                    "Status": .string(account.isDisabled ? "Inactive" : "Active"),
                    "CreateDate": .string("\(WireTimestamp(account.createdAt))"),
                ])
            }
            output.emit(.object(["Accounts": .array(values)])) {
                Table(
                    ["ACCOUNT", "NAME", "STATUS", "CREATED"],
                    rows: values.map { value in
                        ["Account", "Name", "Status", "CreateDate"].map { value[$0]?.string ?? "" }
                    })
            }
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Refuse all keys of an account, at once, on every server. What runs goes on.",
            discussion: """
                EXAMPLES
                  signalbox account disable 123456789012
                """)

        @Argument(help: ArgumentHelp("Twelve digits.", valueName: "number")) var account: String
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run() async throws { try await AccountCommand.change(account, isDisabled: true, database, common, printing) }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let an account's keys be good again; keys that are disabled by themselves stay so.",
            discussion: """
                EXAMPLES
                  signalbox account enable 123456789012
                """)

        @Argument(help: ArgumentHelp("Twelve digits.", valueName: "number")) var account: String
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run() async throws { try await AccountCommand.change(account, isDisabled: false, database, common, printing) }
    }

    private static func change(
        _ account: String, isDisabled: Bool, _ database: DatabaseOptions, _ common: CommonOptions, _ printing: OutputOptions
    ) async throws {
        let (isThere, output) = try await with(database, common, printing) { store, context in
            try await store.accountDisable(context, number: account, isDisabled)
        }
        guard isThere else { throw CommandError("account '\(account)' was not found") }
        output.emit(
            .object(["Account": .string(account), "Status": .string(isDisabled ? "Inactive" : "Active")]),
            sentence: "\(account): \(isDisabled ? "disabled" : "enabled")")
    }

    private static func with<Value: Sendable>(
        _ database: DatabaseOptions, _ common: CommonOptions, _ printing: OutputOptions,
        _ body: @escaping @Sendable (Store, OperationContext) async throws -> Value
    ) async throws -> (Value, Output) {
        let settings = try await SettingsReader.load(database, common, printing)
        let output = try settings.makeOutput()
        let logger = try settings.makeLogger()
        let home = HomeDirectory(path: settings.home)
        try home.prepare()
        let value = try await Database.with(try settings.requiredDatabaseURL(), logger: logger) { postgres in
            let context = OperationContext.background("account", logger: logger)
            // Nothing is sealed or opened: any home will do.
            return try await body(Store(postgres: postgres, secrets: try SecretBox.openOrCreate(home: home.path)), context)
        }
        return (value, output)
    }
}
