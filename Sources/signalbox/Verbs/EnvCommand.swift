import AgentCoreModel
import ArgumentParser
import Client

struct EnvCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Print the variables that point AWS's SDKs and CLI at the Signalbox of a home.",
        discussion: """
            The output holds the secret key of the administrator: it is meant for eval, not for a log.

            EXAMPLES
              eval "$(signalbox env)"
              signalbox env --output json
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var printing: OutputOptions

    func run() async throws {
        let settings = try await SettingsReader.load(common, printing)
        // Never the caller's own AWS variables: they may be an older Signalbox's.
        let connection = try ConnectionSource.find(
            home: HomeDirectory(path: settings.home), isHomeGiven: true, environment: [:])
        let output = try settings.makeOutput()
        printLine(Self.text(connection, format: output.format))
    }

    static func text(_ connection: Connection, format: Output.Format) -> String {
        let variables = variables(connection)
        switch format {
        case .table: return variables.map { "export \($0)=\(Shell.quote($1))" }.joined(separator: "\n")
        case .json:
            return JSONValue.object(Dictionary(variables.map { ($0, .string($1)) }, uniquingKeysWith: { $1 })).pretty
        }
    }

    private static func variables(_ connection: Connection) -> [(String, String)] {
        [
            ("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", connection.dataPlane),
            ("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL", connection.controlPlane),
            ("AWS_ENDPOINT_URL_S3", connection.objects),
            ("AWS_REGION", connection.region),
            ("AWS_DEFAULT_REGION", connection.region),
            ("AWS_ACCESS_KEY_ID", connection.credential.accessKeyID),
            ("AWS_SECRET_ACCESS_KEY", connection.credential.secretAccessKey),
        ] + (connection.account.map { [("AWS_ACCOUNT_ID", $0)] } ?? [])
    }
}
