import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A name server by its address.
struct NameServer: Sendable {
    private let address: [UInt8]
    private let family: CInt

    /// `nil`: not a numeric address of IPv4 or IPv6 (a zone such as `%eth0` included).
    init?(_ text: String) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = CInt(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(text, "53", &hints, &list) == 0, let found = list?.pointee else { return nil }
        defer { freeaddrinfo(list) }
        address = Array(UnsafeRawBufferPointer(start: found.ai_addr, count: Int(found.ai_addrlen)))
        family = found.ai_family
    }

    /// A non-blocking socket, its connection begun.
    func socket(stream: Bool) -> Descriptor? {
        let kind = (stream ? SOCK_STREAM : SOCK_DGRAM).rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let socket = Descriptor(Glibc.socket(family, CInt(kind), 0))
        guard socket.number >= 0 else { return nil }
        let result = address.withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { connect(socket.number, $0.baseAddress, socklen_t(bytes.count)) }
        }
        return result == 0 || errno == EINPROGRESS ? socket : nil
    }
}

/// Questions over TCP: those with long answers. One thread for one connection, since they are rare.
final class NameConversation: Sendable {
    private let client: Descriptor
    private let servers: [NameServer]
    private let deadline = ContinuousClock.now + .seconds(20)

    init(client: Descriptor, servers: [NameServer]) {
        self.client = client
        self.servers = servers
    }

    /// Until the client has no more questions, or its time is up.
    func run() {
        defer { client.close() }
        for server in servers {
            guard let upstream = server.socket(stream: true), wait(upstream, POLLOUT, within: .seconds(3)),
                clinux_socket_error(upstream.number) == 0
            else { continue }
            while let question = message(from: client), put(question, to: upstream), let answer = message(from: upstream),
                put(answer, to: client)
            {}
            return
        }
    }

    /// Makes ``run()`` return. From another thread.
    func end() { _ = shutdown(client.number, CInt(SHUT_RDWR)) }

    /// With its length of two bytes in front.
    private func message(from socket: Descriptor) -> [UInt8]? {
        guard let head = bytes(2, from: socket), let body = bytes(Int(head[0]) << 8 | Int(head[1]), from: socket) else { return nil }
        return head + body
    }

    private func bytes(_ count: Int, from socket: Descriptor) -> [UInt8]? {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while result.count < count {
            let got = recv(socket.number, &chunk, count - result.count, 0)
            if got > 0 { result.append(contentsOf: chunk[..<got]) }
            if got == 0 { return nil }
            if got < 0 {
                guard errno == EAGAIN || errno == EINTR, wait(socket, POLLIN, within: .seconds(10)) else { return nil }
            }
        }
        return result
    }

    private func put(_ bytes: [UInt8], to socket: Descriptor) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(socket.number, $0.baseAddress?.advanced(by: done), $0.count - done, CInt(MSG_NOSIGNAL))
            }
            if count > 0 { done += count }
            if count < 0 {
                guard errno == EAGAIN || errno == EINTR, wait(socket, POLLOUT, within: .seconds(10)) else { return false }
            }
        }
        return true
    }

    private func wait(_ socket: Descriptor, _ events: CInt, within limit: Duration) -> Bool {
        let left = min(limit, deadline - ContinuousClock.now) / .milliseconds(1)
        guard left > 0 else { return false }
        var entry = pollfd(fd: socket.number, events: Int16(events), revents: 0)
        return poll(&entry, 1, CInt(left)) == 1
    }
}
