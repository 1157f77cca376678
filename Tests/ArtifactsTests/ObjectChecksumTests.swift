import Testing

@testable import Artifacts

@Suite("Checksums and digests")
struct ObjectChecksumTests {
    /// Check values of the CRC catalogue for "123456789", and of RFC 1321 and FIPS 180-4 practice.
    @Test(
        "Known values",
        arguments: [
            (ObjectChecksum.crc32, "cbf43926"), (.crc32c, "e3069283"), (.crc64nvme, "ae8b14860a799888"),
            (.sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (.sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ])
    func known(algorithm: ObjectChecksum, expected: String) {
        var whole = RunningChecksum(algorithm)
        whole.update(Array("123456789".utf8))
        #expect(hex(whole.finalized()) == expected)
        var pieces = RunningChecksum(algorithm)
        for byte in "123456789".utf8 { pieces.update([byte]) }
        #expect(hex(pieces.finalized()) == expected)
        #expect(pieces.finalized().count == algorithm.length)
    }

    @Test("A body that is not what was announced")
    func announced() {
        var hash = BodyHash([.crc32])
        hash.update(Array("hello".utf8))
        let digest = hash.finalized()
        #expect(throws: Never.self) {
            try digest.check(
                ObjectDigests(
                    length: 5, md5: bytes(hex: "5d41402abc4b2a76b9719d911017c592"),
                    sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                    checksums: [.crc32: [0x36, 0x10, 0xa6, 0x86]]))
        }
        func code(_ announced: ObjectDigests) -> ObjectError.Code? {
            do throws(ObjectError) {
                try digest.check(announced)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code(ObjectDigests(length: 6)) == .incompleteBody)
        #expect(code(ObjectDigests(md5: Array(repeating: 0, count: 16))) == .badDigest)
        #expect(code(ObjectDigests(sha256: String(repeating: "0", count: 64))) == .contentSHA256Mismatch)
        #expect(code(ObjectDigests(checksums: [.crc32: [0, 0, 0, 0]])) == .badDigest)
    }

    @Test("The ETag of a multipart object")
    func multipart() {
        // md5(md5("hello") + md5("world"))
        let parts = ["5d41402abc4b2a76b9719d911017c592", "7d793037a0760186574b0282f2f435e7"].compactMap { bytes(hex: $0) }
        #expect(multipartETag(parts) == "065947336a2f2a95ba8899f3675c3be6-2")
    }

    @Test("Ranges")
    func ranges() throws {
        #expect(try ByteRange.from(0, through: 3).resolve(size: 10) == 0..<4)
        #expect(try ByteRange.from(5, through: nil).resolve(size: 10) == 5..<10)
        #expect(try ByteRange.from(5, through: 99).resolve(size: 10) == 5..<10)
        #expect(try ByteRange.suffix(3).resolve(size: 10) == 7..<10)
        #expect(try ByteRange.suffix(30).resolve(size: 10) == 0..<10)
        #expect(throws: ObjectError.self) { try ByteRange.from(10, through: nil).resolve(size: 10) }
        #expect(throws: ObjectError.self) { try ByteRange.suffix(0).resolve(size: 10) }
        #expect(throws: ObjectError.self) { try ByteRange.suffix(1).resolve(size: 0) }
    }
}
