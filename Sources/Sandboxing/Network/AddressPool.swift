import CLinux
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// One address for each living sandbox, across all supervisors of the host: as with ``UserIDs``, each address in use
/// is a locked byte of one file, which the kernel unlocks when its supervisor is gone.
final class AddressPool: Sendable {
    private let usable: ClosedRange<UInt32>
    private let file: Descriptor
    private let state: Mutex<(next: UInt32, held: Set<UInt32>)>

    /// The subnet's first address after the network's own.
    let gateway: IPv4Address

    init(subnet: IPv4Range, runtimeDirectory: String) throws {
        guard subnet.length <= 29, subnet.length >= 8 else {
            throw WayOutFailure("sandboxes' addresses \(subnet): a length of 8 to 29 is needed")
        }
        gateway = IPv4Address(subnet.first.number + 1)
        usable = subnet.first.number + 2...subnet.last.number - 1
        file = try System.open(runtimeDirectory + "/addresses", O_RDWR | O_CREAT)
        // Not always from the start: one just given back rests as long as possible.
        state = Mutex((UInt32.random(in: usable), []))
    }

    func take() throws -> IPv4Address {
        try state.withLock { state in
            for _ in usable {
                let candidate = state.next
                state.next = candidate == usable.upperBound ? usable.lowerBound : candidate + 1
                // Two locks of one open file never conflict, so those of this supervisor are told apart by `held`.
                guard !state.held.contains(candidate), clinux_lock_byte(file.number, Int64(candidate)) == 0 else { continue }
                state.held.insert(candidate)
                return IPv4Address(candidate)
            }
            throw WayOutFailure("every address for sandboxes is in use")
        }
    }

    /// One that is known to be in use. False: another supervisor has it.
    func hold(_ address: IPv4Address) -> Bool {
        state.withLock { state in
            guard clinux_lock_byte(file.number, Int64(address.number)) == 0 else { return false }
            state.held.insert(address.number)
            return true
        }
    }

    func giveBack(_ address: IPv4Address) {
        state.withLock { state in
            guard state.held.remove(address.number) != nil else { return }
            _ = clinux_unlock_byte(file.number, Int64(address.number))
        }
    }
}

/// Why sandboxes have no way out, or this one has none: a sentence for people.
struct WayOutFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
