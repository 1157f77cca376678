import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A live session.
public struct SessionRecord: Sendable, Equatable {
    public var id: Int64
    public var endpoint: Int64
    public var runtime: Int64
    /// As the caller knows it.
    public var sessionID: String
    /// The version it started on; never changes while it lives (promise 5).
    public var version: Int
    /// Row id of that version.
    public var versionRow: Int64
    public var sandboxID: String
    public var owner: ReplicaIdentity
    public var startedAt: Date
    public var stopRequested: Bool
    /// Why it was asked to stop: a `SessionEnd` code.
    public var stopReason: String?
    /// Seconds by the database's clock, when the row was read.
    public var ageSeconds: Double
    /// Seconds since the last activity that was written (`sessionTouch`).
    public var idleSeconds: Double

    public init(
        id: Int64, endpoint: Int64, runtime: Int64, sessionID: String, version: Int, versionRow: Int64, sandboxID: String,
        owner: ReplicaIdentity, startedAt: Date, stopRequested: Bool = false, stopReason: String? = nil, ageSeconds: Double = 0,
        idleSeconds: Double = 0
    ) {
        self.id = id
        self.endpoint = endpoint
        self.runtime = runtime
        self.sessionID = sessionID
        self.version = version
        self.versionRow = versionRow
        self.sandboxID = sandboxID
        self.owner = owner
        self.startedAt = startedAt
        self.stopRequested = stopRequested
        self.stopReason = stopReason
        self.ageSeconds = ageSeconds
        self.idleSeconds = idleSeconds
    }
}

extension SessionRecord {
    /// From a row of session_detail whose key is named `session_row`.
    init(_ row: Row) throws {
        id = try row.int("session_row")
        endpoint = try row.int("endpoint")
        runtime = try row.int("runtime")
        sessionID = try row.text("session_id")
        version = try row.number("version_number")
        versionRow = try row.int("version_row")
        sandboxID = try row.text("sandbox_id")
        owner = ReplicaIdentity(id: try row.text("replica"), epoch: try row.int("epoch"))
        startedAt = try row.timestamp("started_at")
        stopRequested = try row.bool("stop_requested")
        stopReason = try row.textOrNil("stop_reason")
        ageSeconds = try row.double("age_seconds")
        idleSeconds = try row.double("idle_seconds")
    }
}

/// A session with everything that its sandbox needs.
public struct SessionOpening: Sendable {
    public var session: SessionRecord
    public var version: VersionRecord
    /// False: it lived already, on this replica or another.
    public var isNew: Bool

    public init(session: SessionRecord, version: VersionRecord, isNew: Bool) {
        self.session = session
        self.version = version
        self.isNew = isNew
    }
}
