/// What a sandbox may use. Enforced by cgroups where they are writable (docs/architecture.md).
public struct SandboxLimits: Codable, Sendable, Equatable {
    /// Resident memory of all its processes, `/tmp` included.
    public var memoryBytes: Int64
    /// Processor time per second of wall time: 0.5 is half of one processor.
    public var cpus: Double
    /// Processes and threads.
    public var pids: Int
    /// Size of `/tmp`, and of `/dev/shm`.
    public var temporaryBytes: Int64
    /// Standard output and error kept on disk: the current file and the one before it together.
    public var logBytes: Int64

    public init(
        memoryBytes: Int64 = 2 << 30, cpus: Double = 2, pids: Int = 512, temporaryBytes: Int64 = 512 << 20,
        logBytes: Int64 = 8 << 20
    ) {
        self.memoryBytes = memoryBytes
        self.cpus = cpus
        self.pids = pids
        self.temporaryBytes = temporaryBytes
        self.logBytes = logBytes
    }
}

/// Which way out a sandbox has. Into it, the supervisor always has one (`SupervisorClient.openSocket`).
public enum SandboxNetwork: String, Codable, Sendable, Equatable {
    /// Loopback alone, its own.
    case none
    /// The world, but neither this host nor what is beside it (docs/security.md). Where the host can't, as `none`, and
    /// the status says why.
    case `public`
}

/// Everything needed to start a sandbox.
///
/// Of a container, the image decides what is inside, but for ``workPath``, `/tmp` and the bundle. Of every other
/// sandbox: inside, the agent finds its bundle read-only at ``bundlePath`` (also its working directory), a
/// private writable directory at ``workPath`` (also `HOME`), a private `/tmp`, the host's `/usr`
/// read-only, a minimal `/etc`, `/dev` and `/proc`, and nothing else.
public struct SandboxSpecification: Codable, Sendable, Equatable {
    /// Where ``bundle`` stands inside, read-only: AWS's own path for code. The working directory.
    public static let bundlePath = "/var/task"
    /// The private writable directory inside: `HOME`, empty at start, gone when the sandbox ends.
    public static let workPath = "/mnt/work"

    /// Unique on the host for ever: 1–64 of letters, digits, `-`, `_`, starting with a letter or digit.
    public var id: String
    /// Given back by `list` and `status`, so that a restarted server knows what it finds.
    public var labels: [String: String]
    /// Name of the engine: `bubblewrap` or `docker`.
    public var engine: String
    /// What a container is made of.
    public var image: SandboxImage?
    /// Host path of the unpacked bundle: directories and files readable by everybody (the agent has a
    /// uid of its own), while the directories above it may be private.
    public var bundle: String?
    /// Program and arguments. A program without `/` is looked for in the environment's `PATH`. Empty: what the image says.
    public var command: [String]
    /// The whole environment, with `HOME` and `PATH` added when missing. Never stored on disk.
    public var environment: [String: String]
    public var limits: SandboxLimits
    public var network: SandboxNetwork

    public init(
        id: String, labels: [String: String] = [:], engine: String = "bubblewrap", image: SandboxImage? = nil, bundle: String?,
        command: [String],
        environment: [String: String] = [:], limits: SandboxLimits = SandboxLimits(), network: SandboxNetwork = .none
    ) {
        self.id = id
        self.labels = labels
        self.engine = engine
        self.image = image
        self.bundle = bundle
        self.command = command
        self.environment = environment
        self.limits = limits
        self.network = network
    }
}
