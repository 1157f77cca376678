public import Platform

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A server as the owner of sessions and leases (decision 11).
public struct ReplicaIdentity: Sendable, Codable, Equatable, Hashable {
    /// UUID, kept under the replica's home.
    public var id: String
    /// Rises at each start.
    public var epoch: Int64

    public init(id: String, epoch: Int64) {
        self.id = id
        self.epoch = epoch
    }
}

public struct ReplicaRecord: Sendable, Equatable {
    public var identity: ReplicaIdentity
    public var host: String
    public var startedAt: Date
    /// Seconds since the last heartbeat, by the database's clock.
    public var silentSeconds: Double
}

extension Store {
    /// At each start: a new epoch.
    public func replicaRegister(_ c: OperationContext, id: String, host: String) async throws -> ReplicaIdentity {
        let result = try await run(
            c,
            """
            insert into replica (replica_id, host) values ($1, $2)
            on conflict (replica_id) do update set host = excluded.host, epoch = replica.epoch + 1, started_at = now(),
                heartbeat_at = now()
            returning epoch
            """, [.text(id), .text(host)])
        return ReplicaIdentity(id: id, epoch: try decoding { try result.first?.int("epoch") ?? 1 })
    }

    /// Throws `.conflict` when a later epoch has been registered: another process took over the home.
    public func replicaHeartbeat(_ c: OperationContext, _ replica: ReplicaIdentity) async throws {
        let result = try await run(
            c, "update replica set heartbeat_at = now() where replica_id = $1 and epoch = $2",
            [.text(replica.id), .int(replica.epoch)])
        if result.affectedRows == 0 {
            throw SignalboxError.conflict("Replica \(replica.id) was started again elsewhere; epoch \(replica.epoch) is over.")
        }
    }

    public func replicaList(_ c: OperationContext) async throws -> [ReplicaRecord] {
        let result = try await runList(
            c,
            """
            select replica_id, epoch, host, started_at,
                extract(epoch from clock_timestamp() - heartbeat_at)::double precision as silent_seconds
            from replica order by id
            """, [])
        return try decoding {
            try result.rows.map {
                ReplicaRecord(
                    identity: ReplicaIdentity(id: try $0.text("replica_id"), epoch: try $0.int("epoch")), host: try $0.text("host"),
                    startedAt: try $0.timestamp("started_at"), silentSeconds: try $0.double("silent_seconds"))
            }
        }
    }
}
