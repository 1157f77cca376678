import CLinux
import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// One thread that waits for descriptors and runs the jobs of the actors it executes.
///
/// An actor with this executor handles readiness and asynchronous work on one thread, without locks and
/// without a hop between a request's arrival and its answer. Nothing on it may block.
final class EventLoop: SerialExecutor, Sendable {
    typealias Handler = (_ readable: Bool, _ writable: Bool) -> Void

    /// Touched by the loop's thread alone.
    // Safe to share: every access is guarded by `precondition(isOnLoop)` or happens inside `turn()`.
    private final class Table: @unchecked Sendable {
        var handlers: [UInt64: Handler] = [:]
        var tokens: [CInt: UInt64] = [:]
        var nextToken: UInt64 = 1
    }

    private struct Mailbox {
        var jobs: [UnownedJob] = []
        var signalled = false
        var ended = false
    }

    private let epoll: Descriptor
    private let wake: Descriptor
    private let table = Table()
    private let mailbox = Mutex(Mailbox())
    /// `pthread_self()` of the loop's thread, 0 before it runs.
    private let thread = Atomic<UInt>(0)

    init(name: String) throws(SystemFailure) {
        let epoll = clinux_epoll_create()
        guard epoll >= 0 else { throw SystemFailure("epoll_create1") }
        self.epoll = Descriptor(epoll)
        let wake = clinux_eventfd()
        guard wake >= 0 else { throw SystemFailure("eventfd") }
        self.wake = Descriptor(wake)
        guard clinux_epoll_add(epoll, wake, 0, 0) == 0 else { throw SystemFailure("epoll_ctl") }
        BlockingThread.spawn(name: name) { [self] in turn() }
    }

    // MARK: Executor

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustWake = mailbox.withLock { mailbox in
            mailbox.jobs.append(job)
            defer { mailbox.signalled = true }
            return !mailbox.signalled
        }
        // The loop drains its mailbox before it sleeps, so its own jobs need no wake-up.
        if mustWake, !isOnLoop { signal() }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    func checkIsolated() { precondition(isOnLoop, "called off the event loop") }

    var isOnLoop: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Ends the thread once the jobs queued so far have run. Jobs queued later never run.
    func end() {
        mailbox.withLock { $0.ended = true }
        signal()
    }

    private func signal() {
        var one: UInt64 = 1
        _ = write(wake.number, &one, 8)
    }

    // MARK: Descriptors (on the loop only)

    /// Calls `handler` whenever `descriptor` is readable (level-triggered), until ``unwatch(_:)``.
    func watch(_ descriptor: CInt, _ handler: @escaping Handler) {
        precondition(isOnLoop)
        let token = table.nextToken
        table.nextToken += 1
        guard clinux_epoll_add(epoll.number, descriptor, token, 0) == 0 else { return }
        table.tokens[descriptor] = token
        table.handlers[token] = handler
    }

    /// Whether writability counts too.
    func watchWrites(_ descriptor: CInt, _ on: Bool) {
        precondition(isOnLoop)
        guard let token = table.tokens[descriptor] else { return }
        _ = clinux_epoll_change(epoll.number, descriptor, token, on ? 1 : 0)
    }

    /// To be called before the descriptor is closed. An event already fetched for it is dropped.
    func unwatch(_ descriptor: CInt) {
        precondition(isOnLoop)
        guard let token = table.tokens.removeValue(forKey: descriptor) else { return }
        table.handlers[token] = nil
        _ = clinux_epoll_remove(epoll.number, descriptor)
    }

    // MARK: The thread

    private func turn() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        var ready = [clinux_ready](repeating: clinux_ready(), count: 64)
        while true {
            if runJobs() { return }
            let count = clinux_epoll_wait(epoll.number, &ready, 64)
            for index in 0..<max(0, Int(count)) {
                let event = ready[index]
                if event.token == 0 {
                    var value: UInt64 = 0
                    _ = read(wake.number, &value, 8)
                } else if let handler = table.handlers[event.token] {
                    handler(event.readable != 0, event.writable != 0)
                }
            }
        }
    }

    /// Runs what is queued, new jobs included. True: the loop is to end.
    private func runJobs() -> Bool {
        while true {
            let (jobs, ended) = mailbox.withLock { mailbox in
                defer { mailbox.jobs.removeAll() }
                mailbox.signalled = !mailbox.jobs.isEmpty
                return (mailbox.jobs, mailbox.ended)
            }
            if jobs.isEmpty { return ended }
            for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }
}
