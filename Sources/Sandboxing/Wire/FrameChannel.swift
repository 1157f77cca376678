import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Length-prefixed frames (4 bytes, big-endian, then JSON) on a unix socket, descriptors attached. Lives on
/// one event loop; both ends use it.
final class FrameChannel {
    /// A start request carries a whole environment, so not small.
    static let largestFrame = 8 << 20
    /// A peer that does not read loses its connection instead of our memory.
    static let largestBacklog = 16 << 20

    private struct Outgoing {
        var bytes: [UInt8]
        var sent = 0
        var descriptors: [Descriptor]
    }

    private let loop: EventLoop
    private let socket: Descriptor
    private var inbound: [UInt8] = []
    private var received: [Descriptor] = []
    private var outbound: [Outgoing] = []
    private var backlog = 0
    private var isOpen = false

    var onFrame: (([UInt8]) -> Void)?
    /// Called once. The reason is for the log; `nil`: the peer closed.
    var onClose: ((String?) -> Void)?

    init(socket: Descriptor, loop: EventLoop) {
        self.socket = socket
        self.loop = loop
    }

    func open() {
        isOpen = true
        loop.watch(socket.number) { [weak self] readable, writable in
            guard let self else { return }
            if writable { self.flush() }
            if readable { self.receive() }
        }
    }

    func close(_ reason: String? = nil) {
        guard isOpen else { return }
        isOpen = false
        loop.unwatch(socket.number)
        socket.close()
        received.removeAll()
        outbound.removeAll()
        let handler = onClose
        onFrame = nil
        onClose = nil
        handler?(reason)
    }

    /// The oldest descriptor received and not yet taken.
    func takeDescriptor() -> Descriptor? { received.isEmpty ? nil : received.removeFirst() }

    func send(_ body: [UInt8], descriptors: [Descriptor] = []) {
        guard isOpen else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(body.count + 4)
        withUnsafeBytes(of: UInt32(body.count).bigEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: body)
        backlog += bytes.count
        outbound.append(Outgoing(bytes: bytes, descriptors: descriptors))
        if outbound.count == 1 { flush() }
        if backlog > Self.largestBacklog { close("the peer does not read") }
    }

    private func flush() {
        while isOpen, !outbound.isEmpty {
            let frame = outbound[0]
            let numbers = frame.descriptors.map(\.number)
            let count = frame.bytes.withUnsafeBytes { raw in
                clinux_send_descriptors(
                    socket.number, raw.baseAddress?.advanced(by: frame.sent), raw.count - frame.sent, numbers,
                    CInt(numbers.count))
            }
            if count < 0 {
                if errno == EAGAIN { return loop.watchWrites(socket.number, true) }
                return close("send: \(String(cString: strerror(errno)))")
            }
            backlog -= count
            if frame.sent + count == frame.bytes.count {
                outbound.removeFirst()
            } else {
                // Descriptors travel with the first byte.
                outbound[0].sent += count
                outbound[0].descriptors = []
            }
        }
        if isOpen { loop.watchWrites(socket.number, false) }
    }

    private func receive() {
        var chunk = [UInt8](repeating: 0, count: 65536)
        var numbers = [CInt](repeating: -1, count: 16)
        var numberCount: CInt = 0
        let count = clinux_receive_descriptors(socket.number, &chunk, chunk.count, &numbers, 16, &numberCount)
        for number in numbers[..<Int(numberCount)] { received.append(Descriptor(number)) }
        if received.count > 256 { return close("descriptors nobody asked for") }
        if count < 0 {
            if errno == EAGAIN { return }
            return close("receive: \(String(cString: strerror(errno)))")
        }
        if count == 0 { return close() }
        inbound.append(contentsOf: chunk[..<count])
        deliver()
    }

    private func deliver() {
        var start = 0
        while isOpen, inbound.count - start >= 4 {
            let length = inbound[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            guard length <= Self.largestFrame else { return close("a frame of \(length) bytes") }
            guard inbound.count - start - 4 >= length else { break }
            let body = Array(inbound[(start + 4)..<(start + 4 + length)])
            start += 4 + length
            onFrame?(body)
        }
        inbound.removeFirst(min(start, inbound.count))
    }
}
