import Crypto

/// The derived key of one secret and one scope. Deriving takes four HMACs, so callers keep it; it is
/// good for nothing but its own scope.
public struct SigningKey: Sendable {
    public let scope: CredentialScope
    /// Keyed already: setting up a key costs as much as authenticating a short text with it.
    private let keyed: HMAC<SHA256>

    /// `date` is `YYYYMMDD`.
    public init(secret: String, date: String, region: String, service: String) {
        self.init(secret: secret, scope: CredentialScope(date: date, region: region, service: service))
    }

    public init(secret: String, scope: CredentialScope) {
        var key = SymmetricKey(data: Array("AWS4\(secret)".utf8))
        for part in [scope.date, scope.region, scope.service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        self.scope = scope
        keyed = HMAC(key: key)
    }

    func signature(of stringToSign: [UInt8]) -> HMAC<SHA256>.MAC {
        var mac = keyed
        mac.update(data: stringToSign)
        return mac.finalize()
    }

    /// Compares in constant time.
    func isSignature(_ signature: [UInt8], of stringToSign: [UInt8]) -> Bool {
        guard signature.count == SHA256.byteCount else { return false }
        var difference: UInt8 = 0
        for (ours, theirs) in zip(self.signature(of: stringToSign), signature) { difference |= ours ^ theirs }
        return difference == 0
    }
}
