import CLinux
import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A thread for calls that block, one after the other. It never ends while its owner lives: processes started
/// on it die with it (PR_SET_PDEATHSIG counts threads, not processes).
final class BlockingThread: Sendable {
    private final class Queue: Sendable {
        private let jobs = Mutex<[@Sendable () -> Void]>([])
        private let ended = Atomic<Bool>(false)
        private let available = DispatchSemaphore(value: 0)

        func put(_ job: @escaping @Sendable () -> Void) {
            jobs.withLock { $0.append(job) }
            available.signal()
        }

        func end() {
            ended.store(true, ordering: .releasing)
            available.signal()
        }

        /// `nil`: no more will come.
        func take() -> (@Sendable () -> Void)? {
            while true {
                available.wait()
                if let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return job }
                if ended.load(ordering: .acquiring) { return nil }
            }
        }
    }

    private let queue = Queue()

    init(name: String) {
        Self.spawn(name: name) { [queue] in
            while let job = queue.take() { job() }
        }
    }

    deinit { queue.end() }

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.put { continuation.resume(with: Result { try body() }) }
        }
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.put { continuation.resume(returning: body()) }
        }
    }

    /// Starts a detached thread with all signals blocked: they are for the main thread.
    static func spawn(name: String, _ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let name: String
            let body: @Sendable () -> Void
            init(_ name: String, _ body: @escaping @Sendable () -> Void) {
                self.name = name
                self.body = body
            }
        }
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(name, body))
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                clinux_name_thread(box.name)
                box.body()
                return nil
            }, box.toOpaque())
        precondition(result == 0, "no thread can be started: \(String(cString: strerror(result)))")
        pthread_detach(thread)
    }
}
