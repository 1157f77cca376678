import Synchronization

/// Counts what is being done at a time.
final class Slots: Sendable {
    private let count: Mutex<Int>

    init(_ count: Int) { self.count = Mutex(count) }

    var free: Int { count.withLock { $0 } }
    func take() { count.withLock { $0 -= 1 } }
    func give() { count.withLock { $0 += 1 } }
}
