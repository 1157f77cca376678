import CLinux
import Logging

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Sandboxes of an earlier supervisor: what they were, how they ended, where their logs are. Without an exit: a container
/// that lives.
typealias SandboxesLeft = [(file: StateFile, exit: SandboxExit?, directory: String)]

/// Ends what a supervisor that was killed left behind. Runs, blocking, before the next one listens.
///
/// A process is recognised by its start time together with its number, by membership in a cgroup of ours, or by the
/// name that it was started under; never by number alone.
struct Reaper {
    let sandboxes: String
    /// Names the home on the host.
    let instance: String
    let cgroups: Cgroups
    let logger: Logger

    /// Every sandbox known to the home, ended now.
    func reap() -> SandboxesLeft {
        for id in cgroups.leftovers() {
            let cgroup = cgroups.existing(id)
            if !cgroup.processes().isEmpty { logger.warning("reaping the processes of sandbox \(id)") }
            if !cgroup.kill() { logger.error("processes of sandbox \(id) survive SIGKILL") }
            cgroup.remove()
        }
        // Those whose start was cut short: in no file yet, and without a parent to die with.
        if Orphans.end(marker: Orphans.marker(instance: instance, id: nil)) > 0 {
            logger.warning("reaped sandboxes whose start was interrupted")
        }
        let boot = ProcessIdentity.boot()
        var left: SandboxesLeft = []
        for name in System.names(in: sandboxes) where !name.hasPrefix(".") {
            let directory = sandboxes + "/" + name
            guard var file = StateFile.read(directory), file.id == name else {
                // Killed between making the directory and the first line of its state: nothing ran.
                System.removeTree(directory)
                continue
            }
            if file.exit == nil, file.engine == ContainerEngine.name, file.boot == boot, file.container != nil, file.first?.open() != nil {
                left.append((file, nil, directory))
                continue
            }
            if file.exit == nil {
                logger.notice("reaping sandbox \(name) of an earlier supervisor")
                if file.boot == boot { end([file.first, file.outer].compactMap { $0 }, of: name) }
                file.exit = .reaped
                try? file.write(directory)
            }
            if !System.removeTree(StateFile.work(directory)) {
                logger.error("the work directory of sandbox \(name) could not be removed")
            }
            left.append((file, file.exit ?? .reaped, directory))
        }
        return left
    }

    private func end(_ processes: [ProcessIdentity], of id: String) {
        for process in processes {
            guard let handle = process.open() else { continue }
            _ = clinux_pidfd_signal(handle.number, SIGKILL)
            for _ in 0..<2500 where clinux_pidfd_ended(handle.number) == 0 { usleep(2000) }
            if clinux_pidfd_ended(handle.number) == 0 {
                logger.error("process \(process.pid) of sandbox \(id) survives SIGKILL")
            }
        }
    }
}
