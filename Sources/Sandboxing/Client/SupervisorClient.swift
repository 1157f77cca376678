public import Logging
import Platform

/// A server's way to its host's supervisor. Any number of tasks may use it at once.
///
/// Every call throws `SignalboxError`: `.unavailable` when no supervisor answers in time.
public final class SupervisorClient: Sendable {
    private let link: Result<SupervisorLink, SystemFailure>
    private let logger: Logger

    public init(socketPath: String, logger: Logger) {
        self.logger = logger
        do {
            let loop = try EventLoop(name: "supervisor-link")
            link = .success(SupervisorLink(socketPath: socketPath, loop: loop, logger: logger))
        } catch {
            link = .failure(error)
        }
    }

    deinit {
        guard case .success(let link) = link else { return }
        // The loop's thread holds what it runs: told to end, it lets go.
        Task {
            await link.disconnect()
            link.loop.end()
        }
    }

    /// Connects, and connects again whenever the connection is lost, until the task is cancelled.
    public func run() async {
        guard case .success(let link) = link else { return }
        await withTaskCancellationHandler {
            var pause = Duration.milliseconds(10)
            while !Task.isCancelled {
                if await link.connect() {
                    // The cancellation's own disconnection may have come before the connection.
                    guard !Task.isCancelled else { break }
                    pause = .milliseconds(10)
                    await link.untilLost()
                } else {
                    try? await Task.sleep(for: pause)
                    pause = min(pause * 2, .milliseconds(500))
                }
            }
            await link.disconnect()
        } onCancel: {
            Task { await link.disconnect() }
        }
    }

    /// Starts a sandbox. Returns when its process runs, which is before the agent answers (``HealthProbe``).
    /// A second start of an id that lives returns its status. Cancelling does not stop it: call ``stop(_:grace:)``.
    public func start(_ specification: SandboxSpecification) async throws -> SandboxStatus {
        var request = SupervisorRequest(.start)
        request.specification = specification
        // An image that the host has lost is pulled again.
        let limit: Duration = specification.image == nil ? .seconds(30) : .seconds(930)
        return try await required(ask(request, within: limit).status)
    }

    /// SIGTERM to all its processes, SIGKILL after `grace`. Returns when nothing of it is left (processes,
    /// cgroup, namespaces, work directory). Stopping what is not there succeeds.
    public func stop(_ id: String, grace: Duration = .seconds(15)) async throws {
        var request = SupervisorRequest(.stop, id)
        let parts = grace.components
        request.graceMilliseconds = parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000
        _ = try await ask(request, within: grace + .seconds(20))
    }

    /// Freezes a sandbox: it keeps its memory and connections and gets no processor time.
    public func pause(_ id: String) async throws { _ = try await ask(.init(.pause, id)) }

    /// Lets a frozen sandbox go on.
    public func resume(_ id: String) async throws { _ = try await ask(.init(.resume, id)) }

    /// Finds out what an image's name means now; pulls it if need be. Throws `.agentFailed` with the registry's reason.
    ///
    /// - Parameter progress: called with short sentences while it lasts.
    public func resolveImage(
        _ reference: String, timeout: Duration = .seconds(930), progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> ResolvedImage {
        var request = SupervisorRequest(.image)
        request.reference = reference
        return try await required(connected().ask(request, within: timeout, progress: progress).reply.image)
    }

    /// Has exactly this image on the host. Throws `.agentFailed` when it is nowhere to be had.
    public func requireImage(_ image: SandboxImage, timeout: Duration = .seconds(930)) async throws {
        var request = SupervisorRequest(.image)
        request.image = image
        _ = try await ask(request, within: timeout)
    }

    /// Every sandbox of the host, ended ones too until ``forget(_:)``.
    public func list() async throws -> [SandboxStatus] { try await required(ask(.init(.list)).list) }

    /// `nil`: no such sandbox.
    public func status(_ id: String) async throws -> SandboxStatus? { try await ask(.init(.status, id)).status }

    /// A non-blocking TCP socket inside the sandbox, its `connect()` to `127.0.0.1:port` already begun.
    /// The caller owns the descriptor. Throws `.notFound` when the sandbox is not running.
    public func openSocket(_ id: String, port: Int = 8080) async throws -> CInt {
        var request = SupervisorRequest(.openSocket, id)
        request.port = port
        let answer = try await connected().ask(request, within: .seconds(5))
        guard let number = answer.descriptor?.take(), number >= 0 else {
            throw SignalboxError.internal("the supervisor sent no descriptor")
        }
        return number
    }

    /// The last `bytes` of standard output and error, as text.
    public func logTail(_ id: String, bytes: Int = 4096) async throws -> String {
        var request = SupervisorRequest(.logTail, id)
        request.bytes = bytes
        return try await required(ask(request).text)
    }

    /// Interpreters found inside a sandbox: `["PYTHON_3_11": "/usr/bin/python3.11"]`. Cached by the supervisor.
    ///
    /// - Parameter image: `nil`: in a sandbox with the host's programs.
    public func interpreters(in image: SandboxImage? = nil) async throws -> [String: String] {
        var request = SupervisorRequest(.interpreters)
        request.image = image
        return try await required(ask(request, within: .seconds(60)).interpreters)
    }

    /// Drops an ended sandbox and its log. Harmless for an unknown one; `.conflict` for one that lives.
    public func forget(_ id: String) async throws { _ = try await ask(.init(.forget, id)) }

    /// Asks the supervisor to stop every sandbox and exit. Returns when the sandboxes are gone. `dev` does so on exit.
    public func shutdown() async throws { _ = try await ask(.init(.shutdown), within: .seconds(60)) }

    /// What happens from now on. Any number of streams may be open; each ends with ``run()``.
    public func events() -> AsyncStream<SandboxEvent> {
        switch link {
        case .success(let link): link.events()
        case .failure: AsyncStream { $0.finish() }
        }
    }

    /// Whether a supervisor is there, without waiting for one.
    public func answers() async -> Bool {
        guard let link = try? connected(), await link.connect() else { return false }
        return (try? await link.ask(.init(.list), within: .seconds(2))) != nil
    }

    /// The thread that waits for descriptors, for the health probe's too.
    func eventLoop() throws -> EventLoop { try connected().loop }

    private func connected() throws -> SupervisorLink {
        switch link {
        case .success(let link): return link
        case .failure(let failure): throw SignalboxError.unavailable("The supervisor is out of reach.", context: "\(failure)")
        }
    }

    private func ask(_ request: SupervisorRequest, within limit: Duration = .seconds(10)) async throws -> SupervisorReply {
        try await connected().ask(request, within: limit).reply
    }

    private func required<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw SignalboxError.internal("the supervisor's answer is incomplete") }
        return value
    }
}

extension SupervisorRequest {
    fileprivate init(_ verb: Verb, _ id: String? = nil) { self.init(number: 0, verb: verb, id: id) }
}
