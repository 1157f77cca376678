import ArgumentParser
import Client

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct PresignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presign", abstract: "Print a URL that anybody can open for a while, with your rights.",
        discussion: """
            For browsers and for people without a key. The URL is signed with your access key and good for one path, query and
            method; whoever has it can use it until it ends, or your key does.

            EXAMPLES
              signalbox presign /_signalbox/v1/interpreters
              signalbox presign s3://bucket/report.html --expires 24h
              signalbox presign s3://bucket/upload.zip --method PUT
            """)

    @Argument(help: ArgumentHelp("Path and query, percent-encoded, or s3://BUCKET/KEY.", valueName: "path")) var path: String
    @Option(
        help: ArgumentHelp("GET, PUT, POST, HEAD or DELETE.", valueName: "method"),
        completion: .list(["GET", "PUT", "POST", "HEAD", "DELETE"]))
    var method = "GET"
    @Option(help: ArgumentHelp("How long it is good: 90s, 15m, 24h, at most 7d.", valueName: "time")) var expires = Lifetime(seconds: 900)
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard ["GET", "PUT", "POST", "HEAD", "DELETE"].contains(method.uppercased()) else {
            throw ValidationError("--method \(method): expected GET, PUT, POST, HEAD or DELETE")
        }
        guard (1...604_800).contains(expires.seconds) else { throw ValidationError("--expires: expected 1s to 7d") }
        guard path.hasPrefix("/") || object != nil else { throw ValidationError("expected /PATH or s3://BUCKET/KEY") }
    }

    private var object: (bucket: String, key: String)? {
        guard path.hasPrefix("s3://") else { return nil }
        let parts = path.dropFirst(5).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        return (String(parts[0]), String(parts[1]))
    }

    func run() async throws {
        let settings = try await SettingsReader.load(common)
        let connection = try ConnectionSource.find(
            home: HomeDirectory(path: settings.home), isHomeGiven: common.home != nil,
            environment: ProcessInfo.processInfo.environment)
        if let object {
            return printLine(
                connection.presigned(
                    method.uppercased(), bucket: object.bucket, key: object.key, lifetime: expires.seconds, at: Date()))
        }
        printLine(connection.presigned(method.uppercased(), path, lifetime: expires.seconds, at: Date()))
    }
}
