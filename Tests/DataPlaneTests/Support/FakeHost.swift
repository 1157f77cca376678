import Glibc
import Lifecycle
import Platform
import Store
import Synchronization

@testable import DataPlane

/// Sandboxes that are ports on loopback.
final class FakeHost: SandboxHost {
    struct State {
        var sandboxes: [String: HostedSandbox] = [:]
        var started: [String] = []
        var stopped: [String] = []
        var startError: SignalboxError?
        /// Every sandbox turns out to have ended so when somebody looks.
        var exitOnStatus: String?
        /// Every sandbox turns out to be ending when somebody looks, until ``exitOnStatus`` says how.
        var isEndingOnStatus = false
        var ping: PingAnswer? = PingAnswer(isBusy: false)
        var pings = 0
        var stopGate: [CheckedContinuation<Void, Never>]?
        var startGate: [CheckedContinuation<Void, Never>]?
    }

    typealias Gate = any WritableKeyPath<State, [CheckedContinuation<Void, Never>]?> & Sendable

    let state = Mutex(State())
    let contract: AgentProfile
    private let port: Mutex<Int>
    private let stream = AsyncStream.makeStream(of: SandboxHostEvent.self)

    init(port: Int, contract: AgentProfile = AgentProfile()) {
        self.port = Mutex(port)
        self.contract = contract
    }

    func use(port: Int) { self.port.withLock { $0 = port } }

    var started: [String] { state.withLock { $0.started } }
    var stopped: [String] { state.withLock { $0.stopped } }
    var running: Set<String> { state.withLock { Set($0.sandboxes.values.filter(\.isRunning).map(\.id)) } }

    func start(_ context: OperationContext, _ opening: SessionOpening, labels: [String: String]) async throws {
        let id = opening.session.sandboxID
        await gate(\.startGate)
        let error = state.withLock { state in
            state.started.append(id)
            if state.startError == nil { state.sandboxes[id] = HostedSandbox(id: id, labels: labels, isRunning: true) }
            return state.startError
        }
        if let error { throw error }
    }

    func stop(_ sandboxID: String) async throws {
        await gate(\.stopGate)
        state.withLock { state in
            state.stopped.append(sandboxID)
            state.sandboxes[sandboxID] = nil
        }
    }

    private func gate(_ path: Gate) async {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                guard state[keyPath: path] != nil else { return false }
                state[keyPath: path]?.append(continuation)
                return true
            }
            if !waits { continuation.resume() }
        }
    }

    func hold(_ path: Gate) {
        state.withLock { $0[keyPath: path] = [] }
    }

    func open(_ path: Gate) {
        let waiting = state.withLock { state in
            let waiting = state[keyPath: path] ?? []
            state[keyPath: path] = nil
            return waiting
        }
        for one in waiting { one.resume() }
    }

    func waiting(_ path: Gate) -> Int {
        state.withLock { $0[keyPath: path]?.count ?? 0 }
    }

    /// The agent's process ends.
    func crash(_ sandboxID: String) {
        state.withLock { $0.sandboxes[sandboxID] = nil }
        stream.continuation.yield(.exited(id: sandboxID, how: "the agent exited with code 1"))
    }

    func add(_ sandbox: HostedSandbox) { state.withLock { $0.sandboxes[sandbox.id] = sandbox } }

    func list() async throws -> [HostedSandbox] { state.withLock { Array($0.sandboxes.values) } }
    func status(_ sandboxID: String) async throws -> HostedSandbox? {
        state.withLock { state in
            guard state.isEndingOnStatus || state.exitOnStatus != nil else { return state.sandboxes[sandboxID] }
            return HostedSandbox(id: sandboxID, labels: [:], isRunning: false, exit: state.exitOnStatus)
        }
    }

    func openSocket(_ sandboxID: String, port: Int) async throws -> CInt {
        guard state.withLock({ $0.sandboxes[sandboxID] }) != nil else { throw SignalboxError.notFound("no such sandbox") }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(self.port.withLock { $0 }).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard result == 0 || errno == EINPROGRESS else {
            close(descriptor)
            throw SignalboxError.agentFailed("connect: errno \(errno)")
        }
        return descriptor
    }

    func ping(_ sandboxID: String, port: Int, path: String) async -> PingAnswer? {
        state.withLock { state in
            state.pings += 1
            return state.sandboxes[sandboxID] == nil ? nil : state.ping
        }
    }

    func events() -> AsyncStream<SandboxHostEvent> { stream.stream }
    func agent(of version: VersionRecord) -> AgentProfile { contract }
}
