import Access
import AgentCoreModel
import ArgumentParser
import Platform
import PostgresClient
import Store

struct MasterKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "master-key", abstract: "Change the key under which secrets are sealed in a database that you run.",
        discussion: """
            Master keys are files in the servers' homes: keys/master.key and keys/master/ID.key. All of them open, one seals.
            Servers need no restart: rotate, wait until 'list' shows no row under the old key, then retire it.
            """,
        subcommands: [List.self, Rotate.self, Retire.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List master keys, what is sealed under each, and which servers lack it.",
            discussion: """
                EXAMPLES
                  signalbox master-key list --home /var/lib/signalbox
                """)

        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run() async throws {
            let settings = try await SettingsReader.load(database, common, printing)
            let (keys, holders) = try await MasterKeyCommand.with(settings) { store, context in
                (try await store.masterKeyList(context), try await store.masterKeyHolders(context))
            }
            let values = keys.map { key in
                JSONValue.object([
                    "MasterKeyId": .string(key.id), "Status": .string(key.state.rawValue), "AccessKeys": .integer(Int64(key.accessKeys)),
                    "Environments": .integer(Int64(key.environments)), "CreateDate": .string("\(WireTimestamp(key.createdAt))"),
                    "MissingOn": .array(
                        key.state == .retired ? [] : holders.filter { !$0.keys.contains(key.id) }.map { .string($0.host) }),
                ])
            }
            try settings.makeOutput().emit(.object(["MasterKeys": .array(values)])) {
                Table(
                    ["ID", "STATUS", "ACCESS KEYS", "ENVIRONMENTS", "CREATED", "MISSING ON"],
                    rows: values.map { value in
                        ["MasterKeyId", "Status", "AccessKeys", "Environments", "CreateDate"].map { member in
                            value[member].map { $0.string ?? $0.text } ?? ""
                        } + [(value["MissingOn"]?.array ?? []).compactMap(\.string).joined(separator: " ")]
                    })
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal with a new master key from now on, and seal anew what there is.",
            discussion: """
                Makes the key's file in this home and waits until every running server has the key. Servers with other homes
                need the file copied there; run the command again afterwards. Then they seal with it, and seal anew what is
                under the old key. Back the new file up.

                EXAMPLES
                  signalbox master-key rotate --home /var/lib/signalbox
                """)

        @Option(help: ArgumentHelp("How long to wait for servers to have the key.", valueName: "time")) var wait = Lifetime(seconds: 15)
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run() async throws {
            let settings = try await SettingsReader.load(database, common, printing)
            let output = try settings.makeOutput()
            let (home, progress) = (settings.home, Progress())
            let id = try await MasterKeyCommand.with(settings) { [wait] store, context in
                let prepared = try await store.masterKeyList(context).first {
                    $0.state == .prepared && store.secrets.ring.ids.contains($0.id)
                }
                let id = try prepared?.id ?? store.secrets.ring.add().id
                try await store.masterKeyPrepare(context, id: id)
                try await progress.step("servers have master key \(id)") { _ in
                    let lacking = try await MasterKeyCommand.waitForHolders(store, context, id, wait.seconds)
                    guard lacking.isEmpty else {
                        throw CommandError(
                            "master key \(id) is not on \(lacking.map(\.host).joined(separator: ", ")): copy "
                                + "\(home)/keys/master/\(id).key there, for the server's user alone, and run this command again")
                    }
                }
                guard try await store.masterKeyUse(context, id: id) else {
                    throw CommandError("master key \(id) is current or was already")
                }
                try await store.masterKeySync(context)
                return id
            }
            output.emit(.object(["MasterKeyId": .string(id), "Status": .string("current")]), sentence: "\(id): current")
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give up a master key that nothing is sealed under any more.",
            discussion: """
                Refused within 12 hours of its replacement, since session tokens made under it may be in use, unless --force is
                given. Removes the key's file from this home; remove it from the others' yourself.

                EXAMPLES
                  signalbox master-key retire 0123456789abcdef --home /var/lib/signalbox
                """)

        @Argument(help: ArgumentHelp("Id, as 'list' shows it.", valueName: "id")) var id: String
        @Flag(help: "End session tokens made under it.") var force = false
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run() async throws {
            let settings = try await SettingsReader.load(database, common, printing)
            let output = try settings.makeOutput()
            try await MasterKeyCommand.with(settings) { [id, force] store, context in
                try await store.masterKeyRetire(context, id: id, tokenSeconds: force ? 0 : SessionTokens.lifetimes.upperBound)
                try store.secrets.ring.removeFile(id)
            }
            output.emit(.object(["MasterKeyId": .string(id), "Status": .string("retired")]), sentence: "\(id): retired")
        }
    }

    /// Waits up to so many seconds. Returns the servers that still lack the key.
    private static func waitForHolders(
        _ store: Store, _ context: OperationContext, _ id: String, _ seconds: Int
    ) async throws -> [MasterKeyHolder] {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let lacking = try await store.masterKeyHolders(context).filter { !$0.keys.contains(id) }
            if lacking.isEmpty || ContinuousClock.now > deadline { return lacking }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private static func with<Value: Sendable>(
        _ settings: SettingsReader, _ body: @escaping @Sendable (Store, OperationContext) async throws -> Value
    ) async throws -> Value {
        let home = HomeDirectory(path: settings.home)
        try home.prepare()
        let logger = try settings.makeLogger()
        return try await Database.with(try settings.requiredDatabaseURL(), logger: logger) { postgres in
            let context = OperationContext.background("master key", logger: logger)
            return try await body(try await .open(postgres, home, context), context)
        }
    }
}
