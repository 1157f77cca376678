import Platform
import Testing

@testable import AgentCoreModel

@Suite struct VersionConfigurationTests {
    @Test(
        arguments: [
            (nil, nil, 900, 28_800), (nil, 600, 600, 600), (nil, 900, 900, 900), (nil, 901, 900, 901), (60, nil, 60, 28_800),
            (60, 60, 60, 60),
        ] as [(Int?, Int?, Int, Int)])
    func lifecycleDefaultsAreFilled(_ idle: Int?, _ lifetime: Int?, _ expectedIdle: Int, _ expectedLifetime: Int) {
        let completed = LifecycleConfiguration(idleRuntimeSessionTimeout: idle, maxLifetime: lifetime).completed
        #expect(completed == LifecycleConfiguration(idleRuntimeSessionTimeout: expectedIdle, maxLifetime: expectedLifetime))
    }

    @Test func holdsTheWholeRequestButTheEnvironment() throws {
        let request = try Sample.decode([
            "description": "d", "environmentVariables": ["SECRET": "hidden"], "platformVersion": "V2", "networkConfiguration": .some(.null),
            "hooksConfiguration": ["build": ["warmup": ["action": ["httpPost": ["path": "/w", "later": [1, .number(1.5)]]]]]],
            "allowedPorts": [["port": 9000]],
        ])
        let configuration = VersionConfiguration(request)
        #expect(configuration.networkConfiguration.networkMode == .public)
        #expect(configuration.idleTimeoutSeconds == 900)
        #expect(configuration.maxLifetimeSeconds == 28_800)
        let bytes = try configuration.canonicalBytes()
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.contains("hidden"))
        #expect(text.contains(#""later":[1,1.5]"#))
        #expect(try VersionConfiguration(canonicalBytes: bytes) == configuration)
        #expect(try VersionConfiguration(canonicalBytes: bytes).canonicalBytes() == bytes)
    }

    /// Stored bytes are hashed and never rewritten: what is written today must be written tomorrow.
    @Test func theCanonicalFormDoesNotChange() throws {
        let configuration = VersionConfiguration(try Sample.decode([:]))
        #expect(
            try String(decoding: configuration.canonicalBytes(), as: UTF8.self)
                == #"{"agentRuntimeArtifact":{"codeConfiguration":{"code":{"s3":{"bucket":"agents","prefix":"hello.zip"}},"entryPoint":["main.py"],"runtime":"PYTHON_3_11"}},"lifecycleConfiguration":{"idleRuntimeSessionTimeout":900,"maxLifetime":28800},"networkConfiguration":{"networkMode":"PUBLIC"},"roleArn":"arn:aws:iam::123456789012:role/agent"}"#
        )
    }

    @Test func anUpdateReplacesAllButThePlatformVersion() throws {
        var previous = VersionConfiguration(try Sample.decode(["description": "old", "platformVersion": "V1"]))
        previous.metadataConfiguration = RuntimeMetadataConfiguration(requireMMDSV2: true)
        var body = Sample.create
        body["agentRuntimeName"] = nil
        let request = try RequestDecoder.decode(
            UpdateAgentRuntimeRequest.self, path: ["agentRuntimeId": "hello-AbC123dEf9"], body: JSONValue.object(body).bytes())
        let next = VersionConfiguration(request, previous: previous)
        #expect(next.description == nil)
        #expect(next.metadataConfiguration == nil)
        #expect(next.platformVersion == "V1")
    }

    @Test func damagedBytesAreAnInternalError() {
        for text in ["", "{}", "[]", "{\"roleArn\":5}"] {
            let error = #expect(throws: SignalboxError.self) { try VersionConfiguration(canonicalBytes: Array(text.utf8)) }
            #expect(error?.kind == .internal)
        }
    }

    @Test func theGetAnswerIsComplete() throws {
        let arn = RuntimeARN(region: "us-east-1", account: "123456789012", runtimeID: "hello-AbC123dEf9")
        let response = GetAgentRuntimeResponse(
            arn: arn, name: "hello", version: 2, status: .ready, createdAt: WireTimestamp(milliseconds: 0),
            lastUpdatedAt: WireTimestamp(milliseconds: 1), configuration: VersionConfiguration(try Sample.decode([:])),
            environmentVariables: ["A": "b"])
        let value = try JSONValueEncoder.encode(response)
        #expect(value["createdAt"] == "1970-01-01T00:00:00.000Z")
        #expect(value["agentRuntimeVersion"] == "2")
        #expect(value["lifecycleConfiguration"] == ["idleRuntimeSessionTimeout": 900, "maxLifetime": 28800])
        #expect(
            value["workloadIdentityDetails"]?["workloadIdentityArn"]
                == "arn:aws:bedrock-agentcore:us-east-1:123456789012:workload-identity-directory/default/workload-identity/hello-AbC123dEf9"
        )
        #expect(value.object?.values.contains(.null) == false)
        var validator = Validator(.standard)
        validator.validate(value, GetAgentRuntimeResponse.schema, at: "")
        #expect(validator.failures.isEmpty, "\(validator.failures)")
    }
}
