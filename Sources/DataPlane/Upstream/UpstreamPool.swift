import HTTPWire
import NIOCore
import NIOPosix
import Platform

/// The connections of one event loop into the sandboxes. Confined to that loop.
final class UpstreamPool {
    let eventLoop: any EventLoop
    private let host: any SandboxHost
    /// A connection unused for longer is not used again: the agent may be about to close it.
    private let maximumIdle: TimeAmount
    private var idle: [String: [UpstreamConnection]] = [:]
    private var open: [ObjectIdentifier: UpstreamConnection] = [:]

    init(eventLoop: any EventLoop, host: any SandboxHost, maximumIdle: TimeAmount) {
        self.eventLoop = eventLoop
        self.host = host
        self.maximumIdle = maximumIdle
    }

    /// A connection that is known to be usable at this moment; the newest first.
    func checkOut(_ sandboxID: String) -> UpstreamConnection? {
        guard idle[sandboxID] != nil else { return nil }
        let oldest = eventLoop.now - maximumIdle
        while let connection = idle[sandboxID]?.popLast() {
            if connection.idleSince >= oldest, connection.isFresh { return connection }
            connection.close()
        }
        return nil
    }

    /// A new connection. `completion` comes on the event loop.
    func connect(
        _ sandboxID: String, port: Int, completion: @escaping (Result<UpstreamConnection, SignalboxError>) -> Void
    ) {
        let host = host
        let bound = NIOLoopBound((pool: self, completion: completion), eventLoop: eventLoop)
        let loop = eventLoop
        Task {
            let result: Result<CInt, SignalboxError>
            do {
                result = .success(try await host.openSocket(sandboxID, port: port))
            } catch {
                result = .failure(error as? SignalboxError ?? .internal("opening a socket: \(error)"))
            }
            loop.execute { bound.value.pool.adopt(result, sandboxID, bound.value.completion) }
        }
    }

    private func adopt(
        _ result: Result<CInt, SignalboxError>, _ sandboxID: String,
        _ completion: @escaping (Result<UpstreamConnection, SignalboxError>) -> Void
    ) {
        switch result {
        case .failure(let error): completion(.failure(error))
        case .success(let descriptor):
            let connection = UpstreamConnection(sandboxID: sandboxID, descriptor: descriptor, pool: self)
            let bound = NIOLoopBound(connection, eventLoop: eventLoop)
            ClientBootstrap(group: eventLoop)
                .channelOption(.maxMessagesPerRead, value: 4)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
                }
                .withConnectedSocket(descriptor)
                .assumeIsolated()
                .whenComplete { outcome in
                    switch outcome {
                    case .success:
                        self.open[ObjectIdentifier(connection)] = connection
                        completion(.success(connection))
                    case .failure(let error):
                        completion(.failure(.agentFailed("The agent does not accept connections.", context: "\(error)")))
                    }
                }
        }
    }

    func putBack(_ connection: UpstreamConnection) { idle[connection.sandboxID, default: []].append(connection) }

    func closed(_ connection: UpstreamConnection) {
        open[ObjectIdentifier(connection)] = nil
        guard var list = idle[connection.sandboxID] else { return }
        list.removeAll { $0 === connection }
        idle[connection.sandboxID] = list.isEmpty ? nil : list
    }

    /// The sandbox is gone; calls in progress see their connections close by themselves.
    func forget(_ sandboxID: String) {
        for connection in idle.removeValue(forKey: sandboxID) ?? [] { connection.close() }
    }

    var idleCount: Int { idle.values.reduce(0) { $0 + $1.count } }
    var openCount: Int { open.count }

    /// Once a second: closes what is idle for too long, fails what takes too long.
    func tick() {
        let now = eventLoop.now
        let oldest = now - maximumIdle
        for (sandbox, list) in idle {
            let stale = list.filter { $0.idleSince < oldest }
            guard !stale.isEmpty else { continue }
            let rest = list.filter { $0.idleSince >= oldest }
            idle[sandbox] = rest.isEmpty ? nil : rest
            for connection in stale { connection.close() }
        }
        for connection in Array(open.values) {
            if let deadline = connection.deadline, now >= deadline { connection.expire("the agent did not answer in time") }
        }
    }
}
