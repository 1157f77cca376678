import Synchronization

/// A fixed number of counters that any thread may add to without a lock.
///
/// `@unchecked Sendable`: the memory is made once and freed with the last reference; what is in it is
/// touched by atomic operations alone.
final class MetricCells: @unchecked Sendable {
    let count: Int
    private let cells: UnsafeMutablePointer<Atomic<Int64>>

    init(_ count: Int) {
        self.count = count
        cells = .allocate(capacity: count)
        for index in 0..<count { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: count)
        cells.deallocate()
    }

    /// Out of range: nothing is counted.
    func add(_ amount: Int64, to index: Int) {
        guard index >= 0, index < count else { return }
        cells[index].wrappingAdd(amount, ordering: .relaxed)
    }

    subscript(index: Int) -> Int64 { index >= 0 && index < count ? cells[index].load(ordering: .relaxed) : 0 }

    func set(_ value: Int64, at index: Int) {
        guard index >= 0, index < count else { return }
        cells[index].store(value, ordering: .relaxed)
    }
}
