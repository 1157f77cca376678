public import AgentCoreModel
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A row of agent_runtime.
public struct RuntimeRecord: Sendable, Equatable {
    public var id: Int64
    /// agentRuntimeId on the wire.
    public var runtimeID: String
    public var account: String
    public var region: String
    public var name: String
    public var status: AgentRuntimeStatus
    public var failureReason: String?
    /// The newest version's number.
    public var lastVersion: Int
    public var createdAt: Date
    public var updatedAt: Date
}

extension RuntimeRecord {
    init(_ row: Row) throws {
        id = try row.int("id")
        runtimeID = try row.text("runtime_id")
        account = try row.text("account")
        region = try row.text("region")
        name = try row.text("name")
        status = try row.status("status")
        failureReason = try row.textOrNil("failure_reason")
        lastVersion = try row.number("last_version")
        createdAt = try row.timestamp("created_at")
        updatedAt = try row.timestamp("updated_at")
    }
}

/// A runtime as a list shows it.
public struct RuntimeSummary: Sendable, Equatable {
    public var runtime: RuntimeRecord
    /// Of the newest version.
    public var description: String?
}
