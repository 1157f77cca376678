import AgentCoreModel
import ArgumentParser
import Client

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A command that calls a running Signalbox and prints what it says.
protocol ClientCommand: AsyncParsableCommand {
    var common: CommonOptions { get }
    var printing: OutputOptions { get }

    func run(_ client: SignalboxClient, _ output: Output) async throws
}

extension ClientCommand {
    func run() async throws {
        let settings = try await SettingsReader.load(common, printing)
        let output = try settings.makeOutput()
        let connection = try ConnectionSource.find(
            home: HomeDirectory(path: settings.home), isHomeGiven: common.home != nil,
            environment: ProcessInfo.processInfo.environment)
        try await SignalboxClient.with(connection) { try await run($0, output) }
    }
}

/// A runtime as a command's argument.
struct RuntimeArgument: ParsableArguments {
    @Argument(help: "Name, id or ARN of the runtime.")
    var runtime: String
}

/// What a list shows.
struct FilterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only those whose name begins so.", valueName: "text")) var namePrefix: String?
    @Option(help: ArgumentHelp("Only those in this status; may be given several times.", valueName: "status"))
    var status: [String] = []
    @Option(help: ArgumentHelp("Only those with this tag; may be given several times.", valueName: "key=value"))
    var tag: [String] = []

    func validate() throws { _ = try filter }

    var filter: ListFilter {
        get throws {
            let known = AgentRuntimeStatus.allCases.map(\.rawValue).joined(separator: ", ")
            let statuses = try status.map { text in
                guard let status = AgentRuntimeStatus(rawValue: text.uppercased()) else {
                    throw ValidationError("--status \(text): expected one of \(known)")
                }
                return status
            }
            var tags: [String: String] = [:]
            for text in tag {
                let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard sides.count == 2, !sides[0].isEmpty else { throw ValidationError("--tag \(text): expected key=value") }
                guard tags.updateValue(String(sides[1]), forKey: String(sides[0])) == nil else {
                    throw ValidationError("--tag \(sides[0]): given twice")
                }
            }
            return ListFilter(namePrefix: namePrefix, status: statuses.isEmpty ? nil : statuses, tags: tags.isEmpty ? nil : tags)
        }
    }
}
