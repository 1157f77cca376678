import Store
import Synchronization

/// What is being done at a time, and how much more may be.
final class Slots: Sendable {
    private let width: Int
    private let tokens = Mutex<Set<Int64>>([])
    private let short = Atomic(false)

    init(_ width: Int) { self.width = width }

    /// The last claim took as much as it might: more may wait for a free place.
    var isShort: Bool {
        get { short.load(ordering: .sequentiallyConsistent) }
        set { short.store(newValue, ordering: .sequentiallyConsistent) }
    }
    var free: Int { width - tokens.withLock { $0.count } }
    /// Fencing tokens of the claims that are being worked on.
    var inHand: [Int64] { tokens.withLock { Array($0) } }
    func take(_ item: WorkItem) { tokens.withLock { _ = $0.insert(item.fencingToken) } }
    func give(_ item: WorkItem) { tokens.withLock { _ = $0.remove(item.fencingToken) } }
}
