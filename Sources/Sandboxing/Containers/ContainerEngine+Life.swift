import CLinux
import DockerClient
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A container that runs, as the host sees it.
struct RunningContainer: Sendable {
    let id: String
    /// First process of the container.
    let processID: Int32
    let handle: Descriptor
}

extension ContainerEngine {
    /// Makes a container and does not start it. An image that the host has lost is pulled again.
    func create(_ container: (Image, Daemon) -> HardenedContainer, image: SandboxImage) async throws -> (id: String, image: Image) {
        try await calling("create the container") { daemon in
            var isSecondTry = false
            while true {
                if let present = try await self.image(image.id, daemon) {
                    let hardened = container(present, daemon)
                    do {
                        return (try await daemon.client.containerCreate(name: hardened.name, hardened.creation), present)
                    } catch let error as DockerError where error.isNotFound && !isSecondTry {
                        forget(image.id)
                    }
                }
                isSecondTry = true
                try await require(image)
            }
        }
    }

    /// Starts it. `nil`: it has ended already.
    func start(_ id: String) async throws -> RunningContainer? {
        try await calling("start the container") { daemon in
            try await daemon.client.containerStart(id)
            let state = try await Self.state(of: id, daemon)
            guard state.isRunning, state.processID > 1 else { return nil }
            let number = clinux_pidfd_open(state.processID)
            guard number >= 0 else {
                // It ended between the engine's answer and now, or before: the engine needs a moment to notice.
                if await exit(id) != nil { return nil }
                if try await !Self.state(of: id, daemon).isRunning { return nil }
                throw Self.elsewhere(daemon)
            }
            let handle = Descriptor(number)
            // Asked once the handle is held. An engine on another host, or one whose processes are hidden from us, has
            // other numbers.
            guard Self.belongs(state.processID, to: id) else {
                if ProcessIdentity.isEnding(state.processID, handle) { return nil }
                throw Self.elsewhere(daemon)
            }
            return RunningContainer(id: id, processID: state.processID, handle: handle)
        }
    }

    /// Podman looks at a container's process as it answers, and fails if it ends meanwhile; it answers when asked again.
    private static func state(of id: String, _ daemon: Daemon) async throws -> Container.State {
        var attempt = 0
        while true {
            do {
                return try await daemon.client.containerInspect(id).state
            } catch let error as DockerError where (error.status ?? 0) >= 500 && attempt < 5 {
                attempt += 1
                try await Task.sleep(for: .milliseconds(20 * attempt))
            }
        }
    }

    /// Whether a process of this host is a container's first: by its cgroup's name, or by its parent's command line, which
    /// in both engines (conmon, containerd-shim) holds the container's id. Without root there may be no cgroup of its own.
    private static func belongs(_ pid: Int32, to id: String) -> Bool {
        if System.readText("/proc/\(pid)/cgroup")?.contains(id) == true { return true }
        guard let parent = ProcessIdentity.parent(of: pid) else { return false }
        return System.readText("/proc/\(parent)/cmdline")?.contains(id) == true
    }

    private static func elsewhere(_ daemon: Daemon) -> SignalboxError {
        .agentFailed(
            "The processes of \(daemon.version.name) at \(daemon.client.endpoint) can't be seen from here: the engine must run on this "
                + "host, in the same process id namespace.")
    }

    /// How a container ended; waits for the engine to notice, some seconds at most. `nil`: the engine does not say.
    func exit(_ id: String) async -> Container.State? {
        for attempt in 0..<50 {
            do {
                let state = try await daemon().client.containerInspect(id).state
                if !state.isRunning { return state }
            } catch let error as DockerError where error.isNotFound {
                return nil
            } catch {
                if attempt >= 3 { return nil }
            }
            try? await Task.sleep(for: .milliseconds(20 + attempt * 4))
        }
        return nil
    }

    /// The image's stop signal. That it has ended already is no error.
    func terminate(_ id: String, grace: Duration) async {
        do {
            try await daemon().client.containerStop(id, grace: grace)
        } catch let error as DockerError where error.status == 304 || error.isNotFound {
            return
        } catch {
            // SIGKILL follows without the engine's help.
            logger.debug("container \(id) could not be asked to stop: \(error)")
        }
    }

    func pause(_ id: String) async throws { try await calling("pause the container") { try await $0.client.containerPause(id) } }

    func resume(_ id: String) async throws { try await calling("resume the container") { try await $0.client.containerResume(id) } }

    /// Removes it, with its anonymous volumes. False: not now, look again later.
    func remove(_ id: String) async -> Bool {
        do {
            try await daemon().client.containerRemove(id)
            return true
        } catch {
            logger.warning("a container could not be removed yet", metadata: ["container": "\(id)", "reason": "\(error)"])
            return false
        }
    }

    /// Ids of all containers of this home, with the sandboxes that they are.
    func ours() async throws -> [(id: String, sandbox: String)] {
        try await daemon().client.containerList(label: ContainerLabels.instance, value: instance).map {
            ($0.id, $0.labels?[ContainerLabels.sandbox] ?? "")
        }
    }

    /// Copies what the container prints into `pipe` until it ends; connects again when the engine was away.
    func follow(_ id: String, into pipe: Descriptor, since: Double?) async {
        var since = since
        while !Task.isCancelled {
            do {
                try await daemon().client.containerLog(id, since: since) { piece in
                    var rest = piece.readableBytesView[...]
                    while !rest.isEmpty {
                        let count = rest.withUnsafeBytes { write(pipe.number, $0.baseAddress, $0.count) }
                        if count > 0 {
                            rest = rest.dropFirst(count)
                        } else if errno == EAGAIN {
                            try await Task.sleep(for: .milliseconds(2))
                        } else if errno != EINTR {
                            throw SystemFailure("writing a sandbox's log")
                        }
                    }
                    since = Self.now()
                }
                return
            } catch let error as DockerError where error.isNotFound {
                return
            } catch is SystemFailure {
                return
            } catch {
                if Task.isCancelled { return }
                since = since ?? Self.now()
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Seconds since 1970.
    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
