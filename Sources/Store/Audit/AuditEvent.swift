public import AgentCoreModel
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Something that was changed, or was to be and was refused. Who, from where and in which request are
/// the operation context's.
public struct AuditEvent: Sendable, Equatable {
    public enum Outcome: String, Sendable {
        case ok, failed, denied
    }

    /// Name of the operation, or of what a reconciler brought to its end.
    public var operation: String
    /// ARN, or another name where there is none.
    public var resource: String
    public var outcome: Outcome
    /// agentRuntimeId, of what is a runtime or belongs to one.
    public var runtimeID: String?
    /// Whose resource it is; nil: the caller's own account and region. Without a region it is shown in each: keys, accounts
    /// and buckets lie in none.
    public var owner: (account: String, region: String)?
    /// What was true before and what is to be, as small objects. Never a secret, never an environment variable's value.
    public var from: JSONValue?
    public var to: JSONValue?
    /// Why, for people.
    public var reason: String?

    public init(
        _ operation: String, resource: String, outcome: Outcome = .ok, runtimeID: String? = nil,
        owner: (account: String, region: String)? = nil, from: JSONValue? = nil, to: JSONValue? = nil, reason: String? = nil
    ) {
        self.operation = operation
        self.resource = resource
        self.outcome = outcome
        self.runtimeID = runtimeID
        self.owner = owner
        self.from = from
        self.to = to
        self.reason = reason
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.operation == right.operation && left.resource == right.resource && left.outcome == right.outcome
            && left.runtimeID == right.runtimeID && left.owner?.account == right.owner?.account
            && left.owner?.region == right.owner?.region && left.details == right.details
    }

    var details: JSONValue {
        var details: [String: JSONValue] = [:]
        details["from"] = from
        details["to"] = to
        details["reason"] = reason.map { .string($0) }
        return .object(details)
    }
}

/// A row of the audit trail.
public struct AuditRecord: Sendable, Equatable {
    public var id: Int64
    public var at: Date
    public var operation: String
    public var outcome: String
    public var resource: String
    public var runtimeID: String?
    public var actor: String
    public var actorAccount: String?
    public var actorRole: String?
    public var sourceAddress: String?
    public var userAgent: String?
    public var requestID: String
    /// `from`, `to` and `reason`, those that there are.
    public var details: JSONValue

    init(_ row: Row) throws {
        id = try row.int("id")
        at = try row.timestamp("at")
        operation = try row.text("operation")
        outcome = try row.text("outcome")
        resource = try row.text("resource")
        runtimeID = try row.textOrNil("runtime_id")
        actor = try row.text("actor")
        actorAccount = try row.textOrNil("actor_account")
        actorRole = try row.textOrNil("actor_role")
        sourceAddress = try row.textOrNil("source_address")
        userAgent = try row.textOrNil("user_agent")
        requestID = try row.text("request_id")
        details = try JSONValue(parsing: Array(row.json("details").utf8))
    }
}

/// What is wanted of the trail; all of it must fit.
public struct AuditFilter: Sendable, Equatable {
    public var runtimeID: String?
    public var actor: String?
    public var operation: String?
    /// Included.
    public var since: WireTimestamp?
    /// Excluded.
    public var until: WireTimestamp?

    public init(
        runtimeID: String? = nil, actor: String? = nil, operation: String? = nil, since: WireTimestamp? = nil,
        until: WireTimestamp? = nil
    ) {
        self.runtimeID = runtimeID
        self.actor = actor
        self.operation = operation
        self.since = since
        self.until = until
    }
}
