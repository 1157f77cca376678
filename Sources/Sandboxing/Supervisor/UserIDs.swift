import CLinux
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// One host uid (and gid) for each living sandbox, across all supervisors of the host: each uid in use is a
/// locked byte of one file, which the kernel unlocks when its supervisor is gone. What a supervisor left behind
/// keeps its uid from others: processes because they have it, files because the next one holds it (``hold(_:)``).
final class UserIDs: Sendable {
    /// In no range that distributions, systemd or subordinate ids use (systemd.io/UIDS-GIDS: "unused").
    static let preferred: Range<UInt32> = 1_900_000_000..<1_900_060_000
    /// For containers that map only the first 65,536.
    static let small: Range<UInt32> = 50_000..<58_000

    private let range: Range<UInt32>
    private let file: Descriptor
    private let next: Mutex<UInt32>

    init(range: Range<UInt32>?, runtimeDirectory: String) throws {
        let range = range ?? (Self.isMapped(Self.preferred) ? Self.preferred : Self.small)
        guard !range.isEmpty, !range.contains(0) else { throw SystemFailure("uids \(range)", code: EINVAL) }
        self.range = range
        file = try System.open(runtimeDirectory + "/uids", O_RDWR | O_CREAT)
        // Not always from the start: a uid just given back rests as long as possible.
        next = Mutex(UInt32.random(in: range))
    }

    func take() throws(SystemFailure) -> UInt32 {
        try next.withLock { next throws(SystemFailure) in
            for _ in 0..<range.count {
                let candidate = next
                next = next + 1 == range.upperBound ? range.lowerBound : next + 1
                // Two locks of one open file never conflict, so those of this supervisor are told apart by `held`.
                if held.withLock({ $0.contains(candidate) }) { continue }
                guard clinux_lock_byte(file.number, Int64(candidate)) == 0 else { continue }
                guard clinux_uid_has_processes(candidate) == 0 else {
                    _ = clinux_unlock_byte(file.number, Int64(candidate))
                    continue
                }
                held.withLock { _ = $0.insert(candidate) }
                return candidate
            }
            throw SystemFailure("every sandbox uid of \(range) is in use", code: EAGAIN)
        }
    }

    /// For as long as this supervisor lives: something of that uid could not be removed.
    func hold(_ uid: UInt32) {
        _ = clinux_lock_byte(file.number, Int64(uid))
        held.withLock { _ = $0.insert(uid) }
    }

    func giveBack(_ uid: UInt32) {
        held.withLock { _ = $0.remove(uid) }
        _ = clinux_unlock_byte(file.number, Int64(uid))
    }

    private let held = Mutex<Set<UInt32>>([])

    /// Whether this process's user namespace knows these uids.
    private static func isMapped(_ range: Range<UInt32>) -> Bool {
        let lines = System.readText("/proc/self/uid_map")?.split(separator: "\n") ?? []
        return lines.contains { line in
            let numbers = line.split(separator: " ").compactMap { UInt64($0) }
            guard numbers.count == 3 else { return false }
            return numbers[0] <= range.lowerBound && numbers[0] + numbers[2] >= range.upperBound
        }
    }
}
