public import Platform
public import PostgresClient

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What carries tags, by row id.
public enum TagOwner: Sendable, Equatable {
    case runtime(Int64)
    case endpoint(Int64)
    case workloadIdentity(Int64)
}

extension Store {
    /// Tags of one resource at most (contract §3).
    public static let maximumTags = 50

    /// Adds tags; a key that is there gets the new value. False: there would be more than
    /// `maximumTags`, or the resource has gone.
    public func tagsMerge(
        _ c: OperationContext, in tx: PostgresTransaction, _ owner: TagOwner, _ tags: [String: String]
    ) async throws -> Bool {
        let parameters: [PostgresValue] = [.int(owner.id), .json(try Self.tagText(tags)), .int(Self.maximumTags)]
        let result: QueryResult
        switch owner {
        case .runtime:
            result = try await tx.query(
                """
                update agent_runtime set tags = tags || $2
                where id = $1 and (select count(*) from jsonb_object_keys(tags || $2)) <= $3
                """, parameters)
        case .endpoint:
            result = try await tx.query(
                """
                update runtime_endpoint set tags = tags || $2
                where id = $1 and (select count(*) from jsonb_object_keys(tags || $2)) <= $3
                """, parameters)
        case .workloadIdentity:
            result = try await tx.query(
                """
                update workload_identity set tags = tags || $2
                where id = $1 and (select count(*) from jsonb_object_keys(tags || $2)) <= $3
                """, parameters)
        }
        return result.affectedRows > 0
    }

    /// Takes keys away; those that are not there do no harm.
    public func tagsRemove(
        _ c: OperationContext, in tx: PostgresTransaction, _ owner: TagOwner, keys: [String]
    ) async throws {
        let parameters: [PostgresValue] = [.int(owner.id), .textArray(keys)]
        switch owner {
        case .runtime: _ = try await tx.query("update agent_runtime set tags = tags - $2::text[] where id = $1", parameters)
        case .endpoint: _ = try await tx.query("update runtime_endpoint set tags = tags - $2::text[] where id = $1", parameters)
        case .workloadIdentity:
            _ = try await tx.query("update workload_identity set tags = tags - $2::text[] where id = $1", parameters)
        }
    }

    /// Empty for a resource that has gone.
    public func tagsFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, _ owner: TagOwner
    ) async throws -> [String: String] {
        let result: QueryResult
        switch owner {
        case .runtime: result = try await run(c, in: executor, "select tags from agent_runtime where id = $1", [.int(owner.id)])
        case .endpoint:
            result = try await run(c, in: executor, "select tags from runtime_endpoint where id = $1", [.int(owner.id)])
        case .workloadIdentity:
            result = try await run(c, in: executor, "select tags from workload_identity where id = $1", [.int(owner.id)])
        }
        return try decoding {
            guard let row = result.first else { return [:] }
            return try JSONDecoder().decode([String: String].self, from: Data(try row.json("tags").utf8))
        }
    }

    static func tagText(_ tags: [String: String]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(tags), as: UTF8.self)
    }
}

extension TagOwner {
    fileprivate var id: Int64 {
        switch self {
        case .runtime(let id), .endpoint(let id), .workloadIdentity(let id): id
        }
    }
}
