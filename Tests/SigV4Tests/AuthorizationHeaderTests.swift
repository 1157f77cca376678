import Testing

@testable import SigV4

@Suite struct AuthorizationHeaderTests {
    static let credential = "Credential=AKIDEXAMPLE/20261121/us-east-1/bedrock-agentcore/aws4_request"
    static let headers = "SignedHeaders=content-type;host;x-amz-date"
    static let signature = "Signature=" + String(repeating: "0a", count: 32)
    static let valid = "AWS4-HMAC-SHA256 \(credential), \(headers), \(signature)"

    @Test(arguments: [
        valid, "AWS4-HMAC-SHA256 \(credential),\(headers),\(signature)", "AWS4-HMAC-SHA256 \(signature),  \(credential), \(headers)",
    ])
    func readsTheParts(_ text: String) throws {
        let header = try AuthorizationHeader(parsing: text)
        #expect(header.accessKeyID == "AKIDEXAMPLE")
        #expect(header.scope == CredentialScope(date: "20261121", region: "us-east-1", service: "bedrock-agentcore"))
        #expect(header.signedHeaders == ["content-type", "host", "x-amz-date"])
        #expect(header.signatureHex == String(repeating: "0a", count: 32))
    }

    @Test(arguments: [
        "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 x", "AWS4-HMAC-SHA256 \(credential), \(headers)",
        "AWS4-HMAC-SHA256 \(credential), \(signature)",
        "AWS4-HMAC-SHA256 \(headers), \(signature)", "\(valid), Extra=1", "\(valid), \(signature)", "\(valid),",
        valid.replacing("aws4_request", with: "aws5_request"), valid.replacing("/us-east-1/", with: "/"),
        valid.replacing("/us-east-1/", with: "//"),
        valid.replacing("/us-east-1/", with: "/US/"), valid.replacing("20261121", with: "2026112x"),
        valid.replacing("/bedrock-agentcore/", with: "/a b/"),
        valid.replacing("content-type;host", with: "host;content-type"), valid.replacing("content-type;host", with: "host;host"),
        valid.replacing("content-type", with: "Content-Type"), valid.replacing("content-type;", with: ";"),
        valid.replacing(headers, with: "SignedHeaders="),
        valid.replacing("0a0a", with: "0A0A"), valid + "0", String(valid.dropLast()), valid.replacing("0a0a", with: "0g0a"),
        valid.replacing("Credential", with: "credential"), valid + String(repeating: " ", count: 9000),
    ])
    func refusesWhatIsMalformed(_ text: String) {
        let error = #expect(throws: SigV4Error.self, "\(text.prefix(300))") { try AuthorizationHeader(parsing: text) }
        guard case .incomplete(let message)? = error else {
            Issue.record("\(String(describing: error)) for \(text.prefix(200))")
            return
        }
        #expect(!message.contains("0a0a"))
    }

    @Test func aStrangeKeyIsUnknown() {
        for key in ["", "a b", "a\u{E9}", String(repeating: "A", count: 129)] {
            #expect(throws: SigV4Error.unrecognizedClient) {
                try AuthorizationHeader(parsing: Self.valid.replacing("AKIDEXAMPLE", with: key))
            }
        }
    }

    @Test func otherSchemesAreNamed() {
        #expect(throws: SigV4Error.otherScheme("Bearer")) { try AuthorizationHeader(parsing: "Bearer abc.def") }
        #expect(throws: SigV4Error.otherScheme("AWS4-ECDSA-P256-SHA256")) {
            try AuthorizationHeader(parsing: Self.valid.replacing("HMAC", with: "ECDSA-P256"))
        }
        #expect(throws: SigV4Error.otherScheme("AWS4-HMAC-SHA256")) { try AuthorizationHeader(parsing: "AWS4-HMAC-SHA256") }
    }

    @Test func theHeaderIsGivenOnce() {
        var request = SigV4Request(method: "GET", rawPath: "/", headers: [])
        #expect(throws: SigV4Error.missingAuthentication) { try AuthorizationHeader(request) }
        request.headers = [("authorization", "")]
        #expect(throws: SigV4Error.missingAuthentication) { try AuthorizationHeader(request) }
        request.headers = [("Authorization", Self.valid), ("AUTHORIZATION", Self.valid)]
        #expect(throws: SigV4Error.incomplete("The header 'authorization' must be given once.")) { try AuthorizationHeader(request) }
    }

    @Test func theBodyHashIsOneOfTheKnown() throws {
        func content(_ value: String) throws -> ContentHash {
            try ContentHash(SigV4Request(method: "PUT", rawPath: "/", headers: [("X-Amz-Content-Sha256", value)]))
        }
        #expect(try content("UNSIGNED-PAYLOAD") == .unsigned)
        #expect(try content("STREAMING-UNSIGNED-PAYLOAD-TRAILER") == .streaming(.unsignedTrailer))
        #expect(try content(ContentHash.emptySHA256) == .sha256(ContentHash.emptySHA256))
        for bad in ["", "x", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "unsigned-payload", ContentHash.emptySHA256.uppercased()] {
            #expect(throws: SigV4Error.self) { try content(bad) }
        }
    }
}
