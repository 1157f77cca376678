import Testing

@testable import AgentCoreModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct NameTests {
    static let id = "hello_agent-AbC123dEf9"
    static let text = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9"

    @Test func readsAnARNAsItIsWritten() throws {
        let arn = try RuntimeARN(parsing: Self.text)
        #expect(arn == RuntimeARN(region: "us-east-1", account: "123456789012", runtimeID: Self.id))
        #expect(arn.description == Self.text)
    }

    @Test(arguments: [
        NameTests.text,
        "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fhello_agent-AbC123dEf9",
        "arn%3aaws:bedrock-agentcore:us-east-1:123456789012:runtime%2fhello_agent-AbC123dEf9",
        "%61rn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9",
    ])
    func readsAPathEncodedOnceOrNotAtAll(_ raw: String) throws {
        #expect(try RuntimeReference(pathComponent: raw) == .arn(RuntimeARN(parsing: Self.text)))
    }

    @Test func readsABareID() throws {
        #expect(try RuntimeReference(pathComponent: Self.id) == .id(Self.id))
    }

    @Test(arguments: [
        "", "arn", "arn:", "hello", "hello-short", "hello-toolong12345", "..", "../x-AbC123dEf9", "1a-AbC123dEf9", "a b-AbC123dEf9",
        "arn%253Aaws%253Abedrock-agentcore%253Aus-east-1%253A123456789012%253Aruntime%252Fhello_agent-AbC123dEf9",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/..", "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9/x",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:agent/hello_agent-AbC123dEf9",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9:1",
        "arn:aws:bedrock-agentcore:us-east-1:12345678901:runtime/hello_agent-AbC123dEf9",
        "arn:aws:bedrock-agentcore:us-east-1:1234567890123:runtime/hello_agent-AbC123dEf9",
        "arn:aws:bedrock-agentcore::123456789012:runtime/hello_agent-AbC123dEf9",
        "arn:aws:bedrock-agentcore:US-EAST-1:123456789012:runtime/hello_agent-AbC123dEf9",
        "arn:gcp:bedrock-agentcore:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9",
        "arn:aws-:bedrock-agentcore:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9",
        "arn:aws:lambda:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9",
        "hello_agent-AbC123dEf9%", "hello_agent-AbC123dEf9%2", "hello_agent-AbC123dEf9%zz", "hello_agent-AbC123dEf9%00", "%ff%fe",
        "hello_agent-AbC123dEf9\n", "hello_agent-AbC123dEf９",
    ])
    func refusesAMalformedPath(_ raw: String) {
        #expect(throws: ARNError.self) { try RuntimeReference(pathComponent: raw) }
    }

    @Test func refusesALongPath() {
        let long = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/" + String(repeating: "a", count: 10_000)
        #expect(throws: ARNError.self) { try RuntimeReference(pathComponent: long) }
        #expect(throws: ARNError.self) { try RuntimeReference(pathComponent: String(repeating: "%61", count: 3000)) }
    }

    @Test func saysWhatBelongsToSomebodyElse() throws {
        func mismatch(_ text: String) throws -> ARNMismatch? {
            try RuntimeARN(parsing: text).mismatch(region: "us-east-1", account: "123456789012")
        }
        #expect(try mismatch(Self.text) == nil)
        #expect(try mismatch(Self.text.replacing("arn:aws:", with: "arn:aws-cn:")) == .partition("aws-cn"))
        #expect(try mismatch(Self.text.replacing("us-east-1", with: "eu-west-1")) == .region("eu-west-1"))
        #expect(try mismatch(Self.text.replacing("123456789012", with: "999999999999")) == .account("999999999999"))
    }

    @Test func readsEndpointARNsInBothForms() throws {
        let arn = EndpointARN(runtime: try RuntimeARN(parsing: Self.text), endpointName: "prod")
        #expect(arn.description == Self.text + "/runtime-endpoint/prod")
        #expect(try EndpointARN(parsing: arn.description) == arn)
        #expect(try EndpointARN(parsing: Self.text + "/endpoint/prod") == arn)
        for bad in [
            Self.text, Self.text + "/runtime-endpoint/", Self.text + "/x/prod", Self.text + "/runtime-endpoint/a-b",
            Self.text + "/runtime-endpoint/prod/",
        ] {
            #expect(throws: ARNError.self) { try EndpointARN(parsing: bad) }
        }
    }

    @Test func theHandWrittenChecksAgreeWithThePatterns() throws {
        let id = try Pattern(parsing: "[a-zA-Z][a-zA-Z0-9_]{0,99}-[a-zA-Z0-9]{10}")
        let name = try Pattern(parsing: "[a-zA-Z][a-zA-Z0-9_]{0,47}")
        let version = try Pattern(parsing: "([1-9][0-9]{0,4})")
        var samples = [
            "", "a", "a-", "a-bcdefghij", "a-bcdefghijk", "-abcdefghij", "_-abcdefghij", "a_-abcdefghij", "a--abcdefghij",
            "a-bcdefg_ij", "é-abcdefghij", "a-abcdefghié", "0", "1", "00001", "99999", "100000", "1a", "٣", "A1_", "a b",
            "a[-abcdefghij", "a@-abcdefghij", "a`-abcdefghij", "a{-abcdefghij",
        ]
        for length in [47, 48, 49, 99, 100, 101] {
            samples.append(String(repeating: "x", count: length))
            samples.append(String(repeating: "x", count: length) + "-0123456789")
        }
        for sample in samples {
            #expect(WireID.isRuntimeID(sample) == id.matches(sample), "\(sample)")
            #expect(WireID.isName(sample) == name.matches(sample), "\(sample)")
            #expect((WireID.versionNumber(sample) != nil) == version.matches(sample), "\(sample)")
        }
        #expect(WireID.isRuntimeID(WireID.make(name: "hello")))
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_790_426_096_789, "2026-09-26T12:34:56.789Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
            (-86_400_000, "1969-12-31T00:00:00.000Z"),
        ] as [(Int64, String)])
    func timestampsAreMillisecondsInUTC(_ milliseconds: Int64, _ text: String) {
        #expect(WireTimestamp(milliseconds: milliseconds).description == text)
        #expect(WireTimestamp(text)?.milliseconds == milliseconds)
        #expect(WireTimestamp(WireTimestamp(milliseconds: milliseconds).date).milliseconds == milliseconds)
    }

    @Test func readsTimestampsWithAndWithoutFraction() {
        #expect(WireTimestamp("2026-09-26T12:34:56Z")?.milliseconds == 1_790_426_096_000)
        #expect(WireTimestamp("2026-09-26T12:34:56.7Z")?.milliseconds == 1_790_426_096_700)
        #expect(WireTimestamp("2026-09-26T12:34:56.78Z")?.milliseconds == 1_790_426_096_780)
        #expect(WireTimestamp("2026-09-26T12:34:56.789123456Z")?.milliseconds == 1_790_426_096_789)
        for bad in [
            "", "2026-09-26", "2026-09-26T12:34:56", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1x2yZ", "2026-01-01T00:00:00+01:00",
        ] {
            #expect(WireTimestamp(bad) == nil, "\(bad)")
        }
    }

    @Test func pathsAreMadeAndReadByTheTemplate() {
        let template = Operation.getAgentRuntimeEndpoint.path
        let parameters = ["agentRuntimeId": Self.id, "endpointName": "prod"]
        let path = "/runtimes/\(Self.id)/runtime-endpoints/prod/"
        #expect(template.path(parameters) == path)
        #expect(template.parameters(in: path) == parameters)
        #expect(template.parameters(in: path.dropLast()) == parameters)
        #expect(template.parameters(in: "/runtimes/x/versions/") == nil)
        #expect(template.parameters(in: "/runtimes//runtime-endpoints/prod/") == nil)
        #expect(
            Operation.invokeAgentRuntime.path.path(["agentRuntimeArn": Self.text])
                == "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fhello_agent-AbC123dEf9/invocations")
        #expect(template.path(["agentRuntimeId": Self.id]) == nil)
    }

    @Test func queriesAreDecodedOnce() {
        let query = PercentEncoding.query("a=1&b=%20x%2B+&a=2&c&d=")
        #expect(query?.map { "\($0.0)=\($0.1)" } == ["a=1", "b= x++", "a=2", "c=", "d="])
        #expect(PercentEncoding.query("a=%") == nil)
        #expect(PercentEncoding.query("a=%ff") == nil)
        #expect(PercentEncoding.decode("%252F") == "%2F")
    }
}
