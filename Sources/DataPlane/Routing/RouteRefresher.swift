import Platform
import Synchronization

/// Endpoints whose routes are to be read again. Those that change while one read is under way share
/// the next one, and reads keep a distance: a storm of changes costs a few statements.
final class RouteRefresher: Sendable {
    /// Endpoints of a statement.
    private static let batch = 256
    /// Before each read: a switch changes its endpoint twice within a few milliseconds.
    private static let spacing: Duration = .milliseconds(10)

    private let waiting = Mutex<Set<Int64>>([])
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init() { (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func changed(_ endpoint: Int64) {
        waiting.withLock { _ = $0.insert(endpoint) }
        signal.yield()
    }

    /// Calls `read` with what has changed, one call at a time, until cancelled.
    func run(clock: any TimeSource, _ read: ([Int64]) async -> Void) async {
        for await _ in signals {
            while true {
                if waiting.withLock({ $0.isEmpty }) { break }
                try? await clock.sleep(for: Self.spacing)
                let next = waiting.withLock { waiting in
                    let next = Array(waiting.prefix(Self.batch))
                    waiting.subtract(next)
                    return next
                }
                if Task.isCancelled { break }
                await read(next)
            }
        }
    }
}
