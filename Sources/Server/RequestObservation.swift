import AgentCoreModel
import HTTPWire
import Logging
import Metrics
import NIOCore
import Platform
import Synchronization

/// What is found out about a request while it is answered, for metrics and logs.
public final class RequestObservation: Sendable {
    private struct State {
        var operation = RequestOperation.unknown
        var account: String?
        var runtime: String?
    }
    private let state = Mutex(State())

    var operation: RequestOperation { state.withLock { $0.operation } }
    var account: String? { state.withLock { $0.account } }
    var runtime: String? { state.withLock { $0.runtime } }

    func authenticated(_ c: OperationContext) { state.withLock { $0.account = c.account } }

    func found(_ operation: RequestOperation, runtime: String? = nil) {
        state.withLock { state in
            state.operation = operation
            state.runtime = runtime
        }
    }

    /// A request that ends with a status of 500 and more, with all that is known of it.
    func log(failure: any Error, isDefect: Bool, _ logger: Logger) {
        let state = state.withLock { $0 }
        var metadata: Logger.Metadata = ["operation": "\(state.operation.name)", "error": "\(failure)"]
        metadata["account"] = state.account.map { "\($0)" }
        metadata["runtime"] = state.runtime.map { "\($0)" }
        logger.log(level: isDefect ? .error : .warning, "a request failed", metadata: metadata)
    }
}

/// Counts every request's end and, if asked to, writes it to the log.
public final class RequestObserver: Sendable {
    private let metrics: RequestMetrics
    private let refused: Counter
    private let accessLog: Logger?

    /// - Parameter accessLog: one message for each request goes here.
    public init(_ registry: MetricRegistry, accessLog: Logger? = nil) {
        metrics = RequestMetrics(registry)
        refused = Counter(label: "signalbox_http_connections_refused_total", factory: registry)
        self.accessLog = accessLog
    }

    func connectionRefused() { refused.increment() }

    /// On the reply's event loop.
    func ended(_ reply: Reply, isWhole: Bool) {
        let observation = reply.attachment as? RequestObservation
        let operation = observation?.operation.index ?? reply.operation
        let duration = reply.eventLoop.now - reply.startedAt
        metrics.count(operation: operation, status: reply.status, duration: duration, isWhole: isWhole)
        if let accessLog { log(reply, observation, RequestOperation(index: operation), duration, isWhole, accessLog) }
    }

    private func log(
        _ reply: Reply, _ observation: RequestObservation?, _ operation: RequestOperation, _ duration: TimeAmount, _ isWhole: Bool,
        _ logger: Logger
    ) {
        var metadata: Logger.Metadata = [
            "request_id": "\(reply.requestID)", "status": "\(reply.status)", "operation": "\(operation.name)",
            "duration_ms": "\(Double(duration.nanoseconds / 1000) / 1000)", "bytes": "\(reply.bytesWritten)",
        ]
        if let head = reply.head {
            metadata["method"] = "\(head.method.rawValue)"
            // Without the query: that of a presigned URL is a secret for a while.
            metadata["path"] = "\(head.uri.prefix { $0 != "?" })"
        }
        metadata["source"] = (reply.channel?.remoteAddress?.ipAddress).map { "\($0)" }
        metadata["account"] = (observation?.account ?? reply.account).map { "\($0)" }
        metadata["runtime"] = (observation?.runtime ?? reply.runtime).map { "\($0)" }
        if !isWhole { metadata["cut"] = "true" }
        logger.info("request", metadata: metadata)
    }
}
