import CLinux
import Logging

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension SupervisorCore {
    /// The host's side of sandboxes' networks, or why there is none. Blocks some milliseconds.
    static func makeWayOut(
        _ configuration: SupervisorConfiguration, instance: String, logger: Logger
    ) -> (WayOut?, noWayOut: String?) {
        let failure: String
        if !configuration.wayOut.isOn {
            failure = "sandboxes have no way out to a network: it is switched off (--sandbox-network off)"
        } else if let reason = WayOut.check() {
            failure = reason
            logger.notice("\(reason)")
        } else {
            do {
                return (try WayOut(instance: instance, configuration: configuration.wayOut, logger: logger), nil)
            } catch {
                failure = "sandboxes have no way out to a network: \(error)"
                logger.warning("\(failure)")
            }
        }
        if geteuid() == 0 { WayOut.removeAll(instance: instance, logger: logger) }
        return (nil, failure)
    }

    /// What the host can't do for a sandbox, for people.
    func warning(_ network: SandboxNetwork) -> String? {
        let about = network == .public ? noWayOut ?? wayOut?.warning : nil
        let all = [cgroups.warning, about].compactMap { $0 }
        return all.isEmpty ? nil : all.joined(separator: "; ")
    }

    /// Gives the sandbox its way out, if it waits for one, then lets its agent begin. Its start is over then.
    func openWayOut(_ record: SandboxRecord, _ door: NetworkDoor) throws {
        guard let gate = record.gate, let wayOut else { return begin(record) }
        record.gate = nil
        let network = try door.namespace()
        let id = record.id
        let thread = networks
        record.lease = Task {
            let result = await thread.run {
                let result = Result { try wayOut.open(id, network: network) }
                network.close()
                // Signals are blocked on this thread: should the sandbox be gone, this fails and nothing else.
                var go: UInt8 = 1
                _ = write(gate.number, &go, 1)
                gate.close()
                return result
            }
            defer { begin(record) }
            do {
                return try result.get()
            } catch {
                // Its end comes first, where it was ended meanwhile.
                if !record.stopRequested { logger.error("sandbox \(id) has no way out: \(error)") }
                let sentence = "there is no way out to a network: \(error)"
                record.warning = record.warning.map { "\($0); \(sentence)" } ?? sentence
                return nil
            }
        }
    }

    private func begin(_ record: SandboxRecord) {
        record.awaitingFirst?.resume(returning: true)
        record.awaitingFirst = nil
        if record.stopRequested { kill(record) }
    }
}
