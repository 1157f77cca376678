import Platform
import Synchronization

/// Wakes one waiter; a wake while nobody waits is kept for the next.
final class WakeSignal: Sendable {
    private struct State {
        var isPending = false
        /// Tells a waiter's own timer from a later waiter's.
        var turn = 0
        var waiter: CheckedContinuation<Bool, Never>?
    }
    private let state = Mutex(State())

    func wake() { resume(turn: nil) }

    /// Returns at a wake, true, or after `duration` or when the task is cancelled, false.
    @discardableResult
    func wait(atMost duration: Duration, clock: any TimeSource) async -> Bool {
        let turn = state.withLock { state in
            state.turn += 1
            return state.turn
        }
        let timer = Task {
            try? await clock.sleep(for: duration)
            resume(turn: turn)
        }
        let isWoken = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isPending: Bool? = state.withLock { state in
                    if state.isPending || Task.isCancelled {
                        defer { state.isPending = false }
                        return state.isPending
                    }
                    state.waiter = continuation
                    return nil
                }
                if let isPending { continuation.resume(returning: isPending) }
            }
        } onCancel: {
            resume(turn: turn)
        }
        timer.cancel()
        return isWoken
    }

    private func resume(turn: Int?) {
        let waiter = state.withLock { state in
            // A timer that comes late is of no interest to anybody.
            if let turn, turn != state.turn { return nil as CheckedContinuation<Bool, Never>? }
            guard let waiter = state.waiter else {
                if turn == nil { state.isPending = true }
                return nil
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume(returning: turn == nil)
    }
}
