import CLinux
import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The way into a sandbox's network namespace. Holding it keeps the namespace alive.
final class NetworkDoor {
    private let network: Descriptor
    /// Without privilege: a process inside that makes the sockets.
    private var helper: (control: Descriptor, handle: Descriptor)?

    /// - Parameter pid: a process inside that is known to live.
    init(of pid: Int32, isPrivileged: Bool) throws {
        network = try System.open("/proc/\(pid)/ns/net", O_RDONLY)
        guard !isPrivileged else { return }
        var control: CInt = -1
        let helper = clinux_start_socket_helper(network.number, &control)
        guard helper > 0 else { throw SystemFailure("starting the socket helper") }
        let handle = clinux_pidfd_open(helper)
        self.helper = (Descriptor(control), Descriptor(handle))
    }

    /// A non-blocking socket inside, its connection to 127.0.0.1 begun. Takes microseconds.
    func socket(port: UInt16, own: Descriptor) throws -> Descriptor {
        if let helper {
            let number = clinux_socket_from_helper(helper.control.number, port)
            guard number >= 0 else { throw SystemFailure("a socket in the sandbox") }
            return Descriptor(number)
        }
        let number = clinux_socket_in_network(network.number, own.number)
        guard number >= 0 else { throw SystemFailure("a socket in the sandbox") }
        // A refusal stays on the socket, for its owner to see.
        _ = clinux_connect_loopback(number, port)
        return Descriptor(number)
    }

    /// Another descriptor of the namespace, for a thread that uses it whether or not the door closes meanwhile.
    func namespace() throws -> Descriptor {
        let number = fcntl(network.number, F_DUPFD_CLOEXEC, 3)
        guard number >= 0 else { throw SystemFailure("keeping the sandbox's network namespace") }
        return Descriptor(number)
    }

    func close() {
        network.close()
        guard let helper else { return }
        helper.control.close()
        _ = clinux_pidfd_signal(helper.handle.number, SIGKILL)
        var code: CInt = 0
        var signal: CInt = 0
        // It dies at once; a moment's wait here saves a zombie.
        for _ in 0..<1000 where clinux_pidfd_reap(helper.handle.number, &code, &signal) == 0 { usleep(50) }
        self.helper = nil
    }
}
