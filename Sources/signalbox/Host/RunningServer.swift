#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `run/server.json`: where the server of a home answers.
struct RunningServer: Codable, Sendable, Equatable {
    var url: String
    var pid: Int32

    /// nil when nothing runs on the home, whatever a server that died left behind.
    static func find(_ home: HomeDirectory) -> RunningServer? {
        guard let holder = ServerLock.holder(of: home), let data = FileManager.default.contents(atPath: home.serverFile),
            let server = try? JSONDecoder().decode(Self.self, from: data), server.pid == holder
        else { return nil }
        return server
    }

    func write(_ home: HomeDirectory) throws {
        try home.write(JSON.encode(self), to: home.serverFile, mode: 0o644)
    }
}

/// `keys/dev.json`: the access key that `dev` makes for itself, and whose it is.
struct DevelopmentKey: Codable, Sendable, Equatable {
    var accessKeyId: String
    var secretAccessKey: String
    var account: String
    var region: String

    static func read(_ home: HomeDirectory) throws -> DevelopmentKey? {
        guard FileManager.default.fileExists(atPath: home.developmentKey) else { return nil }
        guard let data = FileManager.default.contents(atPath: home.developmentKey),
            let key = try? JSONDecoder().decode(Self.self, from: data)
        else {
            throw CommandError("can't read the access key in \(home.developmentKey)")
        }
        return key
    }

    func write(_ home: HomeDirectory) throws {
        try home.write(JSON.encode(self), to: home.developmentKey, mode: 0o600)
    }
}

private enum JSON {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }
}
