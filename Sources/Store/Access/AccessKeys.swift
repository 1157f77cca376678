import AgentCoreModel
public import Platform
public import PostgresClient

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
    /// The key or its account was disabled, or the key's time is over.
    public var isDisabled: Bool
    /// From then on it is not good.
    public var expiresAt: Date?

    public init(
        keyID: String, account: String, role: Principal.Role, secret: String, isDisabled: Bool, expiresAt: Date? = nil
    ) {
        self.expiresAt = expiresAt
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
    /// By itself: that its account is disabled is not told here.
    public var isDisabled: Bool
    public var createdAt: Date
    /// Since or from when it is not good: set when it was rotated.
    public var expiresAt: Date?
    /// Id of the key that was made in its place.
    public var replacedBy: String?
}

extension Store {
    /// nil: no such key. A disabled key is returned as such.
    public func accessKeyFetch(_ c: OperationContext, keyID: String) async throws -> AccessKeyRecord? {
        let result = try await run(
            c,
            """
            select k.key_id, k.account, k.role, k.secret_ciphertext, k.secret_key_id, k.expires_at,
                k.disabled_at is not null or a.disabled_at is not null or coalesce(k.expires_at <= now(), false) as is_disabled
            from access_key k join account a on a.number = k.account where k.key_id = $1
            """, [.text(keyID)])
        return try decoding { try result.first.map(accessKey) }
    }

    /// Makes a key; id and secret are drawn when not given (as when one is imported).
    public func accessKeyCreate(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, account: String, role: Principal.Role,
        keyID: String? = nil, secret: String? = nil
    ) async throws -> AccessKeyRecord {
        let keyID = keyID ?? "AKIA" + Identifier.alphanumeric(16).uppercased()
        let secret = secret ?? Identifier.alphanumeric(40)
        guard let executor else {
            return try await transaction(c) { tx in
                try await accessKeyCreate(c, in: tx, account: account, role: role, keyID: keyID, secret: secret)
            }
        }
        let sealed = try secrets.seal(Array(secret.utf8), binding: Self.binding(accessKey: keyID))
        do {
            _ = try await executor.query(
                """
                insert into access_key (key_id, account, role, secret_ciphertext, secret_key_id) values ($1, $2, $3, $4, $5)
                """,
                [.text(keyID), .text(account), .text(role.rawValue), .bytes(sealed.ciphertext), .text(sealed.keyID)], deadline: nil)
        } catch let error as PostgresError where error.isUniqueViolation {
            throw SignalboxError.conflict("An access key with id '\(keyID)' already exists.")
        } catch let error as PostgresError where error.isForeignKeyViolation {
            throw SignalboxError.notFound("Account '\(account)' does not exist.")
        } catch {
            throw Self.translated(error)
        }
        try await auditKey(c, in: executor, "CreateAccessKey", keyID, account, to: ["role": .string(role.rawValue)])
        return AccessKeyRecord(keyID: keyID, account: account, role: role, secret: secret, isDisabled: false)
    }

    private func auditKey(
        _ c: OperationContext, in executor: any PostgresExecutor, _ operation: String, _ keyID: String, _ account: String,
        to: JSONValue? = nil
    ) async throws {
        try await recordAudit(
            c, in: executor,
            AuditEvent(operation, resource: "access-key/\(keyID)", owner: (account, ""), to: to))
    }

    /// The account's keys, or every account's, oldest first.
    public func accessKeyList(_ c: OperationContext, account: String?) async throws -> [AccessKeySummary] {
        let result = try await runList(
            c,
            """
            select key_id, account, role, disabled_at is not null as is_disabled, created_at, expires_at, replaced_by
            from access_key where account = coalesce($1, account) order by id
            """, [.text(account)])
        return try decoding { try result.rows.map(Self.summary) }
    }

    /// Idempotent; false: no such key in that account. Every replica hears of it. No account: any.
    @discardableResult
    public func accessKeyDisable(_ c: OperationContext, account: String?, keyID: String) async throws -> Bool {
        try await transaction(c) { tx in
            let changed = try await tx.query(
                """
                update access_key set disabled_at = coalesce(disabled_at, now())
                where account = coalesce($1, account) and key_id = $2 returning account
                """, [.text(account), .text(keyID)])
            guard let owner = try changed.first?.text("account") else { return false }
            try await auditKey(c, in: tx, "DisableAccessKey", keyID, owner)
            return true
        }
    }

    /// Makes a key good again, one whose time was over or was to end, too. Idempotent; false: no such key in that
    /// account.
    @discardableResult
    public func accessKeyEnable(_ c: OperationContext, account: String?, keyID: String) async throws -> Bool {
        try await transaction(c) { tx in
            let changed = try await tx.query(
                """
                update access_key set disabled_at = null, expires_at = null where account = coalesce($1, account) and key_id = $2 returning account
                """, [.text(account), .text(keyID)])
            guard let owner = try changed.first?.text("account") else { return false }
            try await auditKey(c, in: tx, "EnableAccessKey", keyID, owner)
            return true
        }
    }

    /// Idempotent; false: no such key in that account. Every replica hears of it.
    @discardableResult
    public func accessKeyDelete(_ c: OperationContext, account: String?, keyID: String) async throws -> Bool {
        try await transaction(c) { tx in
            let changed = try await tx.query(
                """
                delete from access_key where account = coalesce($1, account) and key_id = $2 returning account
                """, [.text(account), .text(keyID)])
            guard let owner = try changed.first?.text("account") else { return false }
            try await auditKey(c, in: tx, "DeleteAccessKey", keyID, owner)
            return true
        }
    }

    /// Makes a key with the same role and lets the old one end after `grace` seconds, or sooner if that was said before.
    ///
    /// - Throws: `.notFound`; `.conflict` when the key is disabled, ended, or was rotated already.
    public func accessKeyRotate(
        _ c: OperationContext, account: String?, keyID: String, graceSeconds: Int
    ) async throws -> AccessKeyRecord {
        try await transaction(c) { tx in
            let found = try await tx.query(
                """
                select account, role, replaced_by,
                    disabled_at is not null or coalesce(expires_at <= now(), false) as is_disabled
                from access_key where key_id = $1 and account = coalesce($2, account) for update
                """, [.text(keyID), .text(account)])
            guard let row = found.first else { throw SignalboxError.notFound("Access key '\(keyID)' was not found.") }
            if let successor = try row.textOrNil("replaced_by") {
                throw SignalboxError.conflict("Access key '\(keyID)' was rotated already: '\(successor)' is in its place.")
            }
            guard try !row.bool("is_disabled") else { throw SignalboxError.conflict("Access key '\(keyID)' is disabled.") }
            let owner = try row.text("account")
            let made = try await accessKeyCreate(c, in: tx, account: owner, role: try Self.role(row))
            try await tx.query(
                """
                update access_key set replaced_by = $2,
                    expires_at = least(expires_at, now() + make_interval(secs => $3::bigint::double precision))
                where key_id = $1
                """, [.text(keyID), .text(made.keyID), .int(graceSeconds)])
            try await auditKey(c, in: tx, "RotateAccessKey", keyID, owner, to: ["replacedBy": .string(made.keyID)])
            return made
        }
    }

    private static func summary(_ row: Row) throws -> AccessKeySummary {
        AccessKeySummary(
            keyID: try row.text("key_id"), account: try row.text("account"), role: try role(row),
            isDisabled: try row.bool("is_disabled"), createdAt: try row.timestamp("created_at"),
            expiresAt: try row.timestampOrNil("expires_at"), replacedBy: try row.textOrNil("replaced_by"))
    }

    private func accessKey(_ row: Row) throws -> AccessKeyRecord {
        let keyID = try row.text("key_id")
        let sealed = SealedSecret(ciphertext: try row.bytes("secret_ciphertext"), keyID: try row.text("secret_key_id"))
        let secret = try secrets.open(sealed, binding: Self.binding(accessKey: keyID))
        return AccessKeyRecord(
            keyID: keyID, account: try row.text("account"), role: try Self.role(row),
            secret: String(decoding: secret, as: UTF8.self), isDisabled: try row.bool("is_disabled"),
            expiresAt: try row.timestampOrNil("expires_at"))
    }

    static func binding(accessKey keyID: String) -> String { "access key \(keyID)" }

    private static func role(_ row: Row) throws -> Principal.Role {
        let text = try row.text("role")
        guard let role = Principal.Role(rawValue: text) else { throw PostgresError(.decoding, "unknown role '\(text)'") }
        return role
    }
}
