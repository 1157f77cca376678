import Dispatch
import Platform

#if canImport(Glibc)
import Glibc
#endif

/// Copies what comes from a socket into a new file, on a thread of its own.
struct BlockingTransfer: Sendable {
    /// Closed when done.
    let source: CInt
    let path: String
    let limit: Int
    let deadline: ContinuousClock.Instant

    private static let queue = DispatchQueue(label: "signalbox.transfer", attributes: .concurrent)

    init(from source: CInt, to path: String, limit: Int, deadline: ContinuousClock.Instant) {
        self.source = source
        self.path = path
        self.limit = limit
        self.deadline = deadline
    }

    func run() async -> Result<Void, any Error> {
        await withCheckedContinuation { continuation in
            Self.queue.async { continuation.resume(returning: Result { try copy() }) }
        }
    }

    private func copy() throws {
        defer { close(source) }
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw SignalboxError.internal("can't write \(path): errno \(errno)") }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var total = 0
        while true {
            let left = (deadline - ContinuousClock.now) / .milliseconds(1)
            guard left > 0 else { throw SignalboxError.internal("the transfer into \(path) took too long") }
            var ready = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, CInt(min(left, 10_000))) > 0 else { continue }
            let count = read(source, &buffer, buffer.count)
            if count == 0 { return }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw SignalboxError.internal("the transfer into \(path) broke: errno \(errno)")
            }
            total += count
            guard total <= limit else { throw SignalboxError.internal("the transfer into \(path) is too large") }
            var written = 0
            while written < count {
                let done = buffer.withUnsafeBytes { write(file, $0.baseAddress?.advanced(by: written), count - written) }
                if done < 0 {
                    if errno == EINTR { continue }
                    throw SignalboxError.internal("can't write \(path): errno \(errno)")
                }
                written += done
            }
        }
    }
}
