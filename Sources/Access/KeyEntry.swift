import Platform
import SigV4
import Store

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An access key in memory, with the signing keys derived from it. Never changed, only replaced, so
/// that a reader needs the lock for no longer than it takes to find it.
final class KeyEntry: Sendable {
    let principal: Principal
    let secret: String
    /// After that it is not good, whatever the database said.
    let expiresAt: Date?
    /// When to ask the database again; until it answers, this one stays good.
    let due: ContinuousClock.Instant
    private let signingKeys: [SigningKey]

    /// Days, regions and services that one key is in use for at once; the oldest goes first.
    static let maximumScopes = 16

    private init(
        principal: Principal, secret: String, expiresAt: Date?, due: ContinuousClock.Instant, signingKeys: [SigningKey]
    ) {
        self.expiresAt = expiresAt
        self.principal = principal
        self.secret = secret
        self.due = due
        self.signingKeys = signingKeys
    }

    /// `record` as the database has it now; what was derived from the same secret before is kept.
    convenience init(_ record: AccessKeyRecord, due: ContinuousClock.Instant, previous: KeyEntry?) {
        self.init(
            principal: Principal(account: record.account, accessKeyID: record.keyID, role: record.role), secret: record.secret,
            expiresAt: record.expiresAt, due: due, signingKeys: previous?.secret == record.secret ? previous?.signingKeys ?? [] : [])
    }

    func postponed(until due: ContinuousClock.Instant) -> KeyEntry {
        KeyEntry(principal: principal, secret: secret, expiresAt: expiresAt, due: due, signingKeys: signingKeys)
    }

    func adding(_ key: SigningKey) -> KeyEntry {
        guard signingKey(key.scope) == nil else { return self }
        return KeyEntry(
            principal: principal, secret: secret, expiresAt: expiresAt, due: due,
            signingKeys: signingKeys.suffix(Self.maximumScopes - 1) + [key])
    }

    func signingKey(_ scope: CredentialScope) -> SigningKey? { signingKeys.last { $0.scope == scope } }

    var scopeCount: Int { signingKeys.count }
}

extension KeyEntry: CustomStringConvertible, CustomReflectable {
    var description: String { "access key \(principal.accessKeyID)" }
    var customMirror: Mirror { Mirror(self, children: ["principal": principal]) }
}
