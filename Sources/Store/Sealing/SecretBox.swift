public import Crypto
public import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Ciphertext as a row keeps it, and which master key opens it.
public struct SealedSecret: Sendable, Equatable {
    /// Nonce, ciphertext and tag, as AES-GCM's combined form.
    public var ciphertext: [UInt8]
    public var keyID: String

    public init(ciphertext: [UInt8], keyID: String) {
        self.ciphertext = ciphertext
        self.keyID = keyID
    }
}

/// One master key.
struct MasterKey: Sendable {
    /// Sixteen hex digits derived from the key; tells keys apart without revealing anything.
    let id: String
    let key: SymmetricKey

    /// - Parameter bytes: 32 of them.
    init(_ bytes: [UInt8]) throws(SignalboxError) {
        guard bytes.count == 32 else { throw .internal("the master key has \(bytes.count) bytes instead of 32") }
        let key = SymmetricKey(data: bytes)
        self.key = key
        id = Self.derive(key, "signalbox key id").withUnsafeBytes { $0.prefix(8).map(Self.hex).joined() }
    }

    static func derive(_ key: SymmetricKey, _ purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Array(purpose.utf8), outputByteCount: 32)
    }

    private static func hex(_ byte: UInt8) -> String {
        String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
}

/// Seals what must not be readable in the database: environment values, access keys' secrets.
///
/// AES-256-GCM under a master key that lives in a file outside the database (decision 2). Each
/// value is bound to its place (`binding`), so a ciphertext moved to another row does not open. There
/// may be several keys: one seals, all open (`MasterKeyRing`).
public struct SecretBox: Sendable {
    /// Characters of a key's id.
    public static let keyIDLength = 16

    public let ring: MasterKeyRing

    /// One key, without a file.
    ///
    /// - Parameter masterKey: 32 bytes.
    public init(masterKey: [UInt8]) throws(SignalboxError) { ring = MasterKeyRing([try MasterKey(masterKey)]) }

    public init(ring: MasterKeyRing) { self.ring = ring }

    /// Id of the key that seals now.
    public var keyID: String { ring.current.id }

    public func seal(_ plaintext: [UInt8], binding: String) throws -> SealedSecret {
        let master = ring.current
        let sealed = try AES.GCM.seal(plaintext, using: master.key, authenticating: Array(binding.utf8))
        guard let combined = sealed.combined else { throw SignalboxError.internal("AES-GCM gave no combined form") }
        return SealedSecret(ciphertext: Array(combined), keyID: master.id)
    }

    /// A key that is not in memory is looked for in the files once more: it may have been put there since.
    public func open(_ secret: SealedSecret, binding: String) throws(SignalboxError) -> [UInt8] {
        guard let master = ring.key(secret.keyID) ?? ring.look(for: secret.keyID) else {
            throw .internal(
                "\(binding) was sealed with master key \(secret.keyID), but this server has \(ring.ids.joined(separator: ", ")): "
                    + "give every server of one database the same keys/master.key and keys/master")
        }
        guard let plaintext = Self.open(secret, binding, master) else {
            throw .internal("\(binding) does not open with master key \(master.id): the stored value was altered")
        }
        return plaintext
    }

    /// For what strangers hand in: nil unless it opens with a key in memory.
    public func openKnown(_ secret: SealedSecret, binding: String) -> [UInt8]? {
        ring.key(secret.keyID).flatMap { Self.open(secret, binding, $0) }
    }

    private static func open(_ secret: SealedSecret, _ binding: String, _ master: MasterKey) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: secret.ciphertext) else { return nil }
        return (try? AES.GCM.open(box, using: master.key, authenticating: Array(binding.utf8))).map { Array($0) }
    }

    /// Keys for another purpose, such as signing page tokens: of the sealing key first, then of the others.
    public func derivedKeys(_ purpose: String) -> [SymmetricKey] { ring.all.map { MasterKey.derive($0.key, purpose) } }
}
