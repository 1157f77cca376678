import DockerClient
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// What a container of ours may do: little (docs/security.md).
struct HardenedContainer {
    let specification: SandboxSpecification
    let instance: String
    let image: Image
    let isRootless: Bool
    /// OCI runtime, `nil`: the default.
    let runtime: String?
    /// Host paths.
    let work: String
    let resolverConfiguration: String
    /// Uid of the sandbox's own, where the supervisor gives one.
    let userID: UInt32?

    var name: String { "signalbox-\(specification.id)" }

    var creation: ContainerCreation {
        var creation = ContainerCreation(image: image.id)
        let limits = specification.limits
        if !specification.command.isEmpty {
            creation.entrypoint = []
            creation.command = specification.command
        }
        creation.environment = environment
        creation.user = user
        creation.hostname = "sandbox"
        if specification.bundle != nil { creation.workingDirectory = SandboxSpecification.bundlePath }
        creation.labels = specification.labels.reduce(into: [:]) { $0[ContainerLabels.prefix + $1.key] = $1.value }
        creation.labels[ContainerLabels.instance] = instance
        creation.labels[ContainerLabels.sandbox] = specification.id
        creation.stopTimeout = 1

        // Its own, with loopback alone; a way out is added from outside.
        creation.host.networkMode = "none"
        creation.host.isRootReadOnly = true
        creation.host.droppedCapabilities = ["ALL"]
        // The engine's own filter of system calls stays in place: it is on unless it is switched off.
        creation.host.securityOptions = ["no-new-privileges"]
        creation.host.memory = limits.memoryBytes
        // No swap: an agent out of memory shall end, not crawl.
        creation.host.memoryAndSwap = limits.memoryBytes
        creation.host.nanoCPUs = Int64(limits.cpus * 1_000_000_000)
        creation.host.processLimit = Int64(limits.pids)
        creation.host.ulimits = Self.ulimits
        creation.host.sharedMemory = max(limits.temporaryBytes, 1 << 20)
        creation.host.temporaryFileSystems = ["/tmp": temporary]
        creation.host.mounts = mounts
        if isRootless {
            // The host's ids of its processes are the engine's secret, so no directory of ours can be made theirs.
            creation.host.temporaryFileSystems[SandboxSpecification.workPath] = temporary
        }
        // Kept by the engine only until the follower has read it.
        creation.host.logging = .init(
            type: "json-file", options: ["max-size": "\(max(limits.logBytes / 2, 1 << 20))", "max-file": "2"])
        creation.host.runtime = runtime
        return creation
    }

    private var temporary: String { "rw,nosuid,nodev,mode=1777,size=\(max(specification.limits.temporaryBytes, 1 << 20))" }

    private var mounts: [ContainerCreation.Mount] {
        var mounts = [ContainerCreation.Mount(source: resolverConfiguration, target: "/etc/resolv.conf", isReadOnly: true)]
        if !isRootless { mounts.append(.init(source: work, target: SandboxSpecification.workPath, isReadOnly: false)) }
        if let bundle = specification.bundle {
            mounts.append(.init(source: bundle, target: SandboxSpecification.bundlePath, isReadOnly: true))
        }
        return mounts
    }

    /// What the version says, over what the image says. `HOME` is the one directory that can be written.
    private var environment: [String] {
        var environment = specification.environment
        let given = Set((image.configuration?.environment ?? []).compactMap { $0.split(separator: "=").first.map(String.init) })
        if environment["HOME"] == nil, !given.contains("HOME") { environment["HOME"] = SandboxSpecification.workPath }
        // Ours is for the case that nobody else says where programs are.
        if given.contains("PATH"), specification.bundle == nil { environment["PATH"] = nil }
        return environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }

    /// An image that names no user would run as root: it gets a uid that nobody else has. One that names root, or
    /// anybody else, is taken at its word: root without capabilities.
    private var user: String? {
        guard (image.configuration?.user ?? "").isEmpty else { return nil }
        // In a user namespace of 65,536 ids, `nobody` is the last but one.
        let id = isRootless ? 65534 : userID ?? 65534
        return "\(id):\(id)"
    }

    /// Both must be said: an engine's defaults for the other may be above what it may set itself.
    private static let ulimits: [ContainerCreation.Ulimit] = {
        func own(_ resource: __rlimit_resource, atMost bound: UInt) -> Int64 {
            var limit = rlimit()
            guard getrlimit(Int32(bitPattern: resource.rawValue), &limit) == 0 else { return 1024 }
            return Int64(min(limit.rlim_max, bound))
        }
        let files = own(RLIMIT_NOFILE, atMost: 1 << 16)
        // Counted over all containers of a uid, so no limit of one of them. Podman lowers its own to the kernel's pid_max.
        let processes = own(__RLIMIT_NPROC, atMost: 1 << 15)
        return [.init("nofile", soft: min(1024, files), hard: files), .init("nproc", soft: processes, hard: processes)]
    }()
}
