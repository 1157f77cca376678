public import Platform
public import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A row of workload_identity.
public struct WorkloadIdentityRecord: Sendable, Equatable {
    public var id: Int64
    public var account: String
    public var region: String
    public var name: String
    /// Row id of the runtime that it was made for and goes with; nil for one made by hand.
    public var runtime: Int64?
    public var returnURLs: [String]
    public var createdAt: Date
    public var updatedAt: Date

    init(_ row: Row) throws {
        id = try row.int("id")
        account = try row.text("account")
        region = try row.text("region")
        name = try row.text("name")
        runtime = try row.intOrNil("runtime")
        returnURLs = try row.textArray("return_urls")
        createdAt = try row.timestamp("created_at")
        updatedAt = try row.timestamp("updated_at")
    }
}

/// A runtime's own identity is made by a trigger of its row and goes by the foreign key.
extension Store {
    public func workloadIdentityInsert(
        _ c: OperationContext, in tx: PostgresTransaction, name: String, returnURLs: [String], tags: [String: String]
    ) async throws -> WorkloadIdentityRecord {
        let result = try await tx.query(
            """
            insert into workload_identity (account, region, name, return_urls, tags) values ($1, $2, $3, $4, $5)
            on conflict on constraint workload_identity_name do nothing
            returning id, account, region, name, runtime, return_urls, created_at, updated_at
            """,
            [.text(c.account), .text(c.region), .text(name), .textArray(returnURLs), .json(try Self.tagText(tags))])
        guard let row = result.first else {
            throw SignalboxError.conflict("Workload identity with name '\(name)' already exists.")
        }
        return try WorkloadIdentityRecord(row)
    }

    /// The caller's; nil for another tenant's.
    public func workloadIdentityFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, name: String
    ) async throws -> WorkloadIdentityRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, account, region, name, runtime, return_urls, created_at, updated_at
            from workload_identity where account = $1 and region = $2 and name = $3
            """, [.text(c.account), .text(c.region), .text(name)])
        return try decoding { try result.first.map(WorkloadIdentityRecord.init) }
    }

    /// Replaces the list of URLs unless it is nil. nil: there is no such identity.
    public func workloadIdentityUpdate(
        _ c: OperationContext, in tx: PostgresTransaction, name: String, returnURLs: [String]?
    ) async throws -> WorkloadIdentityRecord? {
        let result = try await tx.query(
            """
            update workload_identity set return_urls = coalesce($4, return_urls), updated_at = now()
            where account = $1 and region = $2 and name = $3
            returning id, account, region, name, runtime, return_urls, created_at, updated_at
            """,
            [.text(c.account), .text(c.region), .text(name), returnURLs.map { .textArray($0) } ?? .null])
        return try result.first.map(WorkloadIdentityRecord.init)
    }

    /// Removes one that was made by hand. False: there is none of that name, or it is a runtime's.
    public func workloadIdentityDelete(_ c: OperationContext, in tx: PostgresTransaction, name: String) async throws -> Bool {
        try await tx.query(
            "delete from workload_identity where account = $1 and region = $2 and name = $3 and runtime is null",
            [.text(c.account), .text(c.region), .text(name)]
        ).affectedRows > 0
    }

    /// The caller's, by name.
    public func workloadIdentityList(_ c: OperationContext, page: PageRequest) async throws -> Page<WorkloadIdentityRecord> {
        let list = ["workload identities", c.account, c.region]
        var after = ""
        if let token = page.nextToken { after = try pageTokens.cursor(of: token, list: list, count: 1)[0] }
        let result = try await runList(
            c,
            """
            select id, account, region, name, runtime, return_urls, created_at, updated_at
            from workload_identity where account = $1 and region = $2 and name > $3 order by name limit $4
            """, [.text(c.account), .text(c.region), .text(after), .int(page.maxResults + 1)])
        return try decoding {
            let items = try result.rows.prefix(page.maxResults).map(WorkloadIdentityRecord.init)
            guard result.rows.count > page.maxResults, let last = items.last else { return Page(items: items, nextToken: nil) }
            return Page(items: items, nextToken: pageTokens.make(cursor: [last.name], list: list))
        }
    }
}
