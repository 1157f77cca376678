import AgentCoreModel
import Synchronization

/// Configurations that were read from the database not long ago, by their bytes: a version's never
/// change, and to decode one costs more than to fetch it.
///
/// Two generations bound it: what is asked for moves to the young one, and when that is full the old
/// one is dropped.
final class ConfigurationCache: Sendable {
    private struct Generations {
        var young: [[UInt8]: VersionConfiguration] = [:]
        var old: [[UInt8]: VersionConfiguration] = [:]
    }
    /// Entries of a generation, and the largest configuration that is kept, in bytes: 16 MiB at most.
    private static let capacity = 1_024
    private static let largest = 8_192

    private let generations = Mutex(Generations())

    func configuration(_ bytes: [UInt8]) throws -> VersionConfiguration {
        if let known = generations.withLock({ $0.young[bytes] }) { return known }
        let old = generations.withLock { $0.old[bytes] }
        let found = try old ?? VersionConfiguration(canonicalBytes: bytes)
        if bytes.count <= Self.largest {
            generations.withLock { generations in
                if generations.young.count >= Self.capacity {
                    generations.old = generations.young
                    generations.young = [:]
                }
                generations.young[bytes] = found
            }
        }
        return found
    }
}
