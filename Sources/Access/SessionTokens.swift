import AgentCoreModel
public import Platform
import SigV4
public import Store
import Synchronization

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Temporary credentials: an access key id, its secret, and the token that tells every replica both.
public struct SessionCredentials: Sendable {
    /// Begins with `ASIA`, as AWS's do.
    public var accessKeyID: String
    public var secret: String
    /// For `X-Amz-Security-Token`.
    public var token: String
    public var expiresAt: Date
    public var role: Principal.Role
}

extension SessionCredentials: CustomStringConvertible, CustomReflectable {
    public var description: String { "temporary access key \(accessKeyID)" }
    public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}

/// Makes and opens the tokens of temporary credentials.
///
/// A token is sealed under the master key and needs no row: who opens it has secret, role, end, and the
/// key that it was made with. That key is looked up with every request, so that whatever ends the key
/// ends its tokens.
public final class SessionTokens: Sendable {
    /// Seconds that credentials may last: AWS's range for a role's.
    public static let lifetimes = Operation.sessionSeconds
    /// Bytes of a token, far more than one of ours has.
    private static let maximumLength = 2048
    /// Tokens in memory. Only good ones are kept, so that keys alone decide on how many there are.
    private static let maximumKept = 4096

    private let secrets: SecretBox
    private let kept = Mutex<[String: SessionEntry]>([:])

    public init(secrets: SecretBox) { self.secrets = secrets }

    /// - Parameters:
    ///   - principal: Whose key makes them.
    ///   - role: The key's own or a lesser one.
    ///   - seconds: One of `lifetimes`.
    public func make(
        _ principal: Principal, role: Principal.Role, seconds: Int, now: Date
    ) throws -> SessionCredentials {
        let keyID = "ASIA" + Identifier.alphanumeric(16).uppercased()
        let secret = Identifier.alphanumeric(40)
        let end = Int64(now.timeIntervalSince1970.rounded(.up)) + Int64(seconds)
        let content = JSONValue.object([
            "end": .string("\(end)"), "key": .string(principal.accessKeyID), "role": .string(role.rawValue), "secret": .string(secret),
        ])
        let sealed = try secrets.seal(content.bytes(), binding: Self.binding(keyID))
        let token = Data(Array(sealed.keyID.utf8) + sealed.ciphertext).base64EncodedString()
        return SessionCredentials(
            accessKeyID: keyID, secret: secret, token: token, expiresAt: Date(timeIntervalSince1970: Double(end)), role: role)
    }

    /// What a token says. Throws `.unrecognizedClient` for what `make` never made for that key id.
    func open(_ token: String, accessKeyID: String) throws(SigV4Error) -> SessionEntry {
        if let entry = kept.withLock({ $0[token] }) {
            guard entry.accessKeyID == accessKeyID else { throw .unrecognizedClient }
            return entry
        }
        guard token.utf8.count <= Self.maximumLength, let data = Data(base64Encoded: token), data.count > SecretBox.keyIDLength,
            let masterKey = String(validating: data.prefix(SecretBox.keyIDLength), as: UTF8.self)
        else { throw .unrecognizedClient }
        let sealed = SealedSecret(ciphertext: Array(data.dropFirst(SecretBox.keyIDLength)), keyID: masterKey)
        // Strangers choose the bytes: nothing is read from the disk for them.
        guard let bytes = secrets.openKnown(sealed, binding: Self.binding(accessKeyID)), let content = try? JSONValue(parsing: bytes),
            let key = content["key"]?.string, let end = content["end"]?.string.flatMap({ Int64($0) }),
            let role = content["role"]?.string.flatMap(Principal.Role.init(rawValue:)), let secret = content["secret"]?.string
        else { throw .unrecognizedClient }
        let entry = SessionEntry(accessKeyID: accessKeyID, parent: key, role: role, secret: secret, end: end)
        keep(entry, token)
        return entry
    }

    /// Keeps a signing key for the requests that follow.
    func keep(_ key: SigningKey, token: String) {
        kept.withLock { kept in
            guard let entry = kept[token] else { return }
            kept[token] = entry.adding(key)
        }
    }

    func forget(_ token: String) { kept.withLock { _ = $0.removeValue(forKey: token) } }

    private func keep(_ entry: SessionEntry, _ token: String) {
        kept.withLock { kept in
            if kept.count >= Self.maximumKept { kept.removeAll(keepingCapacity: true) }
            kept[token] = entry
        }
    }

    private static func binding(_ keyID: String) -> String { "session token \(keyID)" }
}

/// An opened token, with the signing keys derived from its secret. Never changed, only replaced.
final class SessionEntry: Sendable {
    let accessKeyID: String
    /// Id of the access key that it was made with.
    let parent: String
    let role: Principal.Role
    let secret: String
    /// Seconds since 1970.
    let end: Int64
    private let signingKeys: [SigningKey]

    init(accessKeyID: String, parent: String, role: Principal.Role, secret: String, end: Int64, signingKeys: [SigningKey] = []) {
        self.accessKeyID = accessKeyID
        self.parent = parent
        self.role = role
        self.secret = secret
        self.end = end
        self.signingKeys = signingKeys
    }

    func signingKey(_ scope: CredentialScope) -> SigningKey? { signingKeys.last { $0.scope == scope } }

    func adding(_ key: SigningKey) -> SessionEntry {
        guard signingKey(key.scope) == nil else { return self }
        return SessionEntry(
            accessKeyID: accessKeyID, parent: parent, role: role, secret: secret, end: end,
            signingKeys: signingKeys.suffix(KeyEntry.maximumScopes - 1) + [key])
    }
}
