import Platform
import TestSupport
import Testing

@testable import DataPlane

@Suite struct InvocationTargetTests {
    static let arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-abcdefghij"
    static let encoded = "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fagent-abcdefghij"

    @Test(arguments: [
        ("/runtimes/\(encoded)/invocations", true),
        ("/runtimes/\(encoded)/invocations?qualifier=prod", true),
        ("/runtimes/\(arn)/invocations", true),
        ("/runtimes/agent-abcdefghij/invocations/", true),
        ("/runtimes/invocations", false),
        ("/runtimes//invocations", true),
        ("/runtimes/agent-abcdefghij/", false),
        ("/runtimes/agent-abcdefghij/stopruntimesession", false),
        ("/runtimes/x/invocations/.well-known/agent-card.json", false),
        ("/runtimes/x?a=/invocations", false),
        ("/other/invocations", false),
        ("/runtimes/agent-abcdefghij/runtime-endpoints/invocations/", false),
        ("/runtimes/agent-abcdefghij/runtime-endpoints/invocations", false),
    ])
    func matches(_ target: String, _ expected: Bool) {
        #expect(InvocationTarget.matches(target) == expected)
    }

    @Test func encodedAndPlainAreTheSame() throws {
        let agent = InvocationTarget.Agent.arn(region: "us-east-1", account: "123456789012", runtimeID: "agent-abcdefghij")
        for path in [Self.encoded, Self.arn, "arn%3aaws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-abcdefghij"] {
            let target = try InvocationTarget("/runtimes/\(path)/invocations?qualifier=prod&x=y")
            #expect(target.agent == agent)
            #expect(target.qualifier == "prod")
            #expect(target.rawPath == "/runtimes/\(path)/invocations")
            #expect(target.rawQuery == "qualifier=prod&x=y")
        }
        #expect(try InvocationTarget("/runtimes/\(Self.encoded)/invocations").qualifier == "DEFAULT")
        #expect(
            try InvocationTarget("/runtimes/agent-abcdefghij/invocations?accountId=123456789012").agent
                == .id("agent-abcdefghij", account: "123456789012"))
        #expect(
            try InvocationTarget("/runtimes/\(Self.encoded)/stopruntimesession", operation: "stopruntimesession").agent == agent)
    }

    /// Promise 14.
    @Test(arguments: [
        "arn%253Aaws%253Abedrock-agentcore%253Aus-east-1%253A123456789012%253Aruntime%252Fagent-abcdefghij",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/../agent-abcdefghij",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent-abcdefghij/..",
        "arn:azure:bedrock-agentcore:us-east-1:123456789012:runtime/agent-abcdefghij",
        "arn:aws:s3:us-east-1:123456789012:runtime/agent-abcdefghij",
        "arn:aws:bedrock-agentcore::123456789012:runtime/agent-abcdefghij",
        "arn:aws:bedrock-agentcore:us-east-1:12345:runtime/agent-abcdefghij",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/agent",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:memory/agent-abcdefghij",
        "..", "%2e%2e", "%", "%zz", "%00", "%ff", "a b", "agent-abcdefghi", "-abcdefghij", "agent-abcdefghij%20", "",
        String(repeating: "a", count: 10_000),
    ])
    func malformed(_ path: String) {
        let error = #expect(throws: SignalboxError.self) { try InvocationTarget("/runtimes/\(path)/invocations") }
        #expect(error?.message.hasPrefix("1 validation error detected: Value '") == true)
        #expect((error?.message.utf8.count ?? 0) < 1000)
    }

    @Test func theOwnerIsWhomTheTargetNames() throws {
        let arn = try InvocationTarget("/runtimes/\(Self.encoded)/invocations?qualifier=prod")
        for account in ["999999999999", "123456789012"] {
            let key = try arn.routeKey(for: account, region: "us-east-1")
            #expect(key.account == "123456789012" && key.runtimeID == "agent-abcdefghij" && key.endpointName == "prod")
            #expect(
                arn.notFound(account: account, region: "us-east-1").message
                    == "No endpoint or agent found with qualifier 'prod' for agent '\(Self.arn)'")
        }
        let named = try InvocationTarget("/runtimes/agent-abcdefghij/invocations?accountId=123456789012")
        #expect(try named.routeKey(for: "999999999999", region: "us-east-1").account == "123456789012")
        #expect(named.notFound(account: "999999999999", region: "us-east-1").message.contains(Self.arn))
        let bare = try InvocationTarget("/runtimes/agent-abcdefghij/invocations")
        #expect(try bare.routeKey(for: "999999999999", region: "us-east-1").account == "999999999999")
    }

    @Test func anotherRegionsAgentDoesNotExist() throws {
        let target = try InvocationTarget("/runtimes/\(Self.encoded)/invocations?qualifier=prod")
        let error = #expect(throws: SignalboxError.self) { try target.routeKey(for: "123456789012", region: "eu-west-1") }
        #expect(error?.kind == .notFound)
        #expect(error?.message == "No endpoint or agent found with qualifier 'prod' for agent '\(Self.arn)'")
    }
}
