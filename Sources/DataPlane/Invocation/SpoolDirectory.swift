import NIOCore
import NIOPosix
import Synchronization

/// Bytes on disk that all spools together may hold.
final class SpoolBudget: Sendable {
    private let used = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func take(_ bytes: Int) -> Bool {
        if used.add(bytes, ordering: .relaxed).newValue <= limit { return true }
        give(bytes)
        return false
    }

    func give(_ bytes: Int) { used.subtract(bytes, ordering: .relaxed) }
    var inUse: Int { used.load(ordering: .relaxed) }
}

/// Where bodies wait whose senders are not known yet, those of invocations and all others alike.
public struct SpoolDirectory: Sendable {
    private let path: String
    private let threads: NIOThreadPool
    private let budget: SpoolBudget

    /// - Parameter limit: Bytes of all files together.
    init(_ path: String, limit: Int, threads: NIOThreadPool) {
        self.path = path
        self.threads = threads
        budget = SpoolBudget(limit: limit)
    }

    /// Bytes that are in files now.
    public var inUse: Int { budget.inUse }

    /// An empty file. What it takes is given back when it is let go.
    public func open() async throws -> BodySpool {
        try await threads.runIfActive { try BodySpool(directory: path, threads: threads, budget: budget) }
    }

    func open(on eventLoop: any EventLoop) -> EventLoopFuture<BodySpool> {
        threads.runIfActive(eventLoop: eventLoop) { try BodySpool(directory: path, threads: threads, budget: budget) }
    }
}
