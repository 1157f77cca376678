import Platform
import Testing

@testable import AgentCoreModel

@Suite struct TagTests {
    private static let prefix = "arn:aws:bedrock-agentcore:us-east-1:123456789012:"
    private static let runtime = prefix + "runtime/hello-AbC123dEf9"

    private func failures(_ run: () throws(SignalboxError) -> some Any) -> [String]? {
        do {
            _ = try run()
            return nil
        } catch {
            guard case .validation(_, let fields) = error.kind else { return ["\(error)"] }
            return fields.map(\.name)
        }
    }

    private func tag(_ tags: [String: String], arn: String = runtime) -> [String]? {
        failures { () throws(SignalboxError) in
            let body = JSONValue.object(["tags": .object(tags.mapValues { .string($0) })])
            return try RequestDecoder.decode(TagResourceRequest.self, path: ["resourceArn": arn], body: body.bytes())
        }
    }

    @Test func whatATagMayBe() {
        #expect(tag([:]) == nil)
        #expect(tag(["a": "", "Team Name": "x y", "._:/=+@-": "._:/=+@-"]) == nil)
        #expect(tag([String(repeating: "k", count: 128): String(repeating: "v", count: 256)]) == nil)
        let many = (0..<51).map { ("k\($0)", "v") }
        #expect(tag(Dictionary(uniqueKeysWithValues: many.dropLast())) == nil)
        #expect(tag(Dictionary(uniqueKeysWithValues: many)) == ["tags"])
        for bad in [
            ["": "v"], ["k!": "v"], ["k": "v\"", "m": "v"], ["é": "v"], ["k": "ü"], [String(repeating: "k", count: 129): "v"],
            ["k": String(repeating: "v", count: 257)], ["aws:name": "v"], ["AWS:name": "v"], ["k\u{0}": "v"],
        ] {
            #expect(tag(bad) == ["tags"], "\(bad)")
        }
    }

    @Test func whatAnARNMayBe() {
        for good in [
            "runtime/hello-AbC123dEf9/runtime-endpoint/prod", "gateway/x", "workload-identity-directory/default/workload-identity/a",
        ] {
            #expect(tag(["a": "b"], arn: Self.prefix + good) == nil, "\(good)")
        }
        for bad in ["x", Self.prefix + "runtime", Self.prefix + "Runtime/x", Self.prefix + String(repeating: "a", count: 1000) + "/b"] {
            #expect(tag(["a": "b"], arn: bad)?.contains("resourceArn") == true, "\(bad)")
        }
    }

    @Test func keysComeFromTheQuery() throws {
        func decode(_ query: [(String, String)]) throws(SignalboxError) -> UntagResourceRequest {
            try RequestDecoder.decode(UntagResourceRequest.self, path: ["resourceArn": Self.runtime], query: query)
        }
        #expect(try decode([("tagKeys", "a"), ("other", "x"), ("tagKeys", "b c")]).tagKeys == ["a", "b c"])
        #expect(failures { () throws(SignalboxError) in try decode([]) } == ["tagKeys"])
        #expect(failures { () throws(SignalboxError) in try decode([("tagKeys", "a"), ("tagKeys", "!")]) } == ["tagKeys.2.member"])
        let many = (0..<201).map { ("tagKeys", "k\($0)") }
        #expect(failures { () throws(SignalboxError) in try decode(many) } == ["tagKeys"])
    }

    @Test func anARNNamesItsResource() throws {
        #expect(try ResourceARN(parsing: Self.runtime) == .runtime(RuntimeARN(parsing: Self.runtime)))
        for form in ["runtime-endpoint", "endpoint"] {
            let text = Self.runtime + "/\(form)/prod"
            #expect(
                try ResourceARN(parsing: text) == .endpoint(EndpointARN(runtime: RuntimeARN(parsing: Self.runtime), endpointName: "prod")))
        }
        let identity = WorkloadIdentityARN(region: "us-east-1", account: "123456789012", name: "my.identity")
        #expect(try ResourceARN(parsing: identity.description) == .workloadIdentity(identity))
        #expect(try ResourceARN(parsing: identity.description).belongs(toRegion: "us-east-1", account: "123456789012"))
        #expect(try !ResourceARN(parsing: identity.description).belongs(toRegion: "us-east-1", account: "210987654321"))
        #expect(try !ResourceARN(parsing: Self.runtime).belongs(toRegion: "eu-west-1", account: "123456789012"))
        for bad in [
            "gateway/x", "runtime/x", "runtime/hello-AbC123dEf9/", "runtime/hello-AbC123dEf9/runtime-endpoint/",
            "runtime/hello-AbC123dEf9/x/y",
            "workload-identity-directory/default/workload-identity/", "workload-identity-directory/default/workload-identity/a/b",
            "workload-identity-directory/other/workload-identity/a",
        ] {
            #expect(throws: ARNError.self, "\(bad)") { try ResourceARN(parsing: Self.prefix + bad) }
        }
        let partition = identity.description.replacing("arn:aws:", with: "arn:aws-cn:")
        #expect(throws: ARNError.self) { try ResourceARN(parsing: partition) }
    }

    @Test func anARNAtTheEndOfAPathMayHaveItsSlashesUnencoded() {
        let template = Operation.tagResource.path
        let arn = Self.runtime + "/runtime-endpoint/prod"
        for raw in [arn, arn + "/", PercentEncoding.encode(arn), PercentEncoding.encode(arn) + "/"] {
            #expect(template.parameters(in: "/tags/" + raw) == ["resourceArn": arn], "\(raw)")
        }
        for raw in ["", "/tags", "/tags/", "/tag/x", "/tags/%zz"] { #expect(template.parameters(in: raw) == nil, "\(raw)") }
        // Only there.
        #expect(Operation.getAgentRuntime.path.parameters(in: "/runtimes/a/b") == nil)
    }

    @Test func identitiesTellTheTimeInSeconds() throws {
        #expect(try JSONValueEncoder.encode([EpochTimestamp(milliseconds: 1_767_323_045_678)]) == [.number(1_767_323_045.678)])
        #expect(try JSONValueEncoder.encode([EpochTimestamp(milliseconds: 1_767_323_045_000)]) == [.integer(1_767_323_045)])
        #expect(try JSONValueDecoder.decode(EpochTimestamp.self, from: .number(1_767_323_045.678)).milliseconds == 1_767_323_045_678)
    }

    @Test(
        arguments: [
            (["name": "ab"], ["name"]), (["name": "a b c"], ["name"]), ([:], ["name"]),
            (["name": "abc", "allowedResourceOauth2ReturnUrls": ["nothing"]], ["allowedResourceOauth2ReturnUrls.1.member"]),
            (["name": "abc", "allowedResourceOauth2ReturnUrls": ["https://a/b", ""]], ["allowedResourceOauth2ReturnUrls.2.member"]),
            (["name": "abc", "tags": ["aws:x": "y"]], ["tags"]),
        ] as [(JSONValue, [String])])
    func whatAnIdentityMayNotBe(_ body: JSONValue, _ expected: [String]) {
        let found = failures { () throws(SignalboxError) in
            try RequestDecoder.decode(CreateWorkloadIdentityRequest.self, body: body.bytes())
        }
        #expect(Set(found ?? []) == Set(expected), "\(body.text)")
    }
}
