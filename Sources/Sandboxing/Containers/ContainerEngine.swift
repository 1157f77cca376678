import DockerClient
import Logging
import Platform
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The host's container engine, Docker or Podman: finds it, and speaks of its failures as `SignalboxError`.
final class ContainerEngine: Sendable {
    static let name = "docker"

    /// One that answered.
    struct Daemon: Sendable {
        let client: DockerClient
        let version: EngineVersion
        let isRootless: Bool
        /// What it does not enforce, for people.
        let warning: String?
    }

    let settings: ContainerSettings
    /// Names the home on the host; every container of ours carries it.
    let instance: String
    let logger: Logger
    private let connected = Mutex<Daemon?>(nil)
    /// By id, which is a hash of the content.
    private let images = Mutex<[String: Image]>([:])

    init(settings: ContainerSettings, instance: String, logger: Logger) {
        self.settings = settings
        self.instance = instance
        self.logger = logger
    }

    func shutdown() async { await connected.withLock { $0 }?.client.shutdown() }

    /// Found at the first use, so that an engine which is started later is found, too; then always the same.
    func daemon() async throws -> Daemon {
        if let daemon = connected.withLock({ $0 }) { return daemon }
        var failures: [String] = []
        for endpoint in try endpoints() {
            do {
                let daemon = try await Self.connect(endpoint)
                let kept = connected.withLock { connected in
                    if let connected { return connected }
                    connected = daemon
                    return daemon
                }
                if kept.client === daemon.client {
                    logger.notice(
                        "container engine found", metadata: ["engine": "\(daemon.version.name)", "at": "\(endpoint)"])
                } else {
                    await daemon.client.shutdown()
                }
                return kept
            } catch let error as DockerError {
                failures.append(error.message)
            }
        }
        if failures.isEmpty {
            throw SignalboxError.agentFailed(
                "No container engine was found on this host (looked at \(DockerEndpoint.searched)). Install Docker or Podman, or set "
                    + "--docker-host.")
        }
        throw SignalboxError.unavailable("No container engine answers: \(failures.joined(separator: "; "))", retryAfterSeconds: 5)
    }

    /// Whether one could be there at all, without asking it.
    var isPossible: Bool { (try? endpoints().isEmpty) == false }

    private func endpoints() throws -> [DockerEndpoint] {
        do {
            switch settings.host {
            case .off:
                throw SignalboxError.agentFailed("Containers are switched off on this server (--docker-host off).")
            case .at(let text):
                return [try DockerEndpoint(text, certificates: DockerEndpoint.certificates(settings.environment))]
            case .automatic:
                return try DockerEndpoint.candidates(environment: settings.environment)
            }
        } catch let error as DockerError {
            throw SignalboxError.agentFailed("The container engine's address: \(error.message)")
        }
    }

    private static func connect(_ endpoint: DockerEndpoint) async throws -> Daemon {
        let client = try DockerClient(endpoint)
        do {
            let version = try await client.version()
            let information = try await client.information()
            // Version 1 can't be handed to users: limits are dropped without a word.
            let isUnlimited = information.isRootless && information.cgroupVersion == "1"
            return Daemon(
                client: client, version: version, isRootless: information.isRootless,
                warning: isUnlimited ? "\(version.name) without root enforces no limits on control groups of version 1" : nil)
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// Calls the engine; its being away is `.unavailable`, its refusal `.agentFailed`, with its own words.
    func calling<Value>(_ what: String, _ body: (Daemon) async throws -> Value) async throws -> Value {
        do {
            return try await body(try await daemon())
        } catch let error as DockerError {
            throw Self.translated(error, what)
        }
    }

    static func translated(_ error: DockerError, _ what: String) -> SignalboxError {
        switch error {
        case .unreachable(let text):
            .unavailable("The container engine is away.", retryAfterSeconds: 2, context: "\(what): \(text)")
        case .refused(_, let text) where isPassing(text):
            .unavailable("The container engine can't \(what) now: \(text)", retryAfterSeconds: 5)
        case .refused(_, let text), .failed(let text): .agentFailed("\(what): \(text)")
        default: .agentFailed("\(what): \(error.message)")
        }
    }

    /// Not the image's fault, and perhaps over in a moment.
    private static func isPassing(_ text: String) -> Bool {
        ["no space left on device", "resource temporarily unavailable", "too many open files", "cannot allocate memory"]
            .contains { text.lowercased().contains($0) }
    }

    /// What an image says of itself. `nil`: the host lacks it.
    func image(_ id: String, _ daemon: Daemon) async throws -> Image? {
        if let known = images.withLock({ $0[id] }) { return known }
        guard let found = try await daemon.client.imageInspect(id) else { return nil }
        images.withLock { images in
            // Only a start's shortcut: it may be forgotten.
            if images.count > 1000 { images = [:] }
            images[id] = found
        }
        return found
    }

    func forget(_ id: String) { images.withLock { _ = $0.removeValue(forKey: id) } }
}

/// What containers of ours are known by.
enum ContainerLabels {
    static let instance = "signalbox.instance"
    static let sandbox = "signalbox.sandbox"
    /// Before the names of a specification's own labels.
    static let prefix = "signalbox."
}
