import CLinux
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Owner of a file descriptor: closes it once, at the latest when the last reference goes.
final class Descriptor: Sendable {
    private let value: Atomic<CInt>

    init(_ number: CInt) { value = Atomic(number) }

    /// -1 once closed or given away.
    var number: CInt { value.load(ordering: .acquiring) }

    /// Hands the number to the caller, who closes it.
    func take() -> CInt { value.exchange(-1, ordering: .acquiringAndReleasing) }

    func close() {
        let number = take()
        if number >= 0 { Glibc.close(number) }
    }

    deinit { close() }
}

/// A failed system call, for people and the log.
struct SystemFailure: Error, CustomStringConvertible {
    let what: String
    let code: CInt

    init(_ what: String, code: CInt = errno) {
        self.what = what
        self.code = code
    }

    var description: String { "\(what): \(String(cString: strerror(code)))" }
}
