import Logging

/// Independent statements of all tasks on a few shared connections.
final class PipelinedLane: Sendable {
    private let connections: [PipelinedConnection]
    private let threads: [PollThread]

    init(_ configuration: PostgresConfiguration, logger: Logger) {
        let settings = ConnectionSettings(configuration, statementTimeout: configuration.statementTimeout, isForLookUps: true)
        var connections: [PipelinedConnection] = []
        var threads: [PollThread] = []
        for _ in 0..<max(configuration.pipelinedConnections, 1) {
            let thread = PollThread()
            let connection = PipelinedConnection(thread: thread, settings: settings, logger: logger)
            thread.add(connection)
            threads.append(thread)
            connections.append(connection)
        }
        self.connections = connections
        self.threads = threads
    }

    func start() { for thread in threads { thread.start() } }

    func stop() async { for thread in threads { await thread.stop() } }

    /// False while every connection's last attempt to connect failed.
    var isReachable: Bool {
        connections.contains { $0.availability == .connected || $0.availability == .connecting }
    }

    /// Statements accepted and not yet answered.
    var outstanding: Int { connections.reduce(0) { $0 + $1.outstanding } }

    func query(_ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant) async throws -> QueryResult {
        let work = PendingRequest.Work.statement(text: statement.text, try EncodedParameters(parameters))
        let request = PendingRequest(work, deadline: deadline)
        return try await request.wait { self.choose().submit($0) }
    }

    /// As above, heard of by a call instead of a task.
    func query(
        _ statement: Statement, _ parameters: [PostgresValue], deadline: ContinuousClock.Instant,
        _ completion: @escaping PendingRequest.Completion
    ) {
        let encoded: EncodedParameters
        do { encoded = try EncodedParameters(parameters) } catch { return completion(.failure(error)) }
        choose().submit(PendingRequest(.statement(text: statement.text, encoded), deadline: deadline, completion))
    }

    /// The connected one with the shortest line; the first of equals, so that few tasks share one
    /// flush instead of waking two threads.
    private func choose() -> PipelinedConnection {
        var best = connections[0]
        var bestCost = Int.max
        for connection in connections {
            let penalty: Int
            switch connection.availability {
            case .connected: penalty = 0
            case .connecting: penalty = 1 << 32
            case .away, .closed: penalty = 1 << 40
            }
            let cost = connection.outstanding + penalty
            if cost < bestCost {
                best = connection
                bestCost = cost
            }
        }
        return best
    }
}
