import Logging

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Log lines on standard error: text for a terminal, otherwise one JSON object per line.
struct StandardErrorLog: LogHandler {
    enum Format: Sendable { case text, json }

    let label: String
    let format: Format
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        // A request's id under Hummingbird's key: ours is there, too.
        all["hb.request.id"] = nil
        if let metadataProvider { all.merge(metadataProvider.get()) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        Terminal.standardError.writeLine(line(event, all, at: Date()))
    }

    func line(_ event: LogEvent, _ metadata: Logger.Metadata, at date: Date) -> String {
        let time = date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        let pairs = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let suffix = pairs.map { " \($0.key)=\($0.value)" }.joined()
            return "\(time) \(event.level) \(event.message)\(suffix)"
        case .json:
            var members = ["time": time, "level": "\(event.level)", "logger": label]
            // A caller's key never hides one of ours.
            for (key, value) in pairs { members[members[key] == nil && key != "message" ? key : "_" + key] = "\(value)" }
            members["message"] = "\(event.message)"
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            // Strings alone always encode; the message itself is the fallback all the same.
            return (try? encoder.encode(members)).map { String(decoding: $0, as: UTF8.self) } ?? "\(event.message)"
        }
    }
}

extension SettingsReader {
    /// The process's logger, by `--log-level` and `--log-format`.
    func makeLogger() throws -> Logger {
        let level = try string(.logLevel).flatMap(Logger.Level.init(rawValue:)) ?? .notice
        let format: StandardErrorLog.Format =
            switch try string(.logFormat) {
            case "text": .text
            case "json": .json
            default: Terminal.standardError.isInteractive ? .text : .json
            }
        return Logger(label: "signalbox") { StandardErrorLog(label: $0, format: format, logLevel: level) }
    }
}
