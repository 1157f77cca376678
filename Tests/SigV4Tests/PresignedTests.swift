import Foundation
import Testing

@testable import SigV4

struct PresignedTests {
    private let date = Date(timeIntervalSince1970: 1_792_584_552)
    private let signer = RequestSigner(accessKeyID: "AKIATEST", secret: "secret", region: "us-east-1", service: "s3")
    private let request = SigV4Request(
        method: "GET", rawPath: "/bucket/a%20key", rawQuery: "versionId=a%2Fb", headers: [("Host", "localhost:4747")])

    private func presigned(_ service: String = "s3", lifetime: Int64 = 60, token: String? = nil) -> SigV4Request {
        var signer = signer
        signer.service = service
        var signed = request
        signed.rawQuery = signer.presign(request, lifetime: lifetime, sessionToken: token, at: date)
        return signed
    }

    /// nil: let in.
    private func refusal(
        _ request: SigV4Request, after seconds: Double = 0, service: String = "s3", secret: String = "secret"
    ) -> SigV4Error? {
        do throws(SigV4Error) {
            let authorization = try AuthorizationHeader(request)
            let content = try ContentHash(request, authorization, service: service)
            _ = try SignatureVerifier.verify(
                request, authorization, service: service, payloadHash: content.canonicalValue ?? ContentHash.emptySHA256,
                key: SigningKey(secret: secret, scope: authorization.scope), now: date.addingTimeInterval(seconds))
        } catch {
            return error
        }
        return nil
    }

    @Test(arguments: ["s3", "bedrock-agentcore"]) func goodUntilItsTime(service: String) throws {
        let url = presigned(service)
        for seconds in [0.0, 60, -299] { #expect(refusal(url, after: seconds, service: service) == nil, "\(seconds)") }
        guard case .presignedExpired = refusal(url, after: 61, service: service) else {
            Issue.record("expired")
            return
        }
        guard case .expired = refusal(url, after: -301, service: service) else {
            Issue.record("not yet current")
            return
        }
        #expect(refusal(url, service: service, secret: "other") == .signatureMismatch)
        // Longer than the five minutes of a header.
        #expect(refusal(presigned(service, lifetime: 604_800), after: 604_800, service: service) == nil)
    }

    @Test func everyPartIsSigned() throws {
        let url = presigned(token: "a+token/=")
        #expect(try AuthorizationHeader(url).query?.securityToken == "a+token/=")
        let changes: [(inout SigV4Request) -> Void] = [
            { $0.method = "PUT" }, { $0.rawPath += "x" }, { $0.rawQuery = $0.rawQuery.replacing("a%2Fb", with: "a%2Fc") },
            { $0.headers = [("Host", "elsewhere:4747")] }, { $0.rawQuery += "&more=1" },
            { $0.rawQuery = $0.rawQuery.replacing("X-Amz-Expires=60", with: "X-Amz-Expires=61") },
            { $0.rawQuery = $0.rawQuery.replacing("a%2Btoken", with: "b%2Btoken") },
            {
                $0.rawQuery.removeLast()
                $0.rawQuery += "z"
            },
        ]
        for (index, change) in changes.enumerated() {
            var altered = url
            change(&altered)
            #expect(refusal(altered) == .signatureMismatch, "change \(index)")
        }
        var extra = url
        extra.headers.append(("x-amz-acl", "public-read"))
        guard case .incomplete = refusal(extra) else {
            Issue.record("an unsigned x-amz- header")
            return
        }
    }

    @Test func malformedOnesAreRefused() throws {
        let url = presigned()
        for name in ["X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Algorithm"] {
            var without = url
            without.rawQuery = url.rawQuery.split(separator: "&").filter { !$0.hasPrefix(name + "=") }.joined(separator: "&")
            guard case .incomplete = refusal(without) else {
                Issue.record("without \(name)")
                continue
            }
            var twice = url
            twice.rawQuery += "&" + url.rawQuery.split(separator: "&").filter { $0.hasPrefix(name + "=") }.joined()
            guard case .incomplete = refusal(twice) else {
                Issue.record("two of \(name)")
                continue
            }
        }
        for expires in ["604801", "-1", "x", "", "99999999999999999999", "1.5"] {
            var changed = url
            changed.rawQuery = url.rawQuery.replacing("X-Amz-Expires=60", with: "X-Amz-Expires=\(expires)")
            guard case .incomplete = refusal(changed) else {
                Issue.record("X-Amz-Expires=\(expires)")
                continue
            }
        }
        var scheme = url
        scheme.rawQuery = url.rawQuery.replacing("AWS4-HMAC-SHA256", with: "AWS4-ECDSA-P256-SHA256")
        #expect(refusal(scheme) == .otherScheme("AWS4-ECDSA-P256-SHA256"))
        #expect(refusal(request) == .missingAuthentication)
    }

    @Test func bodiesAreUnsignedOnS3Alone() throws {
        let s3 = presigned()
        #expect(try ContentHash(s3, AuthorizationHeader(s3), service: "s3") == .unsigned)
        let other = presigned("bedrock-agentcore")
        #expect(try ContentHash(other, AuthorizationHeader(other), service: "bedrock-agentcore") == .absent)
        var named = s3
        named.rawQuery += "&X-Amz-Content-Sha256=\(ContentHash.emptySHA256)"
        #expect(try ContentHash(named, AuthorizationHeader(named), service: "s3") == .sha256(ContentHash.emptySHA256))
        // With the header its rules hold, whatever the query says.
        var both = s3
        both.headers.append(("Authorization", "Bearer x"))
        #expect(throws: SigV4Error.otherScheme("Bearer")) { try AuthorizationHeader(both) }
    }
}
