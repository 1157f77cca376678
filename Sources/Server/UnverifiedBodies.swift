import Platform
import Synchronization

/// How much memory the bodies of strangers may take.
///
/// A body without a declared hash must be read before its sender is known. The first 64 KiB of each are bounded by the
/// number of connections; what is beyond counts here. (Payloads of invocations, which may be far larger, wait on disk.)
final class UnverifiedBodies: Sendable {
    /// Bytes of each body that nobody counts.
    static let free = 64 * 1024

    private let used = Atomic<Int>(0)
    private let limit: Int

    /// - Parameter limit: Bytes beyond the free ones, all bodies together.
    init(limit: Int = 64 << 20) { self.limit = limit }

    var inUse: Int { used.load(ordering: .relaxed) }

    /// One body's part, given back when it is let go.
    final class Lease: Sendable {
        private let bodies: UnverifiedBodies
        private let counted = Atomic<Int>(0)

        fileprivate init(_ bodies: UnverifiedBodies) { self.bodies = bodies }

        deinit { bodies.used.subtract(counted.load(ordering: .relaxed), ordering: .relaxed) }

        /// Before the body grows to `size` bytes. Throws `.unavailable` when all are too many.
        func grow(to size: Int) throws(SignalboxError) {
            let more = size - UnverifiedBodies.free - counted.load(ordering: .relaxed)
            guard more > 0 else { return }
            guard bodies.used.add(more, ordering: .relaxed).newValue <= bodies.limit else {
                bodies.used.subtract(more, ordering: .relaxed)
                throw .unavailable("Too many large requests are in progress.", retryAfterSeconds: 2)
            }
            counted.add(more, ordering: .relaxed)
        }
    }

    func lease() -> Lease { Lease(self) }
}
