#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// User metadata as it stands in its jsonb column.
enum ObjectMetadata {
    static func encode(_ metadata: [String: String]) throws -> String {
        String(decoding: try JSONEncoder().encode(metadata), as: UTF8.self)
    }

    static func decode(_ json: String) throws -> [String: String] {
        try JSONDecoder().decode([String: String].self, from: Data(json.utf8))
    }
}
