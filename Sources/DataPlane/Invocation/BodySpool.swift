import Glibc
import NIOCore
import NIOPosix
import Platform
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

/// A body too large to wait in memory, in a file that has no name and goes with its descriptor.
///
/// File calls block, so they run on a thread pool, one at a time and in order; the callers' completions
/// come back on the event loop.
final class BodySpool: Sendable {
    private let descriptor: CInt
    private let threads: NIOThreadPool
    private let budget: SpoolBudget
    private let taken = Atomic<Int>(0)

    /// Opens the file. Blocks; call on the thread pool.
    private init(directory: String, threads: NIOThreadPool, budget: SpoolBudget) throws {
        let path = directory + "/body-" + Identifier.uuid()
        let opened = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if opened >= 0 { unlink(path) }
        guard opened >= 0 else { throw SignalboxError.internal("no temporary file in \(directory): errno \(errno)") }
        descriptor = opened
        self.threads = threads
        self.budget = budget
    }

    deinit {
        // The file goes with its last descriptor, and freeing its blocks takes time.
        let descriptor = descriptor
        threads.submit { _ in close(descriptor) }
        budget.give(taken.load(ordering: .relaxed))
    }

    static func open(
        directory: String, threads: NIOThreadPool, budget: SpoolBudget, on eventLoop: any EventLoop
    ) -> EventLoopFuture<BodySpool> {
        threads.runIfActive(eventLoop: eventLoop) { try BodySpool(directory: directory, threads: threads, budget: budget) }
    }

    /// Adds bytes at the end.
    func append(_ bytes: ByteBuffer, at offset: Int, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        let count = bytes.readableBytes
        guard budget.take(count) else {
            return eventLoop.makeFailedFuture(
                SignalboxError.unavailable("Too many large requests are in progress.", retryAfterSeconds: 2))
        }
        taken.add(count, ordering: .relaxed)
        return threads.runIfActive(eventLoop: eventLoop) { [self] in
            try bytes.withUnsafeReadableBytes { source in
                var done = 0
                while done < source.count {
                    let written = pwrite(descriptor, source.baseAddress?.advanced(by: done), source.count - done, off_t(offset + done))
                    if written < 0, errno == EINTR { continue }
                    guard written > 0 else {
                        throw SignalboxError.unavailable(
                            "The server has no room for the request's body.", retryAfterSeconds: 5, context: "pwrite: errno \(errno)")
                    }
                    done += written
                }
            }
        }
    }

    func read(at offset: Int, count: Int, on eventLoop: any EventLoop) -> EventLoopFuture<ByteBuffer> {
        threads.runIfActive(eventLoop: eventLoop) { [self] in
            var buffer = ByteBufferAllocator().buffer(capacity: count)
            while buffer.readableBytes < count {
                let position = offset + buffer.readableBytes
                let read = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count - buffer.readableBytes) { target in
                    max(0, pread(descriptor, target.baseAddress, count - (position - offset), off_t(position)))
                }
                guard read > 0 else { throw SignalboxError.internal("pread of a spooled body: errno \(errno)") }
            }
            return buffer
        }
    }
}
