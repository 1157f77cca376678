import Access
import Platform
import SigV4
import Store
import TestSupport
import Testing

/// With keys in a real database, and its notifications.
struct StoreKeysTests {
    @Test func keyWorksFromItsMakingToItsDisabling() async throws {
        try await withTwoStores { first, second async throws in
            let c = OperationContext.test()
            let authenticator = Authenticator(keys: first, logger: TestLog.logger)
            let run = Task { await authenticator.run() }
            defer { run.cancel() }
            @Sendable func refusal(_ key: AccessKeyRecord) async -> SignalboxError.Kind? {
                let request = Signed(key: key.keyID, secret: key.secret).request(SystemTime())
                do throws(SignalboxError) {
                    let caller = try await authenticator.authenticate(request, service: "bedrock-agentcore", payloadHash: Signed.hash)
                    #expect(caller.principal.account == TestTenant.account && caller.principal.role == .operator)
                } catch {
                    return error.kind
                }
                return nil
            }
            let key = try await second.accessKeyCreate(c, account: TestTenant.account, role: .operator)
            let other = try await second.accessKeyCreate(c, account: TestTenant.account, role: .operator)
            #expect(await refusal(key) == nil)
            #expect(await refusal(other) == nil)
            var wrong = key
            wrong.secret = other.secret
            #expect(await refusal(wrong) == .invalidSignature)
            wrong.keyID = "AKIANOBODY"
            #expect(await refusal(wrong) == .unrecognizedClient)
            // Another replica's change; long before the key's minute is over.
            try await second.accessKeyDisable(c, account: TestTenant.account, keyID: key.keyID)
            try await eventually { await refusal(key) == .unrecognizedClient }
            #expect(await refusal(other) == nil)
        }
    }
}
