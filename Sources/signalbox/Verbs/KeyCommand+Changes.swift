import AgentCoreModel
import ArgumentParser
import Client
import Platform
import Store

extension KeyCommand {
    struct Disable: KeyCommanding {
        static let configuration = CommandConfiguration(
            abstract: "End a key at once, on every server.",
            discussion: """
                Temporary credentials made with it end, too. 'key enable' makes it good again.

                EXAMPLES
                  signalbox key disable AKIA0123456789ABCDEF
                """)

        @Argument(help: ArgumentHelp("Id of the key.", valueName: "key-id")) var keyID: String
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func onDatabase(_ store: Store, _ context: OperationContext) async throws -> JSONValue {
            guard try await store.accessKeyDisable(context, account: nil, keyID: keyID) else { throw noKey(keyID) }
            return .keyStatus(keyID, "Inactive")
        }

        func onServer(_ client: SignalboxClient) async throws -> JSONValue {
            try await client.keyDisable(keyID)
            return .keyStatus(keyID, "Inactive")
        }

        func show(_ answer: JSONValue, _ output: Output) { output.emit(answer, sentence: "\(keyID): disabled") }
    }

    struct Enable: KeyCommanding {
        static let configuration = CommandConfiguration(
            abstract: "Make a disabled or rotated key good again.",
            discussion: """
                EXAMPLES
                  signalbox key enable AKIA0123456789ABCDEF
                """)

        @Argument(help: ArgumentHelp("Id of the key.", valueName: "key-id")) var keyID: String
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func onDatabase(_ store: Store, _ context: OperationContext) async throws -> JSONValue {
            guard try await store.accessKeyEnable(context, account: nil, keyID: keyID) else { throw noKey(keyID) }
            return .keyStatus(keyID, "Active")
        }

        func onServer(_ client: SignalboxClient) async throws -> JSONValue {
            try await client.keyEnable(keyID)
            return .keyStatus(keyID, "Active")
        }

        func show(_ answer: JSONValue, _ output: Output) { output.emit(answer, sentence: "\(keyID): enabled") }
    }

    struct Delete: KeyCommanding {
        static let configuration = CommandConfiguration(
            abstract: "End a key for good.",
            discussion: """
                EXAMPLES
                  signalbox key delete AKIA0123456789ABCDEF
                """)

        @Argument(help: ArgumentHelp("Id of the key.", valueName: "key-id")) var keyID: String
        @OptionGroup var database: DatabaseOptions
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func onDatabase(_ store: Store, _ context: OperationContext) async throws -> JSONValue {
            guard try await store.accessKeyDelete(context, account: nil, keyID: keyID) else { throw noKey(keyID) }
            return .keyStatus(keyID, "Deleted")
        }

        func onServer(_ client: SignalboxClient) async throws -> JSONValue {
            try await client.keyDelete(keyID)
            return .keyStatus(keyID, "Deleted")
        }

        func show(_ answer: JSONValue, _ output: Output) { output.emit(answer, sentence: "\(keyID): deleted") }
    }

    struct Session: ClientCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make temporary credentials with your key.",
            discussion: """
                They have your key's role or a lesser one, and end with it. Prints what a shell evaluates, or with --output json
                what the SDKs expect of a credential_process.

                EXAMPLES
                  eval "$(signalbox key session --duration 1h --role invoker)"
                  signalbox key session --output json
                """)

        @Option(help: ArgumentHelp("How long they last: 15m to 12h.", valueName: "time")) var duration = Lifetime(seconds: 3600)
        @Option(
            help: ArgumentHelp("A lesser role: operator, invoker or viewer.", valueName: "role"),
            completion: .list(Principal.Role.allCases.map(\.rawValue)))
        var role: Principal.Role?
        @OptionGroup var common: CommonOptions
        @OptionGroup var printing: OutputOptions

        func run(_ client: SignalboxClient, _ output: Output) async throws {
            let made = try await client.sessionCredentials(role: role?.rawValue, seconds: duration.seconds)
            switch output.format {
            case .json: printLine(made.pretty)
            case .table:
                let variables = [
                    ("AWS_ACCESS_KEY_ID", "AccessKeyId"), ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
                    ("AWS_SESSION_TOKEN", "SessionToken"),
                ]
                for (variable, member) in variables { printLine("export \(variable)=\(Shell.quote(made[member]?.string ?? ""))") }
            }
        }
    }
}

extension JSONValue {
    fileprivate static func keyStatus(_ keyID: String, _ status: String) -> JSONValue {
        .object(["AccessKeyId": .string(keyID), "Status": .string(status)])
    }
}
