import PostgresClient

/// A piece of work that this holder may do until its lease ends.
public struct WorkItem: Sendable, Equatable {
    public var id: Int64
    public var kind: String
    public var subject: String
    public var holder: String
    /// Never given twice. A write guarded by it (`workFence`) is refused once somebody else has claimed.
    public var fencingToken: Int64
    /// This one included.
    public var attempts: Int
    /// Of the attempt before.
    public var lastError: String?
}

extension WorkItem {
    init(_ row: Row) throws {
        id = try row.int("id")
        kind = try row.text("kind")
        subject = try row.text("subject")
        holder = try row.text("holder")
        fencingToken = try row.int("fencing_token")
        attempts = try row.number("attempts")
        lastError = try row.textOrNil("last_error")
    }

    /// How long to wait after a failed attempt: 0.25 s, doubled each time, at most a minute.
    public var backOff: Duration { .milliseconds(min(60_000, 250 << min(max(attempts - 1, 0), 8))) }
}

/// The lease is gone: somebody else does the work now, so this holder must stop.
public struct LeaseLost: Error, Sendable, Equatable, CustomStringConvertible {
    public var kind: String
    public var subject: String
    public var description: String { "the lease of \(kind) \(subject) was lost" }
}
