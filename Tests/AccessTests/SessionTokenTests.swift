import AgentCoreModel
import Foundation
import Platform
import SigV4
import Store
import TestSupport
import Testing

@testable import Access

/// Temporary credentials over fake keys and a clock that stands.
private struct Bureau {
    let keys: FakeKeys
    let clock = ManualTime()
    let tokens: SessionTokens
    let authenticator: Authenticator

    init(_ record: AccessKeyRecord = .test(), secrets: SecretBox? = nil) throws {
        keys = FakeKeys(record)
        tokens = SessionTokens(secrets: try secrets ?? .test())
        authenticator = Authenticator(keys: keys, tokens: tokens, clock: clock, logger: TestLog.logger)
    }

    func session(_ role: Principal.Role? = nil, of held: Principal.Role = .admin, seconds: Int = 900) throws -> SessionCredentials {
        try authenticator.makeSession(
            Principal(account: TestTenant.account, accessKeyID: "AKIATEST", role: held), role: role, seconds: seconds)
    }

    func authenticate(_ credentials: SessionCredentials, _ change: (inout Signed) -> Void = { _ in }) async throws -> Authenticated {
        var signed = Signed(key: credentials.accessKeyID, secret: credentials.secret)
        signed.extra = [("X-Amz-Security-Token", credentials.token)]
        change(&signed)
        return try await authenticator.authenticate(signed.request(clock), service: "bedrock-agentcore", payloadHash: Signed.hash)
    }

    func refusal(_ credentials: SessionCredentials, _ change: (inout Signed) -> Void = { _ in }) async -> SignalboxError? {
        do { _ = try await authenticate(credentials, change) } catch { return error as? SignalboxError }
        return nil
    }
}

struct SessionTokenTests {
    @Test func aSessionIsItsKeysOwn() async throws {
        let bureau = try Bureau()
        let session = try bureau.session()
        #expect(session.accessKeyID.hasPrefix("ASIA") && session.accessKeyID.count == 20)
        for _ in 0..<2 {
            let caller = try await bureau.authenticate(session).principal
            #expect(caller == Principal(account: TestTenant.account, accessKeyID: "AKIATEST", role: .admin, keyRole: .admin))
        }
        #expect(bureau.keys.fetches == ["AKIATEST"])
        #expect(!"\(session)".contains(session.secret))
    }

    @Test(arguments: Principal.Role.allCases, Principal.Role.allCases)
    func rolesOnlyNarrow(held: Principal.Role, asked: Principal.Role) async throws {
        let bureau = try Bureau(.test(role: held))
        // A viewer may read objects, an invoker may not.
        guard held != .invoker || asked != .viewer else {
            #expect(throws: SignalboxError.self) { try bureau.session(asked, of: held) }
            return
        }
        let session = try bureau.session(asked, of: held)
        #expect(session.role == min(held, asked))
        #expect(try await bureau.authenticate(session).principal.role == min(held, asked))
        // What the key may do is asked at every request, not when the session is made.
        bureau.keys.put(.test(role: .viewer))
        bureau.authenticator.cache.forget("AKIATEST")
        #expect(try await bureau.authenticate(session).principal.role == .viewer)
        bureau.keys.put(.test(role: .invoker))
        bureau.authenticator.cache.forget("AKIATEST")
        if session.role == .viewer { #expect(await bureau.refusal(session)?.kind == .unrecognizedClient) }
    }

    @Test func everyPartMustFit() async throws {
        let bureau = try Bureau()
        let session = try bureau.session()
        let other = try bureau.session()
        #expect(await bureau.refusal(session) { $0.extra = [] }?.kind == .unrecognizedClient, "no token")
        #expect(await bureau.refusal(session) { $0.extra = [("X-Amz-Security-Token", other.token)] }?.kind == .unrecognizedClient)
        #expect(await bureau.refusal(session) { $0.key = other.accessKeyID }?.kind == .unrecognizedClient)
        #expect(await bureau.refusal(session) { $0.secret = other.secret }?.kind == .invalidSignature)
        #expect(await bureau.refusal(session) { $0.extra.append($0.extra[0]) }?.kind == .invalidSignature, "twice")
        var token = try #require(Data(base64Encoded: session.token))
        for index in token.indices {
            token[index] ^= 1
            let altered = token.base64EncodedString()
            #expect(
                await bureau.refusal(session) { $0.extra = [("X-Amz-Security-Token", altered)] }?.kind == .unrecognizedClient,
                "byte \(index)")
            token[index] ^= 1
        }
        for garbage in ["", "x", "AAAA", String(repeating: "A", count: 4096)] {
            let refusal = await bureau.refusal(session) { $0.extra = [("X-Amz-Security-Token", garbage)] }
            #expect(refusal?.kind == .unrecognizedClient && refusal?.message == "The security token included in the request is invalid.")
        }
        // Whoever has another master key makes nothing that is good here.
        let stranger = try Bureau(secrets: SecretBox(masterKey: Array(1...32))).session()
        #expect(await bureau.refusal(stranger)?.kind == .unrecognizedClient)
    }

    @Test func aSessionEnds() async throws {
        let bureau = try Bureau()
        let session = try bureau.session(seconds: 900)
        bureau.clock.advance(by: .seconds(899))
        _ = try await bureau.authenticate(session)
        bureau.clock.advance(by: .seconds(2))
        let refusal = await bureau.refusal(session)
        #expect(refusal?.kind == .expiredCredential)
        #expect(refusal?.message == "The security token included in the request is expired")
        for seconds in [0, 899, 43_201] { #expect(throws: SignalboxError.self) { try bureau.session(seconds: seconds) } }
    }

    @Test func whatEndsTheKeyEndsItsSessions() async throws {
        let bureau = try Bureau()
        let session = try bureau.session()
        _ = try await bureau.authenticate(session)
        bureau.keys.put(.test(disabled: true))
        bureau.authenticator.cache.forget("AKIATEST")
        #expect(await bureau.refusal(session)?.kind == .unrecognizedClient)
        bureau.keys.remove("AKIATEST")
        bureau.authenticator.cache.forget("AKIATEST")
        #expect(await bureau.refusal(session)?.kind == .unrecognizedClient)
    }

    @Test func aKeyEndsAtItsTimeWithoutANotice() async throws {
        let bureau = try Bureau()
        var record = AccessKeyRecord.test()
        record.expiresAt = bureau.clock.date().addingTimeInterval(60)
        bureau.keys.put(record)
        func refused() async -> SignalboxError.Kind? {
            do {
                _ = try await bureau.authenticator.authenticate(
                    Signed().request(bureau.clock), service: "bedrock-agentcore", payloadHash: Signed.hash)
            } catch { return error.kind }
            return nil
        }
        #expect(await refused() == nil)
        bureau.clock.advance(by: .seconds(59))
        #expect(await refused() == nil)
        bureau.clock.advance(by: .seconds(1))
        #expect(await refused() == .unrecognizedClient)
    }

    @Test func sessionsMakeNoSessions() throws {
        let bureau = try Bureau()
        let temporary = Principal(account: TestTenant.account, accessKeyID: "AKIATEST", role: .admin, keyRole: .admin)
        #expect { try bureau.authenticator.makeSession(temporary, role: nil, seconds: 900) } throws: {
            ($0 as? SignalboxError)?.kind == .accessDenied
        }
    }
}

/// Policies that name roles, and callers who put a lesser one on.
struct NarrowedRoleTests {
    private func refusal(
        _ effect: String, _ named: Principal.Role, of owner: String, by role: Principal.Role, _ keyRole: Principal.Role?
    )
        -> SignalboxError.Kind?
    {
        let policy = PolicyDocument(
            stored: #"""
                {"Version": "2012-10-17", "Statement": [{"Effect": "\#(effect)", "Action": "bedrock-agentcore:InvokeAgentRuntime",
                "Principal": {"AWS": "arn:aws:iam::\#(TestTenant.account):role/\#(named.rawValue)"},
                "Resource": "arn:aws:bedrock-agentcore:us-east-1:\#(owner):runtime/a-0123456789"}]}
                """#)
        var context = OperationContext.test()
        context.principal = Principal(account: TestTenant.account, accessKeyID: "AKIATEST", role: role, keyRole: keyRole)
        let resource = GuardedResource(
            owner: owner, arn: "arn", policies: ResourcePolicies(runtime: policy, endpoint: nil, hasEndpoint: false))
        do throws(SignalboxError) {
            try context.require(.invokeAgentRuntime, on: resource, hidden: .notFound("hidden"))
        } catch {
            return error.kind
        }
        return nil
    }

    @Test func aLesserRoleIsNoWayAroundADeny() {
        let own = TestTenant.account
        #expect(refusal("Deny", .operator, of: own, by: .operator, nil) == .accessDenied)
        #expect(refusal("Deny", .operator, of: own, by: .invoker, .operator) == .accessDenied)
        #expect(refusal("Deny", .operator, of: own, by: .invoker, nil) == nil)
        #expect(refusal("Deny", .viewer, of: own, by: .invoker, .operator) == nil)
    }

    @Test func norAWayIntoAnAllow() {
        let other = TestTenant.otherAccount
        #expect(refusal("Allow", .invoker, of: other, by: .invoker, nil) == nil)
        #expect(refusal("Allow", .invoker, of: other, by: .invoker, .invoker) == nil)
        #expect(refusal("Allow", .invoker, of: other, by: .invoker, .operator) == .notFound)
        #expect(refusal("Allow", .operator, of: other, by: .invoker, .operator) == .notFound)
    }
}
