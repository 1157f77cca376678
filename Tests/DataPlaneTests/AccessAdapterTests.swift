import Access
import Platform
import SigV4
import Store
import TestSupport
import Testing

@testable import DataPlane

/// Invocations judged by real signatures.
struct AccessAdapterTests {
    private struct OneKey: AccessKeySource {
        func accessKeyFetch(_ context: OperationContext, keyID: String) async throws -> AccessKeyRecord? {
            keyID == "AKIATEST"
                ? AccessKeyRecord(keyID: keyID, account: TestTenant.account, role: .invoker, secret: "secret", isDisabled: false) : nil
        }

        func accessKeyNotices() -> AsyncStream<AccessKeyNotice> { AsyncStream { $0.finish() } }
    }

    private func request(hash: String, service: String = "bedrock-agentcore", declares: Bool) -> CallerRequest {
        var request = SigV4Request(
            method: "POST",
            rawPath: "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789/invocations",
            rawQuery: "qualifier=prod", headers: [("host", "localhost:4747"), ("content-type", "application/json")])
        if declares { request.headers.append(("X-Amz-Content-SHA256", hash)) }
        request.headers += RequestSigner(accessKeyID: "AKIATEST", secret: "secret", region: "us-east-1", service: service)
            .sign(request, payloadHash: hash, at: SystemTime().date())
        return request
    }

    @Test(arguments: [false, true])
    func signaturesAreVerified(declares: Bool) async throws {
        let judge: any CallerAuthenticator = Authenticator(keys: OneKey(), logger: TestLog.logger)
        let hash = ContentHash.sha256(of: Array("{}".utf8))
        let payload = declares ? CallerPayload.declared(hash) : .computed(hash)
        let signed = request(hash: hash, declares: declares)
        #expect(try judge.authenticateCached(signed, payload) == nil)
        let caller = try await judge.authenticate(signed, payload)
        #expect(caller.region == "us-east-1" && caller.principal.accessKeyID == "AKIATEST")
        #expect(try judge.authenticateCached(signed, payload) == caller)
        #expect(throws: SignalboxError.self) { try judge.authenticateCached(signed, .computed(ContentHash.emptySHA256)) }
        #expect(throws: SignalboxError.self) { try judge.authenticateCached(request(hash: hash, service: "s3", declares: true), payload) }
        var elsewhere = signed
        elsewhere.rawQuery = "qualifier=DEFAULT"
        #expect(throws: SignalboxError.self) { try judge.authenticateCached(elsewhere, payload) }
    }
}
