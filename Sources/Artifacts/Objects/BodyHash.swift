import Crypto

/// SHA-256 (an artifact's identity), MD5 (an object's ETag) and length of a body, as it passes.
struct BodyHash {
    private var sha256 = SHA256()
    private var md5 = Insecure.MD5()
    private var checksums: [RunningChecksum]
    private(set) var length: Int64 = 0

    /// `checksums`: those that the caller announced, beside the two that are always needed.
    init(_ checksums: some Sequence<ObjectChecksum> = []) { self.checksums = checksums.map(RunningChecksum.init) }

    mutating func update(_ bytes: [UInt8]) {
        sha256.update(data: bytes)
        md5.update(data: bytes)
        for index in checksums.indices { checksums[index].update(bytes) }
        length += Int64(bytes.count)
    }

    func finalized() -> BodyDigest {
        BodyDigest(
            sha256: Array(sha256.finalize()), md5: Array(md5.finalize()), length: length,
            checksums: Dictionary(checksums.map { ($0.algorithm, $0.finalized()) }, uniquingKeysWith: { first, _ in first }))
    }
}

struct BodyDigest: Sendable, Equatable {
    var sha256: [UInt8]
    var md5: [UInt8]
    var length: Int64
    var checksums: [ObjectChecksum: [UInt8]] = [:]

    /// Throws unless the body is what its headers announced.
    func check(_ announced: ObjectDigests) throws(ObjectError) {
        if let expected = announced.length, expected != length {
            throw ObjectError(
                .incompleteBody, "You did not provide the number of bytes specified by the Content-Length header: \(length) of \(expected)."
            )
        }
        if let expected = announced.md5, expected != md5 {
            throw ObjectError(.badDigest, "The Content-MD5 you specified did not match what we received.")
        }
        for (algorithm, expected) in announced.checksums where checksums[algorithm] != expected {
            throw ObjectError(
                .badDigest, "The \(algorithm.rawValue.uppercased()) you specified did not match the calculated checksum.")
        }
        if let expected = announced.sha256, expected != hex(sha256) {
            throw ObjectError(
                .contentSHA256Mismatch, "The provided 'x-amz-content-sha256' header does not match what was computed.")
        }
    }
}

/// Lower-case.
func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var result: [UInt8] = []
    for byte in bytes {
        result.append(digits[Int(byte >> 4)])
        result.append(digits[Int(byte & 15)])
    }
    return String(decoding: result, as: UTF8.self)
}

/// nil for anything but pairs of hex digits.
func bytes(hex text: String) -> [UInt8]? {
    let digits = text.utf8.map { byte -> UInt8? in
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        case 0x41...0x46: byte - 0x41 + 10
        default: nil
        }
    }
    guard digits.count % 2 == 0 else { return nil }
    var result: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = digits[index], let low = digits[index + 1] else { return nil }
        result.append(high << 4 | low)
    }
    return result
}

/// ETag of a multipart object: MD5 of its parts' MD5s, and their number.
func multipartETag(_ parts: [[UInt8]]) -> String {
    hex(Insecure.MD5.hash(data: Array(parts.joined()))) + "-\(parts.count)"
}
