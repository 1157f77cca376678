import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Standard error, shared by progress and log so that a line of one never lands inside the other's.
final class Terminal: Sendable {
    static let standardError = Terminal(descriptor: 2)

    /// Whether lines can be rewritten: a terminal that isn't `dumb`.
    let isInteractive: Bool
    private let descriptor: CInt
    /// The line that stands below all others and is rewritten in place, if one does.
    private let status = Mutex<String?>(nil)

    init(descriptor: CInt) {
        self.descriptor = descriptor
        let kind = getenv("TERM").map { String(cString: $0) }
        isInteractive = isatty(descriptor) == 1 && kind != nil && kind != "dumb"
    }

    /// Writes a whole line above the status line.
    func writeLine(_ line: String) {
        status.withLock { status in
            let clear = status == nil ? "" : "\r\u{1b}[2K"
            put(clear + line + "\n" + (status ?? ""))
        }
    }

    /// Shows, replaces or removes (nil) the status line. Does nothing where lines can't be rewritten.
    func setStatus(_ line: String?) {
        guard isInteractive else { return }
        status.withLock { status in
            guard line != status else { return }
            put("\r\u{1b}[2K" + (line ?? ""))
            status = line
        }
    }

    private func put(_ text: String) { writeAll(descriptor, Array(text.utf8)) }
}

/// Writes all of the bytes to a blocking descriptor. False: the reader is gone.
@discardableResult
func writeAll(_ descriptor: CInt, _ bytes: some Sequence<UInt8>) -> Bool {
    let bytes = Array(bytes)
    var offset = 0
    while offset < bytes.count {
        let count = bytes[offset...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            if errno == EINTR { continue }
            return false
        }
        offset += count
    }
    return true
}

/// Writes a line to standard output.
func printLine(_ line: String) { writeAll(1, (line + "\n").utf8) }
