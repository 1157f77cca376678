import AgentCoreModel
public import Platform
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

public struct AccountRecord: Sendable, Equatable {
    /// Twelve digits.
    public var number: String
    public var name: String
    public var createdAt: Date
    /// None of its keys is good.
    public var isDisabled: Bool
}

extension Store {
    /// Idempotent: an account that exists keeps its name.
    public func accountCreate(_ c: OperationContext, number: String, name: String = "") async throws {
        try await transaction(c) { tx in
            let made = try await tx.query(
                "insert into account (number, name) values ($1, $2) on conflict (number) do nothing", [.text(number), .text(name)])
            guard made.affectedRows > 0 else { return }
            try await auditAccount(c, in: tx, "CreateAccount", number, to: ["name": .string(name)])
        }
    }

    private func auditAccount(
        _ c: OperationContext, in tx: PostgresTransaction, _ operation: String, _ number: String, to: JSONValue? = nil
    ) async throws {
        try await recordAudit(c, in: tx, AuditEvent(operation, resource: "account/\(number)", owner: (number, ""), to: to))
    }

    /// Ends or restores what all keys of an account may do, on every replica. Idempotent; false: no such account.
    public func accountDisable(_ c: OperationContext, number: String, _ isDisabled: Bool) async throws -> Bool {
        try await transaction(c) { tx in
            let changed = try await tx.query(
                """
                update account set disabled_at = case when $2 then coalesce(disabled_at, now()) end where number = $1
                """, [.text(number), .bool(isDisabled)])
            guard changed.affectedRows > 0 else { return false }
            try await auditAccount(c, in: tx, isDisabled ? "DisableAccount" : "EnableAccount", number)
            return true
        }
    }

    /// Every account, by number.
    public func accountList(_ c: OperationContext) async throws -> [AccountRecord] {
        let result = try await runList(
            c, "select number, name, created_at, disabled_at is not null as is_disabled from account order by number", [])
        return try decoding {
            try result.rows.map {
                AccountRecord(
                    number: try $0.text("number"), name: try $0.text("name"), createdAt: try $0.timestamp("created_at"),
                    isDisabled: try $0.bool("is_disabled"))
            }
        }
    }
}
