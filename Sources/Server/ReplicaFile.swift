import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The replica's id, kept in its home so that a restarted server finds its own sessions again
/// (docs/architecture.md, decision 11).
enum ReplicaFile {
    static func idOrCreate(home: String) throws -> String {
        let path = URL(filePath: home + "/replica")
        if FileManager.default.fileExists(atPath: path.path) {
            let text = try String(contentsOf: path, encoding: .utf8)
            let id = String(text.prefix { !$0.isWhitespace })
            guard let uuid = UUID(uuidString: id) else {
                throw SignalboxError.internal("\(path.path) does not hold a replica's UUID: move the file away")
            }
            return uuid.uuidString.lowercased()
        }
        let id = Identifier.uuid()
        try Data((id + "\n").utf8).write(to: path, options: .atomic)
        return id
    }
}
