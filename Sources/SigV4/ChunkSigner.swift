import Crypto

/// The chain of chunk signatures: each covers the one before, the first the request's own.
struct ChunkSigner: Sendable {
    private let key: SigningKey
    private let time: String
    private var previous: String
    private var hash = SHA256()

    init(key: SigningKey, seed: VerifiedSignature) {
        self.key = key
        time = seed.time
        previous = Hex.text(seed.signature)
    }

    mutating func update(_ bytes: ArraySlice<UInt8>) { hash.update(data: bytes) }

    /// Whether the chunk that was hashed since the last call has this signature.
    mutating func closeChunk(_ signature: ArraySlice<UInt8>) -> Bool {
        var text = prefix("AWS4-HMAC-SHA256-PAYLOAD")
        text.append(contentsOf: ContentHash.emptySHA256.utf8)
        text.append(UInt8(ascii: "\n"))
        Hex.append(hash.finalize(), to: &text)
        hash = SHA256()
        return accept(signature, of: text)
    }

    /// Whether the trailer lines, each `name:value\n`, have this signature.
    mutating func closeTrailer(_ lines: [UInt8], _ signature: ArraySlice<UInt8>) -> Bool {
        var text = prefix("AWS4-HMAC-SHA256-TRAILER")
        Hex.append(SHA256.hash(data: lines), to: &text)
        return accept(signature, of: text)
    }

    private func prefix(_ algorithm: String) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(320)
        for part in [algorithm, time, key.scope.description, previous] {
            text.append(contentsOf: part.utf8)
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    private mutating func accept(_ signature: ArraySlice<UInt8>, of text: [UInt8]) -> Bool {
        guard let digest = Hex.digest(signature.span), key.isSignature(digest, of: text) else { return false }
        previous = String(decoding: signature, as: UTF8.self)
        return true
    }
}
