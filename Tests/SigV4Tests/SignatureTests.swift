import Platform
import Testing

@testable import SigV4

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct SignatureTests {
    @Test(arguments: SignedVector.all)
    func verifiesWhatBotocoreSigned(_ vector: SignedVector) throws {
        let authorization = try AuthorizationHeader(vector.request)
        let canonical = CanonicalRequest(
            request: vector.request, rule: SigningRule(service: vector.service), signedHeaders: authorization.signedHeaders,
            payloadHash: vector.payloadHash)
        #expect(String(decoding: canonical.bytes(), as: UTF8.self) == vector.canonicalRequest)
        let verified = try vector.verify(vector.request)
        #expect(verified.accessKeyID == vector.accessKeyID)
        #expect(verified.time == vector.time)
        switch try ContentHash(vector.request) {
        case .absent: #expect(ContentHash.sha256(of: vector.bytes) == vector.payloadHash)
        case .sha256(let hash): #expect(hash == vector.payloadHash && ContentHash.sha256(of: vector.bytes) == hash)
        case let other: #expect(other.canonicalValue == vector.payloadHash)
        }
    }

    /// Signing what a client sent, with its own headers, gives its signature.
    @Test(arguments: SignedVector.all)
    func signsAsBotocoreDoes(_ vector: SignedVector) throws {
        let names = Set(try AuthorizationHeader(vector.request).signedHeaders)
        var bare = vector.request
        bare.headers = bare.headers.filter {
            names.contains($0.0.lowercased()) && !["x-amz-date", "authorization"].contains($0.0.lowercased())
                && !(vector.service == "s3" && $0.0.lowercased() == "x-amz-content-sha256")
        }
        let signer = RequestSigner(
            accessKeyID: vector.accessKeyID, secret: vector.secret, region: vector.region, service: vector.service)
        let added = signer.sign(bare, payloadHash: vector.payloadHash, at: vector.date)
        #expect(added.last?.1 == vector.request.value("authorization"))
        bare.headers += added
        try vector.verify(bare)
    }

    @Test(arguments: SignedVector.all)
    func refusesEveryTamperedPart(_ vector: SignedVector) throws {
        let request = vector.request
        var hostile: [(String, SigV4Request)] = []
        func change(_ name: String, _ body: (inout SigV4Request) -> Void) {
            var copy = request
            body(&copy)
            hostile.append((name, copy))
        }
        change("method") { $0.method = "PATCH" }
        change("path") { $0.rawPath += "x" }
        change("longer path") { $0.rawPath += "/x" }
        change("query") { $0.rawQuery += "&evil=1" }
        for name in try AuthorizationHeader(request).signedHeaders where name != "x-amz-date" {
            // A word of x-amz-content-sha256 is what was signed: the caller passes the changed one.
            if name != "x-amz-content-sha256" { change("header \(name)") { $0 = $0.changing(name) { $0 + "x" } } }
            if name != "host", !name.hasPrefix("x-amz-") { change("repeated \(name)") { $0 = $0.adding(name, "evil") } }
        }
        change("signature") {
            $0 = $0.changing("authorization") { String($0.dropLast()) + ($0.hasSuffix("0") ? "1" : "0") }
        }
        change("region") { $0 = $0.changing("authorization") { $0.replacing("/us-east-1/", with: "/us-east-2/") } }
        change("seconds") { $0 = $0.changing("x-amz-date") { $0.replacing("T0309", with: "T0310") } }
        for (name, changed) in hostile {
            #expect(throws: SigV4Error.signatureMismatch, "\(name)") { try vector.verify(changed) }
        }
        #expect(throws: SigV4Error.signatureMismatch) { try vector.verify(request, secret: "other") }
        #expect(throws: SigV4Error.signatureMismatch) {
            try vector.verify(request, payloadHash: ContentHash.sha256(of: vector.bytes + [0]))
        }
    }

    @Test func theStandardRuleEncodesTwiceAndTheS3RuleOnce() throws {
        let arn = try SignedVector.named("percent-encoded ARN")
        #expect(arn.canonicalRequest.contains("arn%253Aaws"))
        var once = arn.request
        once.rawPath = try #require(once.rawPath.removingPercentEncoding)
        #expect(throws: SigV4Error.signatureMismatch) { try arn.verify(once) }
        var twice = arn.request
        twice.rawPath = twice.rawPath.replacing("%", with: "%25")
        #expect(throws: SigV4Error.signatureMismatch) { try arn.verify(twice) }
        var object = try SignedVector.named("object with slashes and dots").request
        object.rawPath = "/_s3/agents/a/c/"
        #expect(throws: SigV4Error.signatureMismatch) { try SignedVector.named("object with slashes and dots").verify(object) }
    }

    @Test func aSignatureOverTheHostWithoutItsPortIsAccepted() throws {
        let vector = try SignedVector.named("stop")
        try vector.verify(vector.request.changing("host") { $0 + ":4747" })
        #expect(throws: SigV4Error.signatureMismatch) { try vector.verify(vector.request.changing("host") { $0 + ":47a" }) }
        #expect(throws: SigV4Error.signatureMismatch) {
            try vector.verify(vector.request.changing("host") { _ in "other.internal:4747" })
        }
    }

    @Test(arguments: [(301, true), (300, false), (0, false), (-300, false), (-301, true)] as [(Double, Bool)])
    func fiveMinutesOfSkewAreAllowed(_ after: Double, _ isRefused: Bool) throws {
        let vector = try SignedVector.named("json body")
        if isRefused {
            let error = #expect(throws: SigV4Error.self) { try vector.verify(vector.request, after: after) }
            let expected =
                after > 0
                ? "Signature expired: 20261121T030912Z is now earlier than 20261121T030913Z (20261121T031413Z - 5 min.)"
                : "Signature not yet current: 20261121T030912Z is still later than 20261121T030911Z (20261121T030411Z + 5 min.)"
            #expect(error == .expired(expected))
            #expect(error?.signalboxError.kind == .invalidSignature)
        } else {
            try vector.verify(vector.request, after: after)
        }
    }

    @Test func theScopeMustFit() throws {
        let vector = try SignedVector.named("json body")
        #expect(throws: SigV4Error.scopeMismatch("Credential should be scoped to correct service: 's3'.")) {
            try vector.verify(vector.request, service: "s3")
        }
        let yesterday = vector.request.changing("authorization") { $0.replacing("/20261121/", with: "/20261120/") }
        let error = #expect(throws: SigV4Error.self) { try vector.verify(yesterday) }
        #expect(error?.message.hasPrefix("Date in Credential scope does not match YYYYMMDD") == true)
    }

    @Test func whatMustBeSignedIs() throws {
        let vector = try SignedVector.named("json body")
        func refusal(_ request: SigV4Request, _ vector: SignedVector) -> String {
            do {
                try vector.verify(request)
                return "accepted"
            } catch {
                return (error as? SigV4Error)?.message ?? "\(error)"
            }
        }
        #expect(
            refusal(vector.request.changing("authorization") { $0.replacing("host;", with: "") }, vector)
                == "'Host' must be a 'SignedHeader' in the AWS Authorization.")
        #expect(
            refusal(vector.request.adding("X-Amz-Target", "x"), vector)
                == "There were headers present in the request which were not signed: x-amz-target")
        #expect(refusal(vector.request.adding("X-Amzn-Trace-Id", "x"), vector) == "accepted")
        #expect(refusal(vector.request.removing("content-type"), vector) == "The signed header 'content-type' is not in the request.")
        #expect(refusal(vector.request.removing("host"), vector) == "The request has no Host header.")
        #expect(refusal(vector.request.adding("Host", "evil"), vector) == "The header 'host' must be given once.")
        #expect(refusal(vector.request.adding("x-amz-date", "20261121T030912Z"), vector) == "The header 'x-amz-date' must be given once.")
        #expect(
            refusal(vector.request.removing("x-amz-date"), vector)
                == "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        let object = try SignedVector.named("object")
        #expect(
            refusal(object.request.changing("authorization") { $0.replacing("x-amz-content-sha256;", with: "") }, object)
                .contains("x-amz-content-sha256"))
        #expect(
            refusal(
                object.request.removing("x-amz-content-sha256").changing("authorization") {
                    $0.replacing("x-amz-content-sha256;", with: "")
                }, object) == "'x-amz-content-sha256' must be a 'SignedHeader' in the AWS Authorization.")
    }

    @Test func aDateHeaderWillDo() throws {
        let signer = RequestSigner(accessKeyID: "AK", secret: "s", region: "us-east-1", service: "bedrock-agentcore")
        let vector = try SignedVector.named("json body")
        var request = SigV4Request(method: "GET", rawPath: "/", headers: [("Host", "h"), ("Date", "Sat, 21 Nov 2026 03:09:12 GMT")])
        let signed = signer.sign(request, payloadHash: ContentHash.emptySHA256, at: vector.date)
        request.headers += signed.filter { $0.0 != "X-Amz-Date" }
        // Sign again over what is really sent.
        let key = SigningKey(secret: "s", date: "20261121", region: "us-east-1", service: "bedrock-agentcore")
        let text = CanonicalRequest(
            request: request, rule: .standard, signedHeaders: ["date", "host"], payloadHash: ContentHash.emptySHA256
        ).stringToSign(time: "20261121T030912Z", scope: key.scope)
        request.headers.removeAll { $0.0 == "Authorization" }
        request.headers.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=AK/\(key.scope), SignedHeaders=date;host, Signature=\(Hex.text(key.signature(of: text)))"
            ))
        _ = try SignatureVerifier.verify(
            request, AuthorizationHeader(request), service: "bedrock-agentcore", payloadHash: ContentHash.emptySHA256, key: key,
            now: vector.date)
    }

    @Test(arguments: [
        "2026-11-21", "20261121T030912", "20261321T030912Z", "20261121T250912Z", "x0261121T030912Z", "Sat, 21 Now 2026 03:09:12 GMT", "",
    ])
    func refusesOtherDates(_ text: String) {
        #expect(SignatureTime(text) == nil)
    }

    @Test func timesAreWrittenAsTheyAreRead() {
        for text in ["19700101T000000Z", "20000229T235959Z", "20261121T030912Z", "20991231T000000Z"] {
            #expect(SignatureTime(text)?.text == text)
        }
        #expect(SignatureTime("Sat, 21 Nov 2026 03:09:12 GMT")?.text == "20261121T030912Z")
    }

    @Test func errorsHaveAWSsWords() {
        #expect(
            SigV4Error.signatureMismatch.signalboxError.message.hasPrefix(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key"))
        #expect(SigV4Error.missingAuthentication.signalboxError.kind == .missingAuthentication)
        #expect(SigV4Error.missingAuthentication.message == "Missing Authentication Token")
        #expect(SigV4Error.unrecognizedClient.signalboxError.kind == .unrecognizedClient)
    }
}
