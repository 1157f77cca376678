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

/// Seals what must not be readable in the database: environment values, access keys' secrets.
///
/// AES-256-GCM under a master key that lives in a file outside the database (decision 2). Each
/// value is bound to its place (`binding`), so a ciphertext moved to another row does not open.
public struct SecretBox: Sendable {
    /// Sixteen hex digits derived from the key; tells keys apart without revealing anything.
    public let keyID: String
    private let master: SymmetricKey

    /// - Parameter masterKey: 32 bytes.
    public init(masterKey: [UInt8]) throws(SignalboxError) {
        guard masterKey.count == 32 else {
            throw .internal("the master key has \(masterKey.count) bytes instead of 32")
        }
        let key = SymmetricKey(data: masterKey)
        master = key
        keyID = Self.derive(key, "signalbox key id").withUnsafeBytes { $0.prefix(8).map(Self.hex).joined() }
    }

    public func seal(_ plaintext: [UInt8], binding: String) throws -> SealedSecret {
        let sealed = try AES.GCM.seal(plaintext, using: master, authenticating: Array(binding.utf8))
        guard let combined = sealed.combined else { throw SignalboxError.internal("AES-GCM gave no combined form") }
        return SealedSecret(ciphertext: Array(combined), keyID: keyID)
    }

    public func open(_ secret: SealedSecret, binding: String) throws(SignalboxError) -> [UInt8] {
        guard secret.keyID == keyID else {
            throw .internal(
                "\(binding) was sealed with master key \(secret.keyID), but this server has \(keyID): "
                    + "give every server of one database the same keys/master.key")
        }
        do {
            let box = try AES.GCM.SealedBox(combined: secret.ciphertext)
            return Array(try AES.GCM.open(box, using: master, authenticating: Array(binding.utf8)))
        } catch {
            throw .internal("\(binding) does not open with master key \(keyID): the stored value was altered")
        }
    }

    /// A key for another purpose, such as signing page tokens.
    public func derivedKey(_ purpose: String) -> SymmetricKey { Self.derive(master, purpose) }

    private static func derive(_ key: SymmetricKey, _ purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Array(purpose.utf8), outputByteCount: 32)
    }

    private static func hex(_ byte: UInt8) -> String {
        String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
}
