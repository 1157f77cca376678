import CLinux
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Sandboxes by bubblewrap: namespaces of their own, an allow-list of mounts, no capabilities, a system call
/// filter.
struct BubblewrapEngine: SandboxEngine {
    static let name = "bubblewrap"

    private let program: String
    private let base: String
    /// Existing empty directory, reachable by every uid, to mount a sandbox's directories over. Only for root.
    private let stage: String?
    /// The only user whose directories may be bundles; `nil`: everybody's may.
    private let bundleOwner: UInt32?
    private let bound: [String]

    init(program: String, base: String, stage: String?, bundleOwner: UInt32?) throws {
        self.program = program
        self.base = base
        self.stage = stage
        self.bundleOwner = bundleOwner
        bound = BaseFiles.bound.filter { System.isDirectory("/etc/" + $0) }
        try BaseFiles.write(to: base)
    }

    func launch(_ request: LaunchRequest) throws -> LaunchedSandbox {
        guard let program = System.program(program) else {
            throw SignalboxError.agentFailed(
                "bubblewrap is not installed on this host (apt-get install bubblewrap)", context: program)
        }
        var filterLength = 0
        guard let filter = clinux_seccomp_filter(&filterLength) else {
            throw SignalboxError.agentFailed("sandboxes are not supported on this processor")
        }
        let specification = request.specification
        func reachable(_ path: String, as name: String) -> String {
            if let stage { "\(stage)/\(name)" } else { path }
        }
        let paths = BubblewrapArguments.Paths(
            base: reachable(base, as: "etc"), work: reachable(request.work, as: "work"),
            bundle: specification.bundle.map { reachable($0, as: "bundle") })
        var hidden: [UInt8] = []
        let resolver = try request.resolver.map { try System.memoryFile(Array($0.utf8)) }
        for argument in BubblewrapArguments.hidden(specification, paths: paths, bound: bound, resolver: resolver.map { _ in 7 }) {
            hidden.append(contentsOf: argument.utf8)
            hidden.append(0)
        }

        let arguments = try System.memoryFile(hidden)
        let seccomp = try System.memoryFile(UnsafeRawBufferPointer(start: filter, count: filterLength))
        let (information, informationEnd) = try System.pipe()
        let gate = resolver == nil ? nil : try System.pipe(nonblockingRead: false)
        let null = try System.open("/dev/null", O_RDONLY)
        let entrances = try request.cgroup.entrances()
        defer { withExtendedLifetime((arguments, seccomp, informationEnd, null, entrances, resolver, gate?.read)) {} }

        var staged: [(String, String, UInt32?)] = [(base, "etc", nil), (request.work, "work", nil)]
        if let bundle = specification.bundle { staged.append((bundle, "bundle", bundleOwner)) }
        var command = [request.marker, "--args", "3", "--seccomp", "4", "--info-fd", "5"]
        if gate != nil { command += ["--block-fd", "6"] }
        command += ["--"] + specification.command
        let waiting = [gate?.read.number, resolver?.number].compactMap { $0 }
        let pid = try Spawning(
            program: program, command: command, output: request.output.number, input: null.number,
            inherited: [arguments.number, seccomp.number, informationEnd.number] + waiting,
            cgroups: entrances.files.map(\.number),
            birthCgroup: entrances.birth?.number ?? -1, userID: request.userID, stage: stage, staged: stage == nil ? [] : staged,
            // Address space is a rough stand-in for resident memory: better than no limit.
            addressSpaceLimit: request.limitsMemory ? UInt64(specification.limits.memoryBytes) : 0,
            // Counts all processes of the uid, so only where that is the sandbox's own.
            processLimit: request.limitsProcesses && request.userID != nil ? UInt64(specification.limits.pids) : 0
        ).start()
        let handle = clinux_pidfd_open(pid)
        guard handle >= 0 else { throw SystemFailure("pidfd_open") }
        return LaunchedSandbox(processID: pid, handle: Descriptor(handle), information: information, gate: gate?.write)
    }
}
