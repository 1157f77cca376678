import CLinux
import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Answers names inside sandboxes where the host's name servers can't be reached from there: on the host's loopback,
/// as systemd-resolved and dnsmasq are, on its link, as clouds' are, or by IPv6.
///
/// Its sockets are made in the sandbox's own network namespace, so that no packet of a sandbox has to reach the host.
/// It passes messages on as they are and talks to the host's name servers alone.
final class NameForwarder: Sendable {
    /// Questions of one sandbox that wait for their answer. The oldest goes for a newer one.
    private static let limit = 64
    /// After which another server is asked, should there be one.
    private static let patience = Duration.seconds(2)
    private static let lifetime = Duration.seconds(10)

    private enum Role {
        case datagrams(String)
        case streams(String)
        case question(String)
    }

    private struct Question {
        var bytes: [UInt8]
        var client: sockaddr_in
        var socket: Descriptor
        var server: Int
        var attempts: Int
        var asked: ContinuousClock.Instant
    }

    private struct Entry {
        var datagrams: (socket: Descriptor, token: UInt64)
        var streams: (socket: Descriptor, token: UInt64)
        var servers: [NameServer]
        /// Which of them is asked first.
        var current = 0
        var questions: [UInt64: Question] = [:]
        var conversations: [UInt64: NameConversation] = [:]
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var roles: [UInt64: Role] = [:]
        var nextToken: UInt64 = 1
        var isRunning = false
        var isEnded = false
    }

    private let epoll: Descriptor
    private let wake: Descriptor
    private let state = Mutex(State())
    private let logger: Logger

    init(logger: Logger) throws {
        self.logger = logger
        let epoll = clinux_epoll_create()
        guard epoll >= 0 else { throw SystemFailure("epoll_create1") }
        self.epoll = Descriptor(epoll)
        let wake = clinux_eventfd()
        guard wake >= 0 else { throw SystemFailure("eventfd") }
        self.wake = Descriptor(wake)
        guard clinux_epoll_add(epoll, wake, 0, 0) == 0 else { throw SystemFailure("epoll_ctl") }
    }

    /// Listens in `network` until ``end(_:)`` with the same `name`. Takes microseconds.
    ///
    /// - Parameter servers: numeric addresses of either family.
    func serve(_ name: String, network: Descriptor, own: Descriptor, servers: [String]) throws {
        let servers = servers.compactMap { NameServer($0) }
        guard !servers.isEmpty else { throw WayOutFailure("none of the name servers is an address") }
        var datagram: CInt = -1
        var stream: CInt = -1
        let result = clinux_name_server_sockets(network.number, own.number, Resolver.forwarder.number, 53, &datagram, &stream)
        guard result == 0 else { throw SystemFailure("listening for names in the sandbox") }
        let sockets = (Descriptor(datagram), Descriptor(stream))
        let mustRun = state.withLock { state in
            let tokens = (state.nextToken, state.nextToken + 1)
            state.nextToken += 2
            state.roles[tokens.0] = .datagrams(name)
            state.roles[tokens.1] = .streams(name)
            state.entries[name] = Entry(datagrams: (sockets.0, tokens.0), streams: (sockets.1, tokens.1), servers: servers)
            _ = clinux_epoll_add(epoll.number, datagram, tokens.0, 0)
            _ = clinux_epoll_add(epoll.number, stream, tokens.1, 0)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustRun { BlockingThread.spawn(name: "names") { [self] in turn() } }
    }

    func end(_ name: String) {
        state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: name) else { return }
            for (socket, token) in [entry.datagrams, entry.streams] {
                state.roles[token] = nil
                _ = clinux_epoll_remove(epoll.number, socket.number)
                socket.close()
            }
            for (token, question) in entry.questions { drop(question, token, &state) }
            for conversation in entry.conversations.values { conversation.end() }
        }
    }

    /// Forgets questions that nobody answered. To be called every now and then.
    func sweep() {
        let now = ContinuousClock.now
        state.withLock { state in
            for (name, entry) in state.entries {
                for (token, question) in entry.questions where now - question.asked > Self.lifetime {
                    drop(question, token, &state)
                    state.entries[name]?.questions[token] = nil
                }
            }
        }
    }

    func close() {
        let names = state.withLock { state in
            state.isEnded = true
            return Array(state.entries.keys)
        }
        for name in names { end(name) }
        var one: UInt64 = 1
        _ = write(wake.number, &one, 8)
    }

    // MARK: The thread

    private func turn() {
        var ready = [clinux_ready](repeating: clinux_ready(), count: 32)
        while true {
            let count = clinux_epoll_wait(epoll.number, &ready, 32)
            let isEnded = state.withLock { state in
                for event in ready[..<max(0, Int(count))] {
                    switch state.roles[event.token] {
                    case .datagrams(let name): receive(name, &state)
                    case .streams(let name): accept(name, &state)
                    case .question(let name): answer(name, event.token, &state)
                    case nil: break
                    }
                }
                return state.isEnded
            }
            if isEnded { return }
        }
    }

    private func receive(_ name: String, _ state: inout State) {
        guard var entry = state.entries[name] else { return }
        var bytes = [UInt8](repeating: 0, count: 65536)
        var client = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &client) { client in
            client.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(entry.datagrams.socket.number, &bytes, bytes.count, 0, $0, &length)
            }
        }
        // A head of twelve bytes is the least.
        guard count >= 12 else { return }
        let now = ContinuousClock.now
        let isSlow = entry.questions.values.contains { $0.server == entry.current && now - $0.asked > Self.patience }
        if isSlow { entry.current = (entry.current + 1) % entry.servers.count }
        if entry.questions.count >= Self.limit, let oldest = entry.questions.min(by: { $0.value.asked < $1.value.asked }) {
            drop(oldest.value, oldest.key, &state)
            entry.questions[oldest.key] = nil
        }
        ask(Array(bytes[..<count]), of: client, name: name, server: entry.current, attempts: 1, &entry, &state)
        state.entries[name] = entry
    }

    /// Each question from a socket of its own: its port is hard to guess for whoever would forge an answer.
    private func ask(
        _ bytes: [UInt8], of client: sockaddr_in, name: String, server: Int, attempts: Int, _ entry: inout Entry, _ state: inout State
    ) {
        guard attempts <= entry.servers.count else { return }
        guard let socket = entry.servers[server].socket(stream: false),
            send(socket.number, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
        else {
            let next = (server + 1) % entry.servers.count
            return ask(bytes, of: client, name: name, server: next, attempts: attempts + 1, &entry, &state)
        }
        let token = state.nextToken
        state.nextToken += 1
        state.roles[token] = .question(name)
        entry.questions[token] = Question(
            bytes: bytes, client: client, socket: socket, server: server, attempts: attempts, asked: .now)
        _ = clinux_epoll_add(epoll.number, socket.number, token, 0)
    }

    private func answer(_ name: String, _ token: UInt64, _ state: inout State) {
        guard var entry = state.entries[name], let question = entry.questions.removeValue(forKey: token) else { return }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = recv(question.socket.number, &bytes, bytes.count, 0)
        drop(question, token, &state)
        if count >= 12 {
            var client = question.client
            withUnsafePointer(to: &client) { client in
                client.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = sendto(
                        entry.datagrams.socket.number, bytes, count, CInt(MSG_NOSIGNAL), $0,
                        socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        } else {
            // Refused: there is no such server just now.
            let next = (question.server + 1) % entry.servers.count
            entry.current = next
            ask(question.bytes, of: question.client, name: name, server: next, attempts: question.attempts + 1, &entry, &state)
        }
        state.entries[name] = entry
    }

    private func drop(_ question: Question, _ token: UInt64, _ state: inout State) {
        state.roles[token] = nil
        _ = clinux_epoll_remove(epoll.number, question.socket.number)
        question.socket.close()
    }

    private func accept(_ name: String, _ state: inout State) {
        guard let entry = state.entries[name] else { return }
        let number = clinux_accept(entry.streams.socket.number)
        guard number >= 0 else { return }
        let socket = Descriptor(number)
        guard entry.conversations.count < 8 else { return }
        let token = state.nextToken
        state.nextToken += 1
        let conversation = NameConversation(client: socket, servers: entry.servers)
        state.entries[name]?.conversations[token] = conversation
        BlockingThread.spawn(name: "names-tcp") { [self] in
            conversation.run()
            self.state.withLock { $0.entries[name]?.conversations[token] = nil }
        }
    }
}
