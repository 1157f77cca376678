import Platform
import PostgresClient
public import Store

/// The database as the data plane's source of routes and sessions.
extension Store: RouteSource, SessionStore {
    public func ownerSilence(_ context: OperationContext, _ owner: ReplicaIdentity) async throws -> Double? {
        let replica = try await replicaList(context).first { $0.identity.id == owner.id }
        // A later epoch took over the earlier one's rows, or ended them.
        guard let replica, replica.identity.epoch == owner.epoch else { return nil }
        return replica.silentSeconds
    }

    public func notices(for replica: ReplicaIdentity) -> AsyncStream<DataPlaneNotice> {
        let events = postgres.notifications([Channels.endpoint, Channels.session])
        return AsyncStream { continuation in
            let task = Task {
                for await event in events {
                    switch event {
                    case .resumed: continuation.yield(.resynchronise)
                    case .payload(Channels.endpoint, let payload):
                        continuation.yield(Int64(payload).map { .endpoint($0) } ?? .resynchronise)
                    case .payload(Channels.session, let payload):
                        if payload == replica.id { continuation.yield(.sessionsAskedToStop) }
                    case .payload: break
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
