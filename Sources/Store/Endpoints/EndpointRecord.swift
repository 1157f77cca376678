public import AgentCoreModel
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A row of runtime_endpoint with its runtime's identity.
public struct EndpointRecord: Sendable, Equatable {
    public var id: Int64
    public var runtime: Int64
    public var runtimeID: String
    public var account: String
    public var region: String
    /// id on the wire.
    public var endpointID: String
    public var name: String
    /// nil until the first READY.
    public var liveVersion: Int?
    public var targetVersion: Int
    public var status: AgentRuntimeStatus
    public var failureReason: String?
    public var description: String?
    /// Rises with every change of target, live version or status.
    public var generation: Int64
    public var createdAt: Date
    public var updatedAt: Date

    public var isDefault: Bool { name == Self.defaultName }
    /// The endpoint that every runtime has and that follows its newest version.
    public static let defaultName = "DEFAULT"
}

extension EndpointRecord {
    /// From a row of endpoint_detail.
    init(_ row: Row) throws {
        id = try row.int("id")
        runtime = try row.int("runtime")
        runtimeID = try row.text("runtime_id")
        account = try row.text("account")
        region = try row.text("region")
        endpointID = try row.text("endpoint_id")
        name = try row.text("name")
        liveVersion = try row.numberOrNil("live_version")
        targetVersion = try row.number("target_version")
        status = try row.status("status")
        failureReason = try row.textOrNil("failure_reason")
        description = try row.textOrNil("description")
        generation = try row.int("generation")
        createdAt = try row.timestamp("created_at")
        updatedAt = try row.timestamp("updated_at")
    }
}
