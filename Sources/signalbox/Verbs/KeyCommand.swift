import AgentCoreModel
import ArgumentParser
import Client
import Platform
import PostgresClient
import Server
import Store

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make, list, rotate and end access keys.",
        discussion: """
            With a database (--database-url or SIGNALBOX_DATABASE_URL) these commands work on it, for every account, without a
            server; making keys needs the servers' master keys in the home. Without one they ask the server, as an administrator
            of one account: see 'signalbox env' for which server and which key.
            """,
        subcommands: [Create.self, List.self, Disable.self, Enable.self, Rotate.self, Delete.self, Session.self])
}

/// A command on keys: on the database when there is one, else through a server.
protocol KeyCommanding: AsyncParsableCommand, Sendable {
    var database: DatabaseOptions { get }
    var common: CommonOptions { get }
    var printing: OutputOptions { get }

    func onDatabase(_ store: Store, _ context: OperationContext) async throws -> JSONValue
    func onServer(_ client: SignalboxClient) async throws -> JSONValue
    func show(_ answer: JSONValue, _ output: Output)
}

extension KeyCommanding {
    func run() async throws {
        let settings = try await SettingsReader.load(database, common, printing)
        show(try await answer(settings), try settings.makeOutput())
    }

    func answer(_ settings: SettingsReader) async throws -> JSONValue {
        guard let url = try settings.databaseURL() else {
            let connection = try ConnectionSource.find(
                home: HomeDirectory(path: settings.home), isHomeGiven: common.home != nil,
                environment: ProcessInfo.processInfo.environment)
            return try await SignalboxClient.with(connection) { try await onServer($0) }
        }
        let home = HomeDirectory(path: settings.home)
        try home.prepare()
        let logger = try settings.makeLogger()
        return try await Database.with(url, logger: logger) { postgres in
            let context = OperationContext.background("key", logger: logger)
            return try await onDatabase(try await .open(postgres, home, context), context)
        }
    }

    func noKey(_ keyID: String) -> CommandError { CommandError("access key '\(keyID)' was not found") }
}

extension Store {
    /// The store of a command, with the master keys of a home.
    static func open(_ postgres: PostgresClient, _ home: HomeDirectory, _ context: OperationContext) async throws -> Store {
        let store = Store(postgres: postgres, secrets: try SecretBox.openOrCreate(home: home.path))
        try await store.masterKeySync(context)
        return store
    }
}

extension KeyCommand {
    struct Create: KeyCommanding {
        static let configuration = CommandConfiguration(
            abstract: "Make an access key. Its secret is shown once.",
            discussion: """
                On a database the account is made, too, if it is new. With --save the key becomes the one that 'signalbox env'
                prints for this home.

                EXAMPLES
                  signalbox key create --account 123456789012 --save
                  signalbox key create --account 123456789012 --role invoker --output json
                  signalbox key create --role viewer
                """)

        @Option(help: ArgumentHelp("Twelve digits; for a database alone.", valueName: "number")) var account: String?
        @Option(
            help: ArgumentHelp("admin, operator, invoker or viewer.", valueName: "role"),
            completion: .list(Principal.Role.allCases.map(\.rawValue)))
        var role: Principal.Role = .admin
        @Option(help: ArgumentHelp("Region to note in a saved key.", valueName: "region")) var region = DevelopmentKey.region
        @Flag(help: "Keep the key in the home, for 'signalbox env'.") var save = false
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func validate() throws { try account.map(AccountCommand.check) }

        func run() async throws {
            let settings = try await SettingsReader.load(database, common, printing)
            if try settings.databaseURL() == nil, account != nil {
                throw CommandError(usage: "--account is for a database; a server makes keys of the caller's own account")
            }
            let key = try await answer(settings)
            if save { try DevelopmentKey(made: key, region: region).write(HomeDirectory(path: settings.home)) }
            show(key, try settings.makeOutput())
        }

        func onDatabase(_ store: Store, _ context: OperationContext) async throws -> JSONValue {
            guard let account else { throw CommandError(usage: "--account: which account's key is it to be?") }
            try await store.accountCreate(context, number: account)
            return JSONValue(try await store.accessKeyCreate(context, account: account, role: role))
        }

        func onServer(_ client: SignalboxClient) async throws -> JSONValue { try await client.keyCreate(role: role.rawValue) }

        func show(_ answer: JSONValue, _ output: Output) { output.emit(answer) { .madeKey(answer) } }
    }

    struct List: KeyCommanding {
        static let configuration = CommandConfiguration(
            abstract: "List access keys, without their secrets.",
            discussion: """
                EXAMPLES
                  signalbox key list
                  signalbox key list --account 123456789012 --output json
                """)

        @Option(help: ArgumentHelp("Only keys of this account; for a database alone.", valueName: "number")) var account: String?
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func onDatabase(_ store: Store, _ context: OperationContext) async throws -> JSONValue {
            .object(["AccessKeys": .array(try await store.accessKeyList(context, account: account).map { JSONValue($0) })])
        }

        func onServer(_ client: SignalboxClient) async throws -> JSONValue {
            guard account == nil else { throw CommandError(usage: "--account is for a database; a server lists the caller's own account") }
            return try await client.keyList()
        }

        func show(_ answer: JSONValue, _ output: Output) { output.emit(answer) { .keys(answer["AccessKeys"]?.array ?? []) } }
    }

    struct Rotate: KeyCommanding {
        static let configuration = CommandConfiguration(
            abstract: "Make a key in another's place; the old one ends after a while.",
            discussion: """
                The new key has the old one's role. Its secret is shown once. Give it to whoever uses the old one within --grace;
                'key enable' keeps the old one after all, 'key disable' ends it at once. With --save the new key becomes the one
                that 'signalbox env' prints for this home.

                EXAMPLES
                  signalbox key rotate AKIA0123456789ABCDEF
                  signalbox key rotate AKIA0123456789ABCDEF --grace 30m --save
                """)

        @Argument(help: ArgumentHelp("Id of the key.", valueName: "key-id")) var keyID: String
        @Option(help: ArgumentHelp("How long the old key stays good: 90s, 30m, 24h, 7d.", valueName: "time"))
        var grace = Lifetime(seconds: AccessRoutes.defaultGrace)
        @Flag(help: "Keep the new key in the home, for 'signalbox env'.") var save = false
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run() async throws {
            let settings = try await SettingsReader.load(database, common, printing)
            let home = HomeDirectory(path: settings.home)
            let region = try DevelopmentKey.read(home)?.region ?? DevelopmentKey.region
            let key = try await answer(settings)
            if save { try DevelopmentKey(made: key, region: region).write(home) }
            show(key, try settings.makeOutput())
        }

        func onDatabase(_ store: Store, _ context: OperationContext) async throws -> JSONValue {
            JSONValue(try await store.accessKeyRotate(context, account: nil, keyID: keyID, graceSeconds: grace.seconds))
        }

        func onServer(_ client: SignalboxClient) async throws -> JSONValue {
            try await client.keyRotate(keyID, graceSeconds: grace.seconds)
        }

        func show(_ answer: JSONValue, _ output: Output) { output.emit(answer) { .madeKey(answer) } }
    }
}

extension DevelopmentKey {
    /// A key just made, as database and server tell of it.
    fileprivate init(made key: JSONValue, region: String) {
        self.init(
            accessKeyId: key["AccessKeyId"]?.string ?? "", secretAccessKey: key["SecretAccessKey"]?.string ?? "",
            account: key["Account"]?.string ?? "", region: region)
    }
}

extension Principal.Role: ExpressibleByArgument {}
