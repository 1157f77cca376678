import AgentCoreModel
import ArgumentParser
import Server

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI 3.1 document of the API, or write it as a page.",
        discussion: """
            The same as a running server's /_signalbox/v1/openapi.json and /_signalbox/v1/reference. Needs no server.

            EXAMPLES
              signalbox openapi > openapi/signalbox.json
              signalbox openapi --html reference.html
            """)

    @Option(help: ArgumentHelp("Write the reference page, which opens by itself, to this file.", valueName: "file")) var html: String?
    @Option(help: ArgumentHelp("Where the document says that the API is.", valueName: "url")) var server = OpenAPI.defaultServer

    func run() async throws {
        guard let html else {
            writeAll(1, OpenAPI.text(server: server).utf8)
            return
        }
        do {
            try Data(ReferencePage.html(server: server).utf8).write(to: URL(filePath: html))
        } catch {
            throw CommandError("\(html) can't be written: \(error.localizedDescription)")
        }
    }
}
