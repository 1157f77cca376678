import Dispatch

/// Runs blocking file work on threads of its own, away from the cooperative pool.
struct BlockingWork: Sendable {
    private let queue = DispatchQueue(label: "signalbox.bundles", attributes: .concurrent)

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
