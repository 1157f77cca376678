import Synchronization

/// One statement on its way, and the task or the call that waits for it. The first of answer, error,
/// deadline and cancellation is heard; what comes later is discarded.
final class PendingRequest: Sendable {
    enum Work: Sendable {
        case statement(text: String, EncodedParameters)
        /// Simple protocol: several statements without parameters. Pinned lane only.
        case script(String)
        /// One after the other in one round trip; an error keeps those after it from running. Pinned lane only.
        case batch([Piece], BatchResults)
    }

    struct Piece: Sendable {
        var text: String
        var parameters: EncodedParameters
    }

    /// What the statements of a batch gave, besides the last one's, which the caller hears.
    final class BatchResults: Sendable {
        private let stored = Mutex<[QueryResult]>([])

        /// One for each statement, once the request has succeeded.
        var all: [QueryResult] { stored.withLock { $0 } }

        func set(_ results: [QueryResult]) { stored.withLock { $0 = results } }
    }

    typealias Completion = @Sendable (Result<QueryResult, any Error>) -> Void

    private enum State {
        case fresh
        case waiting(UnsafeContinuation<QueryResult, any Error>)
        case calling(Completion)
        case finished
    }

    let work: Work
    let deadline: ContinuousClock.Instant
    private let state: Mutex<State>

    init(_ work: Work, deadline: ContinuousClock.Instant) {
        self.work = work
        self.deadline = deadline
        state = Mutex(.fresh)
    }

    /// A request that makes a call at its end, on whatever thread that comes.
    init(_ work: Work, deadline: ContinuousClock.Instant, _ completion: @escaping Completion) {
        self.work = work
        self.deadline = deadline
        state = Mutex(.calling(completion))
    }

    /// True when nobody waits for the answer any more.
    var isFinished: Bool {
        state.withLock { if case .finished = $0 { true } else { false } }
    }

    /// Hands the request to `submit` and waits. `interrupt` runs when the task was cancelled, after
    /// it was resumed; by then the statement may be on its way.
    func wait(
        submit: @Sendable (PendingRequest) -> Void, interrupt: @escaping @Sendable (PendingRequest) -> Void = { _ in }
    ) async throws -> QueryResult {
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                let proceeds = state.withLock { state in
                    guard case .fresh = state else { return false }
                    state = .waiting(continuation)
                    return true
                }
                if proceeds { submit(self) } else { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            finish(.failure(CancellationError()))
            interrupt(self)
        }
    }

    /// Tells whoever waits, unless that was done before.
    func finish(_ outcome: Result<QueryResult, any Error>) {
        let waiting = state.withLock { state in
            defer { state = .finished }
            return state
        }
        switch waiting {
        case .waiting(let continuation): continuation.resume(with: outcome)
        case .calling(let completion): completion(outcome)
        case .fresh, .finished: return
        }
    }

    func fail(_ error: PostgresError) { finish(.failure(error)) }
}
