import Synchronization

/// One listening connection for all readers of some channels.
///
/// With every NOTIFY the server wakes each connection that listens to anything at all, so that each of
/// them makes every change dearer.
final class NotificationHub: Sendable {
    private typealias Continuation = AsyncStream<PostgresNotification.Event>.Continuation

    private struct State {
        var readers: [Int: (channels: Set<String>, continuation: Continuation)] = [:]
        var lastReader = 0
        var isStarted = false
        var isListening = false
        var isEnded = false
    }

    private let channels: Set<String>
    private let start: @Sendable (NotificationHub) -> Void
    private let state = Mutex(State())

    /// - Parameter start: Called with the first reader: has somebody call `hear` from then on.
    init(channels: [String], start: @escaping @Sendable (NotificationHub) -> Void) {
        self.channels = Set(channels)
        self.start = start
    }

    func carries(_ channels: [String]) -> Bool { self.channels.isSuperset(of: channels) }

    /// What comes on `channels`, from `.resumed` on, which comes at once while the connection listens.
    func read(_ channels: [String]) -> AsyncStream<PostgresNotification.Event> {
        let (stream, continuation) = AsyncStream<PostgresNotification.Event>.makeStream()
        let (reader, isFirst, isEnded) = state.withLock { state in
            state.lastReader += 1
            defer { state.isStarted = true }
            if state.isEnded { return (0, false, true) }
            state.readers[state.lastReader] = (Set(channels), continuation)
            // Under the lock, so that no notification can come between; nobody waits for it yet.
            if state.isListening { continuation.yield(.resumed) }
            return (state.lastReader, !state.isStarted, false)
        }
        continuation.onTermination = { [weak self] _ in self?.forget(reader) }
        if isEnded { continuation.finish() }
        if isFirst { start(self) }
        return stream
    }

    /// In the order in which it happens.
    func hear(_ news: Listener.News) {
        switch news {
        case .lost: state.withLock { $0.isListening = false }
        case .ended:
            let readers = state.withLock { state in
                defer { state.readers = [:] }
                state.isEnded = true
                return state.readers
            }
            for reader in readers.values { reader.continuation.finish() }
        case .event(let event):
            let readers = state.withLock { state in
                if event == .resumed { state.isListening = true }
                return state.readers.values.filter { reader in
                    if case .payload(let channel, _) = event { reader.channels.contains(channel) } else { true }
                }
            }
            for reader in readers { reader.continuation.yield(event) }
        }
    }

    /// Called while a reader's task is being cancelled, with the task's own lock held, which whoever resumes the task wants too:
    /// a stream must never be fed with `state` locked, or the two wait for each other.
    private func forget(_ reader: Int) { state.withLock { _ = $0.readers.removeValue(forKey: reader) } }
}
