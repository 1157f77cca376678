import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Reads every sandbox's output and keeps it, on a thread of its own: neither a slow disk nor an agent that
/// floods may delay the supervisor, and no agent may wait for its log.
actor LogCollector {
    /// Bytes per second and sandbox that are written. The rest is dropped, but for its last 64 KiB: after a
    /// flood comes the line that explains it.
    private static let rate = 8 << 20

    private final class Stream {
        let pipe: Descriptor
        var file: LogFile
        var allowance = LogCollector.rate
        var refilled = ContinuousClock.now
        /// Bytes withheld, and the latest of them.
        var withheld = 0
        var latest: [UInt8] = []

        init(pipe: Descriptor, file: LogFile) {
            self.pipe = pipe
            self.file = file
        }
    }

    private let loop: EventLoop
    private var streams: [String: Stream] = [:]
    private var chunk = [UInt8](repeating: 0, count: 65536)

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init() throws { loop = try EventLoop(name: "sandbox-logs") }

    deinit { loop.end() }

    func add(_ id: String, pipe: Descriptor, directory: String, limit: Int64) {
        // More room in the pipe than the usual 64 KiB, so that a moment's delay here is not one there.
        let setPipeSize: CInt = 1031  // F_SETPIPE_SZ, which Glibc does not show
        _ = fcntl(pipe.number, setPipeSize, 1 << 20)
        streams[id] = Stream(pipe: pipe, file: LogFile(directory: directory, limit: limit))
        loop.watch(pipe.number) { [unowned self] _, _ in self.assumeIsolated { $0.readable(id) } }
    }

    /// Writes what is still in the pipe and forgets the stream. To be called when no writer is left.
    func finish(_ id: String) {
        guard let stream = streams[id] else { return }
        // At most what a pipe holds: a writer that survived must not keep us here.
        for _ in 0..<32 where readOnce(stream) > 0 {}
        close(id, stream)
    }

    private func readable(_ id: String) {
        guard let stream = streams[id] else { return }
        let count = readOnce(stream)
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { close(id, stream) }
    }

    private func close(_ id: String, _ stream: Stream) {
        release(stream)
        loop.unwatch(stream.pipe.number)
        stream.pipe.close()
        streams[id] = nil
    }

    private func readOnce(_ stream: Stream) -> Int {
        let count = read(stream.pipe.number, &chunk, chunk.count)
        guard count > 0 else { return count }
        let now = ContinuousClock.now
        let elapsed = now - stream.refilled
        if elapsed > .milliseconds(100) {
            let seconds = min(1, Double(elapsed.components.attoseconds) / 1e18 + Double(elapsed.components.seconds))
            stream.allowance = min(Self.rate, stream.allowance + Int(seconds * Double(Self.rate)))
            stream.refilled = now
        }
        if stream.allowance < count {
            stream.withheld += count
            // What fills the chunk needs nothing before it; the end of a flood may come in several small ones.
            let kept = count == chunk.count ? [] : stream.latest
            stream.latest = Array((kept + chunk[..<count]).suffix(chunk.count))
        } else {
            release(stream)
            stream.allowance -= count
            stream.file.write(chunk[..<count])
        }
        return count
    }

    /// To be called before the files are read: writes what was withheld and is still here.
    func flush(_ id: String) {
        if let stream = streams[id] { release(stream) }
    }

    private func release(_ stream: Stream) {
        guard stream.withheld > 0 else { return }
        let dropped = stream.withheld - stream.latest.count
        if dropped > 0 {
            let line = "\n[signalbox: \(dropped) bytes of output dropped: more than 8 MiB per second]\n"
            stream.file.write(Array(line.utf8)[...])
        }
        stream.file.write(stream.latest[...])
        stream.withheld = 0
        stream.latest = []
    }
}
