public import Platform
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// An access key with its secret, as the verification of signatures needs it.
public struct AccessKeyRecord: Sendable {
    public var keyID: String
    /// Twelve digits.
    public var account: String
    public var role: Principal.Role
    public var secret: String
    public var isDisabled: Bool

    public init(keyID: String, account: String, role: Principal.Role, secret: String, isDisabled: Bool) {
        self.keyID = keyID
        self.account = account
        self.role = role
        self.secret = secret
        self.isDisabled = isDisabled
    }
}

extension AccessKeyRecord: CustomStringConvertible, CustomReflectable {
    /// Without the secret, so that none ever stands in a log.
    public var description: String { "access key \(keyID) of \(account) (\(role.rawValue)\(isDisabled ? ", disabled" : ""))" }
    public var customMirror: Mirror { Mirror(self, children: ["keyID": keyID, "account": account]) }
}

/// What a list shows of an access key.
public struct AccessKeySummary: Sendable, Equatable {
    public var keyID: String
    public var account: String
    public var role: Principal.Role
    public var isDisabled: Bool
    public var createdAt: Date
}

extension Store {
    /// nil: no such key. A disabled key is returned as such.
    public func accessKeyFetch(_ c: OperationContext, keyID: String) async throws -> AccessKeyRecord? {
        let result = try await run(
            c,
            """
            select key_id, account, role, secret_ciphertext, secret_key_id, disabled_at is not null as is_disabled
            from access_key where key_id = $1
            """, [.text(keyID)])
        return try decoding { try result.first.map(accessKey) }
    }

    /// Makes a key; id and secret are drawn when not given (as when one is imported).
    public func accessKeyCreate(
        _ c: OperationContext, account: String, role: Principal.Role, keyID: String? = nil, secret: String? = nil
    ) async throws -> AccessKeyRecord {
        let keyID = keyID ?? "AKIA" + Identifier.alphanumeric(16).uppercased()
        let secret = secret ?? Identifier.alphanumeric(40)
        let sealed = try secrets.seal(Array(secret.utf8), binding: Self.binding(accessKey: keyID))
        do {
            _ = try await postgres.query(
                """
                insert into access_key (key_id, account, role, secret_ciphertext, secret_key_id) values ($1, $2, $3, $4, $5)
                """,
                [.text(keyID), .text(account), .text(role.rawValue), .bytes(sealed.ciphertext), .text(sealed.keyID)],
                deadline: c.deadline)
        } catch let error as PostgresError where error.isUniqueViolation {
            throw SignalboxError.conflict("An access key with id '\(keyID)' already exists.")
        } catch let error as PostgresError where error.isForeignKeyViolation {
            throw SignalboxError.notFound("Account '\(account)' does not exist.")
        } catch {
            throw Self.translated(error)
        }
        return AccessKeyRecord(keyID: keyID, account: account, role: role, secret: secret, isDisabled: false)
    }

    /// The account's keys, oldest first.
    public func accessKeyList(_ c: OperationContext, account: String) async throws -> [AccessKeySummary] {
        let result = try await runList(
            c,
            """
            select key_id, account, role, disabled_at is not null as is_disabled, created_at
            from access_key where account = $1 order by id
            """, [.text(account)])
        return try decoding {
            try result.rows.map { row in
                AccessKeySummary(
                    keyID: try row.text("key_id"), account: try row.text("account"), role: try Self.role(row),
                    isDisabled: try row.bool("is_disabled"), createdAt: try row.timestamp("created_at"))
            }
        }
    }

    /// Idempotent; false: no such key in that account. Every replica hears of it.
    @discardableResult
    public func accessKeyDisable(_ c: OperationContext, account: String, keyID: String) async throws -> Bool {
        try await run(
            c,
            """
            update access_key set disabled_at = coalesce(disabled_at, now()) where account = $1 and key_id = $2
            """, [.text(account), .text(keyID)]
        ).affectedRows > 0
    }

    private func accessKey(_ row: Row) throws -> AccessKeyRecord {
        let keyID = try row.text("key_id")
        let sealed = SealedSecret(ciphertext: try row.bytes("secret_ciphertext"), keyID: try row.text("secret_key_id"))
        let secret = try secrets.open(sealed, binding: Self.binding(accessKey: keyID))
        return AccessKeyRecord(
            keyID: keyID, account: try row.text("account"), role: try Self.role(row),
            secret: String(decoding: secret, as: UTF8.self), isDisabled: try row.bool("is_disabled"))
    }

    private static func binding(accessKey keyID: String) -> String { "access key \(keyID)" }

    private static func role(_ row: Row) throws -> Principal.Role {
        let text = try row.text("role")
        guard let role = Principal.Role(rawValue: text) else { throw PostgresError(.decoding, "unknown role '\(text)'") }
        return role
    }
}
