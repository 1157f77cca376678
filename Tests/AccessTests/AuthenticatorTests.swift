import Logging
import Platform
import SigV4
import Store
import TestSupport
import Testing

@testable import Access

/// An authenticator over fake keys and a clock that stands.
struct Desk {
    let keys: FakeKeys
    let clock = ManualTime()
    let authenticator: Authenticator

    init(_ keys: FakeKeys = FakeKeys(.test()), _ adjust: (inout AuthenticatorLimits) -> Void = { _ in }) {
        self.keys = keys
        var limits = AuthenticatorLimits()
        adjust(&limits)
        authenticator = Authenticator(keys: keys, clock: clock, logger: TestLog.logger, limits: limits)
    }

    @discardableResult
    func authenticate(_ signed: Signed = Signed()) async throws(SignalboxError) -> Authenticated {
        try await authenticator.authenticate(signed.request(clock), service: "bedrock-agentcore", payloadHash: Signed.hash)
    }

    @discardableResult
    func cached(_ signed: Signed = Signed()) throws(SignalboxError) -> Authenticated? {
        try authenticator.authenticateCached(signed.request(clock), service: "bedrock-agentcore", payloadHash: Signed.hash)
    }

    /// The kind of error; nil when the caller is let in.
    func refusal(_ signed: Signed = Signed()) async -> SignalboxError.Kind? {
        do throws(SignalboxError) { try await authenticate(signed) } catch { return error.kind }
        return nil
    }

    /// Runs `body` while notices are heard.
    func listening(_ body: () async throws -> Void) async throws {
        let run = Task { await authenticator.run() }
        try await eventually("the listener") { [keys] in keys.listenerCount == 1 }
        try await body()
        run.cancel()
        await run.value
    }
}

struct AuthenticatorTests {
    @Test func goodSignatureTellsWhoCalls() async throws {
        let desk = Desk(FakeKeys(.test(role: .viewer)))
        #expect(try desk.cached() == nil, "nothing is in memory yet")
        let caller = try await desk.authenticate(Signed(region: "eu-west-1"))
        #expect(caller.principal == Principal(account: TestTenant.account, accessKeyID: "AKIATEST", role: .viewer))
        #expect(caller.region == "eu-west-1" && caller.signature.scope == caller.key.scope)
        for region in ["eu-west-1", "us-east-1"] { #expect(try desk.cached(Signed(region: region))?.region == region) }
        #expect(desk.keys.fetches == ["AKIATEST"])
    }

    @Test(arguments: [
        (Signed(secret: "wrong"), SignalboxError.Kind.invalidSignature), (Signed(service: "s3"), .invalidSignature),
        (Signed(ahead: -301), .invalidSignature), (Signed(ahead: 301), .invalidSignature),
        (Signed(ahead: -299), nil), (Signed(ahead: 299), nil), (Signed(key: "AKIAOTHER"), .unrecognizedClient),
        (Signed(extra: [("X-Amz-Security-Token", "abc")]), .unrecognizedClient),
    ])
    func whatIsRefused(signed: Signed, kind: SignalboxError.Kind?) async throws {
        let desk = Desk()
        #expect(await desk.refusal(signed) == kind)
        // The same with the key in memory.
        try await desk.authenticate()
        #expect(await desk.refusal(signed) == kind)
    }

    @Test func anotherScopeThanTheSignedOneIsRefused() async throws {
        let desk = Desk()
        for (part, other) in [("us-east-1", "eu-west-1"), ("/20231114/", "/20231113/")] {
            var request = Signed().request(desk.clock)
            request.headers = request.headers.map { ($0.0, $0.1.replacing(part, with: other)) }
            await #expect(throws: SignalboxError.self) {
                try await desk.authenticator.authenticate(request, service: "bedrock-agentcore", payloadHash: Signed.hash)
            }
        }
        let body = Signed().request(desk.clock)
        await #expect(throws: SignalboxError.self) {
            try await desk.authenticator.authenticate(body, service: "bedrock-agentcore", payloadHash: String(repeating: "0", count: 64))
        }
    }

    @Test(arguments: [
        ("", SignalboxError.Kind.missingAuthentication), ("Bearer x", .accessDenied), ("bearer x", .accessDenied),
        ("Basic eDp5", .invalidSignature), ("AWS4-HMAC-SHA256 x", .invalidSignature),
    ])
    func withoutASignatureNothingIsAsked(authorization: String, kind: SignalboxError.Kind) async {
        let desk = Desk()
        let request = SigV4Request(method: "GET", rawPath: "/", headers: [("Host", "h"), ("Authorization", authorization)])
        await #expect { try await desk.authenticator.authenticate(request, service: "s3", payloadHash: Signed.hash) } throws: {
            ($0 as? SignalboxError)?.kind == kind
        }
        #expect(desk.keys.fetches.isEmpty)
    }

    @Test func disabledKeyIsAnUnknownOne() async {
        let desk = Desk(FakeKeys(.test(disabled: true)))
        #expect(await desk.refusal() == .unrecognizedClient)
        #expect(desk.authenticator.cache.counts.keys == 0)
    }

    @Test func nothingSaysTheSecret() async throws {
        let desk = Desk()
        let caller = try await desk.authenticate()
        let texts = ["\(caller)", String(reflecting: caller), "\(KeyEntry(.test(), due: desk.clock.now(), previous: nil))"]
        var dumped = ""
        dump(caller, to: &dumped)
        dump(KeyEntry(.test(), due: desk.clock.now(), previous: nil), to: &dumped)
        for text in texts + [dumped] { #expect(!text.contains("secret-of") && !text.lowercased().contains("hmac"), "\(text)") }
    }

    @Test func scopesAreRememberedForWhoHasTheSecretAlone() async throws {
        let desk = Desk()
        try await desk.authenticate()
        func scopes() throws -> Int {
            guard case .entry(let entry) = desk.authenticator.cache.find("AKIATEST") else { return 0 }
            return entry.scopeCount
        }
        for number in 0..<50 { _ = await desk.refusal(Signed(secret: "wrong", region: "region-\(number)")) }
        #expect(try scopes() == 1)
        for number in 0..<50 { try desk.cached(Signed(region: "region-\(number)")) }
        #expect(try scopes() == KeyEntry.maximumScopes)
        #expect(try desk.cached(Signed(region: "region-0")) != nil)
    }
}

struct PermissionTests {
    @Test(arguments: [
        (Principal.Role.viewer, [Permission.read]), (.invoker, [.read, .invoke]), (.operator, [.read, .invoke, .operate]),
        (.admin, Permission.allCases),
    ])
    func roles(role: Principal.Role, allowed: [Permission]) {
        #expect(Permission.allCases.filter { role.allows($0) } == allowed)
    }

    @Test func refusalNamesKeyAndAction() {
        let principal = Principal(account: TestTenant.account, accessKeyID: "AKIATEST", role: .viewer)
        #expect(throws: Never.self) { try principal.require(.read, for: "bedrock-agentcore:GetAgentRuntime") }
        #expect { try principal.require(.operate, for: "bedrock-agentcore:CreateAgentRuntime") } throws: { error in
            let error = error as? SignalboxError
            return error?.kind == .accessDenied
                && error?.message.hasPrefix("User: AKIATEST is not authorized to perform: bedrock-agentcore:CreateAgentRuntime") == true
        }
    }
}
