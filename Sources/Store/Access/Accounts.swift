public import Platform

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
        _ = try await run(
            c, "insert into account (number, name) values ($1, $2) on conflict (number) do nothing", [.text(number), .text(name)])
    }

    /// Ends or restores what all keys of an account may do, on every replica. Idempotent; false: no such account.
    public func accountDisable(_ c: OperationContext, number: String, _ isDisabled: Bool) async throws -> Bool {
        try await run(
            c,
            """
            update account set disabled_at = case when $2 then coalesce(disabled_at, now()) end where number = $1
            """, [.text(number), .bool(isDisabled)]
        ).affectedRows > 0
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
