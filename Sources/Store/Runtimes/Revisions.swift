import Platform
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The rows that an answer about a runtime is made of, by their ids: the runtime's, and a version's or
/// an endpoint's. (What else there is of a version never changes.)
public struct RowsRead: Sendable, Hashable {
    public enum Part: Sendable, Hashable {
        case version(Int64)
        case endpoint(Int64)
    }

    public var runtime: Int64
    public var part: Part

    public init(runtime: Int64, part: Part) {
        self.runtime = runtime
        self.part = part
    }
}

/// Which state of those rows a statement saw. Two that are equal saw the same.
///
/// A transaction leaves at most one state of a row behind, so row and transaction id name it. The ids begin
/// again after four thousand million, and another server (a standby that took over, a backup) gives the
/// same ones to other transactions: hence the server's start, and a limit to how long anybody may compare.
public struct RowsRevision: Sendable, Equatable {
    /// Of the PostgreSQL that answered.
    public var serverStart: Date
    /// Transactions that wrote the rows.
    public var runtime: Int64
    public var part: Int64

    /// How long a revision may be kept: far less than it takes to use up the transaction ids.
    public static let lifetime = Duration.seconds(3600)
}

extension RowsRevision {
    /// From the columns `server_start`, `runtime_xmin` and `part_xmin`; nil when a row is not there (any more).
    init?(_ row: Row) throws {
        guard let runtime = try row.intOrNil("runtime_xmin"), let part = try row.intOrNil("part_xmin") else { return nil }
        self.init(serverStart: try row.timestamp("server_start"), runtime: runtime, part: part)
    }
}

extension Store {
    /// The state that rows have now, for each of `keys`: nil for rows that are gone. One statement, and so
    /// one snapshot, which sees whatever was committed before the call.
    ///
    /// - Parameter completion: Called once, on any thread.
    public func revisions(
        of keys: [RowsRead], deadline: ContinuousClock.Instant? = nil,
        _ completion: @escaping @Sendable (Result<[RowsRevision?], any Error>) -> Void
    ) {
        let endpoints = keys.map { if case .endpoint(let id) = $0.part { id } else { Int64(0) } }
        let versions = keys.map { if case .version(let id) = $0.part { id } else { Int64(0) } }
        let count = keys.count
        // Sub-selects, not joins: each is one look-up by primary key, whatever the planner believes.
        postgres.query(
            """
            select k.place, pg_postmaster_start_time() as server_start,
                (select r.xmin from agent_runtime r where r.id = k.runtime) as runtime_xmin,
                case when k.endpoint = 0 then (select s.xmin from version_status s where s.version = k.version)
                    else (select e.xmin from runtime_endpoint e where e.id = k.endpoint) end as part_xmin
            from unnest($1::bigint[], $2::bigint[], $3::bigint[]) with ordinality as k (runtime, version, endpoint, place)
            """, [.intArray(keys.map(\.runtime)), .intArray(versions), .intArray(endpoints)], deadline: deadline
        ) { result in
            completion(
                Result {
                    var revisions = [RowsRevision?](repeating: nil, count: count)
                    for row in try result.get().rows {
                        let place = Int(try row.int("place")) - 1
                        guard revisions.indices.contains(place) else { throw SignalboxError.internal("a revision of no question") }
                        revisions[place] = try RowsRevision(row)
                    }
                    return revisions
                }.mapError { Self.translated($0) })
        }
    }
}
