import Testing

@testable import SigV4

@Suite struct AWSChunkedTests {
    private func decode(_ decoder: AWSChunkedDecoder, _ bytes: [UInt8], pieces: Int = .max) throws -> [UInt8] {
        var decoder = decoder
        var output: [UInt8] = []
        var start = 0
        while start < bytes.count {
            let end = pieces == .max ? bytes.count : min(bytes.count, start + pieces)
            output += try decoder.decode(Array(bytes[start..<end]))
            start = end
        }
        try decoder.finish()
        return output
    }

    @Test(arguments: ChunkedVector.all, [1, 7, 1000, Int.max])
    func decodesHoweverTheBodyIsCut(_ vector: ChunkedVector, _ pieces: Int) throws {
        let body = try decode(vector.decoder(), vector.bytes, pieces: pieces)
        #expect(Int64(body.count) == vector.decodedLength)
        #expect(ContentHash.sha256(of: body) == vector.decodedSHA256)
    }

    /// Signatures that AWS's documentation prints for these bodies.
    @Test func theSignedExamplesAreTheDocumentedOnes() throws {
        let text = String(decoding: try ChunkedVector.named("signed, the documentation's example").bytes, as: UTF8.self)
        for signature in [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ] { #expect(text.contains(";chunk-signature=\(signature)")) }
        let trailer = String(decoding: try ChunkedVector.named("signed trailer, the documentation's example").bytes, as: UTF8.self)
        for signature in [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
            "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
        ] { #expect(trailer.contains(signature)) }
    }

    @Test func tellsTheConfirmedChecksum() throws {
        let vector = try ChunkedVector.named("botocore over TLS")
        var decoder = try vector.decoder()
        _ = try decoder.decode(vector.bytes)
        #expect(decoder.confirmedChecksum?.name == "x-amz-checksum-crc32")
    }

    @Test(arguments: ChunkedVector.all)
    func refusesEveryChangedByte(_ vector: ChunkedVector) throws {
        let bytes = vector.bytes
        for index in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 97)) {
            var changed = bytes
            changed[index] ^= 1
            #expect(throws: AWSChunkedError.self, "byte \(index)") { try decode(vector.decoder(), changed) }
        }
    }

    @Test(arguments: ChunkedVector.all)
    func refusesEveryShortenedBody(_ vector: ChunkedVector) throws {
        let bytes = vector.bytes
        for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 31)) + [bytes.count - 1, bytes.count - 2] where count >= 0 {
            #expect(throws: AWSChunkedError.self, "\(count) bytes") { try decode(vector.decoder(), Array(bytes.prefix(count))) }
        }
        #expect(throws: AWSChunkedError.self) { try decode(vector.decoder(), bytes + [0]) }
    }

    @Test func signaturesCoverKeySeedAndOrder() throws {
        for vector in ChunkedVector.all where vector.variant != "STREAMING-UNSIGNED-PAYLOAD-TRAILER" {
            #expect(throws: AWSChunkedError.signatureMismatch) { try decode(vector.decoder(secret: "other"), vector.bytes) }
            #expect(throws: AWSChunkedError.signatureMismatch) {
                try decode(vector.decoder(seed: String(repeating: "0", count: 64)), vector.bytes)
            }
        }
    }

    @Test func theLengthIsTheDeclaredOne() throws {
        for vector in ChunkedVector.all {
            #expect(throws: AWSChunkedError.lengthMismatch) { try decode(vector.decoder(length: vector.decodedLength + 1), vector.bytes) }
            guard vector.decodedLength > 0 else { continue }
            #expect(throws: AWSChunkedError.lengthMismatch) { try decode(vector.decoder(length: vector.decodedLength - 1), vector.bytes) }
        }
    }

    @Test func trailersMustBeDeclaredAndKnown() throws {
        let vector = try ChunkedVector.named("botocore over TLS")
        #expect(throws: AWSChunkedError.unsupported("x-amz-checksum-md5")) { try vector.decoder(trailer: .some("x-amz-checksum-md5")) }
        #expect(throws: AWSChunkedError.unsupported("x-evil")) { try vector.decoder(trailer: .some("x-evil")) }
        #expect(throws: AWSChunkedError.self) { try vector.decoder(trailer: .some(nil)) }
        #expect(throws: AWSChunkedError.self) { try decode(vector.decoder(trailer: .some("x-amz-checksum-sha256")), vector.bytes) }
    }

    @Test(arguments: [
        "", "\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n0\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "1;ext=1\r\na\r\n", "1\na\r\n0\r\n\r\n",
        "2\r\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n", "ffffffffffffffff\r\n", "0fffffffffffffff\r\n", "0\r\n\r\n", "0\r\nx-amz-checksum-crc32\r\n\r\n",
        "1\r\na\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        "1\r\na\r\n0\r\nx-amz-checksum-crc32:6Le+Qw==\r\nx-amz-checksum-crc32:6Le+Qw==\r\n\r\n",
        "1\r\na\r\n0\r\nevil:1\r\nx-amz-checksum-crc32:6Le+Qw==\r\n\r\n",
        "1\r\na\r\n0\r\nx-amz-checksum-crc32:6Le+Qw==\r\n\r\nGET / HTTP/1.1\r\n",
        "1" + String(repeating: "0", count: 2000),
    ])
    func refusesBrokenFraming(_ text: String) throws {
        let decoder = try ChunkedVector.named("botocore over TLS").decoder(length: 1)
        #expect(throws: AWSChunkedError.self) { try decode(decoder, Array(text.utf8)) }
    }

    @Test func acceptsTheSmallestBody() throws {
        let decoder = try ChunkedVector.named("botocore over TLS").decoder(length: 1)
        let ending = ["\r\n\r\n", "\n\r\n\r\n"]
        for end in ending {
            let body = try decode(decoder, Array("1\r\na\r\n0\r\nx-amz-checksum-crc32:6Le+Qw==\(end)".utf8))
            #expect(body == Array("a".utf8))
        }
    }

    /// Of "123456789": the CRC catalogue's check values (crc64nvme: a bitwise Python loop agrees); hashes from hashlib.
    @Test(
        arguments: [
            (.crc32, "y/Q5Jg=="), (.crc32c, "4waSgw=="), (.crc64nvme, "rosUhgp5mIg="), (.sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (.sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] as [(PayloadChecksum.Algorithm, String)])
    func checksumsAreTheKnownOnes(_ algorithm: PayloadChecksum.Algorithm, _ expected: String) {
        let bytes = Array("123456789".utf8)
        for cut in 0...bytes.count {
            var checksum = PayloadChecksum(algorithm)
            checksum.update(bytes[..<cut])
            checksum.update(bytes[cut...])
            #expect(checksum.base64 == expected)
        }
        #expect(PayloadChecksum.Algorithm(headerName: algorithm.headerName) == algorithm)
    }

    @Test func eightBytesAStepGiveWhatOneDoes() {
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        for algorithm in PayloadChecksum.Algorithm.allCases {
            var whole = PayloadChecksum(algorithm)
            whole.update(bytes)
            var single = PayloadChecksum(algorithm)
            for byte in bytes { single.update(CollectionOfOne(byte)) }
            #expect(whole.base64 == single.base64)
        }
    }
}
