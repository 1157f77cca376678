import Platform

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// Waits for a sandbox's agent to be ready.
public enum HealthProbe {
    /// Returns when `GET path` on `port` answers 200, whatever the body (contract §9: any 200 is healthy), or,
    /// without a path, when the port accepts a connection.
    ///
    /// Throws `SignalboxError.agentFailed` with a sentence and the last lines of its log when the sandbox ends
    /// first, at once, or when `timeout` passes; the sandbox is left as it is.
    public static func waitUntilHealthy(
        supervisor: SupervisorClient, id: String, port: Int = 8080, path: String? = "/ping",
        timeout: Duration = .seconds(120)
    ) async throws {
        let events = supervisor.events()
        guard let status = try await supervisor.status(id) else {
            throw SignalboxError.notFound("There is no sandbox \(id) on this host.")
        }
        if let exit = status.state.exit { throw await failure(exit.sentence, supervisor, id) }
        let outcome = await withTaskGroup(of: Outcome?.self) { group in
            group.addTask { await poll(supervisor, id, port, path, timeout) }
            group.addTask { await ending(id, events) }
            defer { group.cancelAll() }
            for await outcome in group { if let outcome { return outcome } }
            return .failed(CancellationError())
        }
        switch outcome {
        case .healthy: return
        case .failed(let error): throw error
        case .ended(let sentence): throw await failure(sentence, supervisor, id)
        case .timedOut(let last):
            let question = path.map { "answer GET \($0)" } ?? "accept a connection"
            let detail = last.map { " (\($0))" } ?? ""
            throw await failure(
                "the agent did not \(question) on port \(port) within \(seconds(timeout)) s\(detail)", supervisor, id)
        }
    }

    private enum Outcome: Sendable {
        case healthy
        case ended(String)
        case timedOut(last: String?)
        case failed(any Error)
    }

    private static func poll(
        _ supervisor: SupervisorClient, _ id: String, _ port: Int, _ path: String?, _ timeout: Duration
    ) async -> Outcome? {
        let clock = ContinuousClock()
        let start = clock.now
        let deadline = start + timeout
        var last: String?
        while clock.now < deadline, !Task.isCancelled {
            do {
                let socket = Descriptor(try await supervisor.openSocket(id, port: port))
                let exchange = HealthExchange(socket: socket, loop: try supervisor.eventLoop(), path: path)
                // A hanging answer costs one attempt, not all of them.
                let answer = await exchange.result(by: min(deadline, clock.now + .seconds(10)))
                if case .healthy = answer { return .healthy }
                // What it answered before says more than that the time was up in the middle of the next attempt.
                if case .unhealthy(let reason) = answer, last == nil || clock.now < deadline { last = reason ?? last }
            } catch let error as SignalboxError where error.kind == .notFound {
                // It has just ended; the event says how.
                try? await Task.sleep(for: .seconds(1))
                if let status = try? await supervisor.status(id) {
                    if let exit = status.state.exit { return .ended(exit.sentence) }
                } else {
                    return .failed(error)
                }
            } catch {
                return Task.isCancelled ? nil : .failed(error)
            }
            // Short at first, when a tenth of a start is a millisecond; never long.
            let pause = min(max((clock.now - start) / 20, .milliseconds(1)), .milliseconds(20))
            try? await clock.sleep(until: min(deadline, clock.now + pause))
        }
        return Task.isCancelled ? nil : .timedOut(last: last)
    }

    private static func ending(_ id: String, _ events: AsyncStream<SandboxEvent>) async -> Outcome? {
        for await event in events {
            switch event {
            case .exited(id, let exit): return .ended(exit.sentence)
            case .lost: return .failed(SignalboxError.unavailable("The supervisor went away while the agent started."))
            default: continue
            }
        }
        return nil
    }

    private static func failure(_ sentence: String, _ supervisor: SupervisorClient, _ id: String) async -> SignalboxError {
        let tail = (try? await supervisor.logTail(id, bytes: 2000)) ?? ""
        // The first line may be cut off.
        let lines = tail.split(whereSeparator: \.isNewline).suffix(10).joined(separator: "\n")
        return .agentFailed(lines.isEmpty ? sentence : "\(sentence); last lines of its log: \(lines)")
    }

    private static func seconds(_ duration: Duration) -> String {
        let parts = duration.components
        let tenths = (parts.attoseconds + 50_000_000_000_000_000) / 100_000_000_000_000_000
        return tenths == 0 || tenths == 10 ? "\(parts.seconds + (tenths == 10 ? 1 : 0))" : "\(parts.seconds).\(tenths)"
    }
}
