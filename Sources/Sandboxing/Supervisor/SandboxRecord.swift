import Foundation

/// One sandbox, as the supervisor holds it in memory. Confined to the supervisor's actor.
final class SandboxRecord {
    let id: String
    let engine: String
    let labels: [String: String]
    let limits: SandboxLimits
    let directory: String
    let startedAt: Date
    /// The supervisor's own errand, not listed.
    let isHidden: Bool

    var state: SandboxState = .starting
    var stopRequested = false
    var warning: String?
    var userID: UInt32?
    var cgroup: Cgroup?
    /// bubblewrap outside, our child.
    var outer: (pid: Int32, handle: Descriptor)?
    /// The sandbox's first process: when it ends, the kernel ends all others in its pid namespace.
    var first: (pid: Int32, handle: Descriptor)?
    /// Link of that pid namespace, to tell members from strangers.
    var processNamespace: String?
    var network: NetworkDoor?
    /// The agent begins when something is written into it: once its network is in place.
    var gate: Descriptor?
    /// Its way out, when it has one or is getting it.
    var lease: Task<WayOutLease?, Never>?
    /// The engine has told of the first process: the sandbox existed, however short.
    var wasInformed = false
    /// Waits for the first process to be known; `false`: the sandbox ended before.
    var awaitingFirst: CheckedContinuation<Bool, Never>?
    var awaitingEnd: [CheckedContinuation<Void, Never>] = []

    /// The container engine's id of it, once it has one.
    var container: String?
    var outOfMemory: OutOfMemoryCount?
    /// Copies the container's output into the log.
    var follower: Task<Void, Never>?
    /// Of a container: SIGTERM asks it to end, not another signal of the image's choice.
    var endsBySIGTERM = false

    init(_ specification: SandboxSpecification, directory: String, isHidden: Bool) {
        id = specification.id
        engine = specification.engine
        labels = specification.labels
        limits = specification.limits
        startedAt = Date()
        self.directory = directory
        self.isHidden = isHidden
    }

    /// One that an earlier supervisor left, ended by now.
    init(_ file: StateFile, exit: SandboxExit, directory: String) {
        id = file.id
        engine = file.engine ?? BubblewrapEngine.name
        labels = file.labels
        limits = file.limits
        startedAt = file.startedAt
        state = .exited(exit)
        self.directory = directory
        isHidden = false
    }

    /// A container that an earlier supervisor left running.
    init(living file: StateFile, directory: String) {
        id = file.id
        engine = file.engine ?? ContainerEngine.name
        labels = file.labels
        limits = file.limits
        startedAt = file.startedAt
        userID = file.userID
        container = file.container
        endsBySIGTERM = file.endsBySIGTERM ?? false
        self.directory = directory
        isHidden = false
    }

    var isContainer: Bool { engine == ContainerEngine.name }

    var work: String { StateFile.work(directory) }

    var status: SandboxStatus {
        SandboxStatus(
            id: id, labels: labels, state: state, startedAt: startedAt, processID: first?.pid, warning: warning)
    }

    var file: StateFile {
        StateFile(
            id: id, engine: engine, container: container, endsBySIGTERM: endsBySIGTERM, labels: labels, limits: limits,
            startedAt: startedAt,
            boot: ProcessIdentity.boot(),
            outer: outer.flatMap { ProcessIdentity.of($0.pid) }, first: first.flatMap { ProcessIdentity.of($0.pid) },
            exit: state.exit, userID: userID)
    }
}
