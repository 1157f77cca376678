import Foundation
import SigV4
import Testing

@testable import Client

/// What the client signs, the server's verifier accepts.
@Suite struct SigningTests {
    private let credential = Credential(accessKeyID: "AKIAEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG")
    private let now = Date(timeIntervalSince1970: 1_790_000_000)

    private func verify(_ call: SignedCall, secret: String? = nil) throws -> VerifiedSignature {
        let headers = call.signed(by: credential, region: "eu-west-1", at: now)
        let request = SigV4Request(method: call.method, rawPath: call.rawPath, rawQuery: call.rawQuery, headers: headers)
        let authorization = try AuthorizationHeader(request)
        let scope = authorization.scope
        let key = SigningKey(
            secret: secret ?? credential.secretAccessKey, date: scope.date, region: scope.region, service: scope.service)
        let hash = try ContentHash(request).canonicalValue ?? ContentHash.sha256(of: call.body)
        #expect(hash == ContentHash.sha256(of: call.body))
        return try SignatureVerifier.verify(
            request, authorization, service: call.service.rawValue, payloadHash: hash, key: key, now: now)
    }

    @Test(arguments: [
        SignedCall(method: "POST", base: "http://127.0.0.1:4747", path: "/runtimes/", query: [("nextToken", "a/b=+ ~é")]),
        SignedCall(
            method: "POST", base: "http://h/prefix", path: "/runtimes/arn%3Aaws%3Ax%2Fy/invocations",
            query: [("qualifier", "prod"), ("accountId", "1")], headers: [("content-type", "application/json"), ("accept", "*/*")],
            body: Array("{}".utf8)),
        SignedCall(
            method: "PUT", base: "http://[::1]:4747/_s3", path: "/bucket/a/b%20c%2B.zip",
            query: [("uploadId", "x/y"), ("partNumber", "2")], body: [1, 2, 3], service: .objects),
    ])
    func verifies(_ call: SignedCall) throws {
        let verified = try verify(call)
        #expect(verified.accessKeyID == "AKIAEXAMPLE")
        #expect(verified.scope.region == "eu-west-1")
        #expect(throws: SigV4Error.self) { try verify(call, secret: "another") }
    }

    @Test func hostAndPathAreThoseOfTheURL() {
        let call = SignedCall(method: "GET", base: "http://[::1]:4747/_s3", path: "/b", query: [("z", "1"), ("a", "")])
        #expect(call.host == "[::1]:4747")
        #expect(call.rawPath == "/_s3/b")
        #expect(call.url == "http://[::1]:4747/_s3/b?a=&z=1")
    }

    @Test func sessionTokenIsSigned() throws {
        var credential = credential
        credential.sessionToken = "token"
        let call = SignedCall(method: "GET", base: "http://h", path: "/")
        let authorization = call.signed(by: credential, region: "r", at: now).first { $0.0 == "Authorization" }?.1
        #expect(authorization?.contains("x-amz-security-token") == true)
    }
}
