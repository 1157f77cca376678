import ArgumentParser
import Client

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct InvokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invoke", abstract: "Call an agent and print its answer as it comes.",
        discussion: """
            The answer goes to standard output, byte for byte; the session's id goes to standard error. Give it by
            --session (33 to 256 characters) to meet the same session again; without it each call has its own.

            EXAMPLES
              signalbox invoke hello '{"name": "Ada"}'
              signalbox invoke hello --qualifier prod @request.json
              echo '{}' | signalbox invoke hello --accept text/event-stream -
            """)

    @OptionGroup var target: RuntimeArgument
    @Argument(help: "What the agent is sent: text, @FILE, or - for standard input.") var payload: String
    @Option(help: ArgumentHelp("Endpoint to call; DEFAULT if not given.", valueName: "endpoint")) var qualifier: String?
    @Option(help: ArgumentHelp("Session to call in.", valueName: "id")) var session: String?
    @Option(help: ArgumentHelp("Media type of the payload.", valueName: "type")) var contentType = "application/json"
    @Option(help: ArgumentHelp("Media type of the answer that is wanted.", valueName: "type")) var accept: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try await SettingsReader.load(common)
        let connection = try ConnectionSource.find(
            home: HomeDirectory(path: settings.home), isHomeGiven: common.home != nil,
            environment: ProcessInfo.processInfo.environment)
        let request = InvocationRequest(
            qualifier: qualifier, sessionID: session, contentType: contentType, accept: accept, payload: try bytes())
        try await SignalboxClient.with(connection) { client in
            let runtime = try await client.runtimeResolve(target.runtime)
            var last: UInt8?
            try await client.invoke(runtime, request) { head in
                if let session = head.sessionID { Terminal.standardError.writeLine("session \(session)") }
            } onChunk: { chunk in
                // Whoever read our output has seen enough: so have we.
                guard writeAll(1, chunk) else { throw ExitCode.success }
                last = chunk.last ?? last
            }
            // On a terminal the prompt should not stick to the answer; a file gets the bytes alone.
            if isatty(1) == 1, last != UInt8(ascii: "\n") { writeAll(1, "\n".utf8) }
        }
    }

    /// One byte more than the service takes (contract §5), so that too much is refused there, in its words.
    private static let maximumPayload = 100_000_001

    private func bytes() throws -> [UInt8] {
        if payload == "-" { return try readUpTo(0, Self.maximumPayload) }
        guard payload.hasPrefix("@") else { return Array(payload.utf8) }
        let path = String(payload.dropFirst())
        guard let data = FileManager.default.contents(atPath: path) else { throw CommandError("can't read \(path)") }
        return Array(data)
    }
}
