import CLinux
import Logging

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Tells systemd, or whoever speaks its protocol (sd_notify(3)), how the process is doing: datagrams to the socket
/// that `NOTIFY_SOCKET` names. Without that variable nobody asked.
struct ServiceManager: Sendable {
    private let address: String?
    private let logger: Logger

    init(environment: [String: String] = ProcessInfo.processInfo.environment, logger: Logger) {
        address = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        self.logger = logger
    }

    /// Everything that was asked for is there.
    func ready() { tell("READY=1") }

    /// The end has begun and may take its time.
    func stopping() { tell("STOPPING=1") }

    private func tell(_ state: String) {
        guard let address, clinux_send_datagram(address, state) != 0 else { return }
        // The service manager finds out by its own time limit; nothing else depends on it.
        logger.warning("the service manager can't be told \(state)", metadata: ["socket": "\(address)"])
    }
}
