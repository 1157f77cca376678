import CLinux
import Glibc
public import NIOCore
import NIOPosix
import Platform
import Synchronization

/// A body too large to wait in memory, in a file that has no name and goes with its descriptor.
///
/// File calls block, so they run on a thread pool, one at a time and in order; what event loops ask for comes back on them.
public final class BodySpool: Sendable {
    private let descriptor: CInt
    private let threads: NIOThreadPool
    private let budget: SpoolBudget
    private let taken = Atomic<Int>(0)

    /// Opens the file. Blocks; call on the thread pool.
    init(directory: String, threads: NIOThreadPool, budget: SpoolBudget) throws {
        descriptor = clinux_unnamed_file(directory)
        guard descriptor >= 0 else { throw SignalboxError.internal("no temporary file in \(directory): errno \(errno)") }
        self.threads = threads
        self.budget = budget
    }

    deinit {
        // The file goes with its last descriptor, and freeing its blocks takes time.
        let descriptor = descriptor
        threads.submit { _ in close(descriptor) }
        budget.give(taken.load(ordering: .relaxed))
    }

    /// Adds bytes at the end.
    func append(_ bytes: ByteBuffer, at offset: Int, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        do { try take(bytes.readableBytes) } catch { return eventLoop.makeFailedFuture(error) }
        return threads.runIfActive(eventLoop: eventLoop) { [self] in try write(bytes, at: offset) }
    }

    /// Adds bytes at the end. Throws `.unavailable` when all spools hold too much, or the disk does.
    public func append(_ bytes: ByteBuffer, at offset: Int) async throws {
        try take(bytes.readableBytes)
        try await threads.runIfActive { [self] in try write(bytes, at: offset) }
    }

    func read(at offset: Int, count: Int, on eventLoop: any EventLoop) -> EventLoopFuture<ByteBuffer> {
        threads.runIfActive(eventLoop: eventLoop) { [self] in try read(at: offset, count) }
    }

    public func read(at offset: Int, count: Int) async throws -> ByteBuffer {
        try await threads.runIfActive { [self] in try read(at: offset, count) }
    }

    private func take(_ count: Int) throws(SignalboxError) {
        guard budget.take(count) else {
            throw .unavailable("Too many large requests are in progress.", retryAfterSeconds: 2)
        }
        taken.add(count, ordering: .relaxed)
    }

    private func write(_ bytes: ByteBuffer, at offset: Int) throws {
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

    private func read(at offset: Int, _ count: Int) throws -> ByteBuffer {
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
