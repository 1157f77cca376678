import AgentCoreModel
import Artifacts
import Metrics
import Platform
import Store
import Synchronization

/// Writes down what has no transaction of its own: refused changes, and sessions that were stopped.
///
/// The request does not wait for it. What a caller without rights can provoke is bounded: some refusals
/// a second, a short queue; the rest is counted (`signalbox_audit_dropped_total`).
public final class AuditWriter: Sendable {
    private typealias Entry = (context: OperationContext, event: AuditEvent)

    private struct Allowance {
        var left = AuditWriter.burst
        var at: ContinuousClock.Instant?
    }

    /// Refusals at once, and each second after that.
    private static let burst = 100.0
    private static let perSecond = 10.0
    private static let patience: Duration = .seconds(5)

    private let store: Store
    private let dropped: Counter
    private let allowance = Mutex(Allowance())
    private let queue = AsyncStream.makeStream(of: Entry.self, bufferingPolicy: .bufferingOldest(1000))

    public init(store: Store, registry: MetricRegistry) {
        self.store = store
        dropped = Counter(label: "signalbox_audit_dropped_total", factory: registry)
    }

    /// Until `finish`, and all that was recorded before it is written. A task that is cancelled drops what is left.
    func run() async {
        for await entry in queue.stream { await write(entry) }
    }

    /// Takes nothing more.
    func finish() { queue.continuation.finish() }

    func record(_ c: OperationContext, _ event: AuditEvent) {
        if case .enqueued = queue.continuation.yield((c, event)) { return }
        dropped.increment()
    }

    /// A change that role or policies do not allow the caller.
    ///
    /// - Parameters:
    ///   - action: As in an IAM policy.
    ///   - parameters: Of the path.
    func refused(_ c: OperationContext, _ action: String, _ parameters: [String: String], _ error: SignalboxError) {
        let runtimeID = parameters["agentRuntimeId"].flatMap { WireID.isRuntimeID($0) ? $0 : nil }
        let runtime = RuntimeARN(region: c.region, account: c.account, runtimeID: runtimeID ?? "*")
        var resource = runtime.description
        if let endpoint = parameters["endpointName"], WireID.isName(endpoint) {
            resource = EndpointARN(runtime: runtime, endpointName: endpoint).description
        }
        if let arn = parameters["resourceArn"], let parsed = try? ResourceARN(parsing: arn) { resource = parsed.description }
        refused(
            c,
            AuditEvent(
                String(action.drop { $0 != ":" }.dropFirst()), resource: resource, outcome: .denied, runtimeID: runtimeID,
                reason: error.message))
    }

    /// A change of a bucket or an object that the caller may not make.
    func refused(_ c: OperationContext, _ operation: ObjectOperation, _ resource: ObjectARN, _ error: ObjectError) {
        refused(
            c,
            AuditEvent(
                operation.name, resource: resource.description, outcome: .denied, owner: (c.account, ""), reason: error.message))
    }

    private func refused(_ c: OperationContext, _ event: AuditEvent) {
        guard isAllowed(c.clock.now()) else { return dropped.increment() }
        record(c, event)
    }

    private func isAllowed(_ now: ContinuousClock.Instant) -> Bool {
        allowance.withLock { allowance in
            if let at = allowance.at {
                allowance.left = min(Self.burst, allowance.left + (now - at) / .seconds(1) * Self.perSecond)
            }
            allowance.at = now
            guard allowance.left >= 1 else { return false }
            allowance.left -= 1
            return true
        }
    }

    /// Once more after a while, since the database is away now and then.
    private func write(_ entry: Entry) async {
        var c = entry.context
        for _ in 0..<2 {
            c.deadline = c.clock.now().advanced(by: Self.patience)
            do {
                return try await store.recordAudit(c, entry.event)
            } catch {
                c.logger.warning("an entry of the audit trail was not written", metadata: ["error": "\(error)"])
            }
            do { try await c.clock.sleep(for: Self.patience) } catch { break }
        }
        dropped.increment()
    }
}
