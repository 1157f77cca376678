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
