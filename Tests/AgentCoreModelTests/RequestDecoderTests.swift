import Platform
import Testing

@testable import AgentCoreModel

/// A request that satisfies every rule; tests change one member at a time.
enum Sample {
    static let create: [String: JSONValue] = [
        "agentRuntimeName": "hello",
        "agentRuntimeArtifact": [
            "codeConfiguration": [
                "code": ["s3": ["bucket": "agents", "prefix": "hello.zip"]], "runtime": "PYTHON_3_11", "entryPoint": ["main.py"],
            ]
        ],
        "roleArn": "arn:aws:iam::123456789012:role/agent",
        "networkConfiguration": ["networkMode": "PUBLIC"],
    ]

    static func create(_ changes: [String: JSONValue?]) -> [UInt8] {
        var members = create
        for (name, value) in changes { members[name] = value }
        return JSONValue.object(members).bytes()
    }

    static func decode(_ changes: [String: JSONValue?], strict: Bool = false) throws(SignalboxError) -> CreateAgentRuntimeRequest {
        try RequestDecoder(options: .init(strictImageUri: strict)).decode(CreateAgentRuntimeRequest.self, body: create(changes))
    }

    /// The message of the error that the change causes.
    static func failure(_ changes: [String: JSONValue?], strict: Bool = false) -> String {
        do {
            _ = try decode(changes, strict: strict)
            return "no error"
        } catch {
            return error.message
        }
    }
}

@Suite struct RequestDecoderTests {
    let id = "hello-AbC123dEf9"

    @Test func readsACompleteRequest() throws {
        let request = try Sample.decode([
            "clientToken": .string(String(repeating: "a", count: 36)), "description": "d", "environmentVariables": ["A": "b", "E": ""],
            "lifecycleConfiguration": ["idleRuntimeSessionTimeout": 60, "maxLifetime": 28800],
            "protocolConfiguration": ["serverProtocol": "MCP", "port": 8000, "path": "/mcp"],
            "requestHeaderConfiguration": ["requestHeaderAllowlist": ["X-Amzn-Bedrock-AgentCore-Runtime-Custom-A", "X-B"]],
            "authorizerConfiguration": [
                "customJWTAuthorizer": [
                    "discoveryUrl": "https://id.example/.well-known/openid-configuration", "allowedClients": ["c"],
                    "customClaims": [
                        [
                            "inboundTokenClaimName": "group", "inboundTokenClaimValueType": "STRING_ARRAY",
                            "authorizingClaimMatchValue": ["claimMatchValue": ["matchValueString": "a"], "claimMatchOperator": "CONTAINS"],
                        ]
                    ],
                ]
            ],
            "filesystemConfigurations": [["sessionStorage": ["mountPath": "/mnt/data"]]],
            "tags": ["team": "a b"], "hooksConfiguration": ["build": ["warmup": ["action": ["httpPost": ["path": "/warm", "extra": 1]]]]],
            "allowedPorts": [["port": 9000], ["portRange": ["from": 9001, "to": 9010]]], "platformVersion": "V2",
            "resourceConfigurations": [["minimumMemoryInMiB": 512]], "unknownMember": ["x": nil],
        ])
        #expect(request.agentRuntimeName == "hello")
        #expect(request.agentRuntimeArtifact.codeConfiguration?.runtime == .python3_11)
        #expect(request.environmentVariables == ["A": "b", "E": ""])
        #expect(request.protocolConfiguration == ProtocolConfiguration(serverProtocol: .mcp, port: 8000, path: "/mcp"))
        #expect(request.hooksConfiguration?["build"]?["warmup"]?["action"]?["httpPost"]?["extra"] == 1)
        #expect(request.platformVersion == "V2")
        #expect(request.allowedPorts?.count == 2)
    }

    @Test func nullCountsAsAbsent() throws {
        let request = try Sample.decode(["description": .some(.null), "tags": .some(.null), "networkConfiguration": .some(.null)])
        #expect(request.description == nil)
        #expect(request.networkConfiguration == nil)
    }

    @Test func readsPathQueryAndHeaders() throws {
        let list = try RequestDecoder.decode(
            ListAgentRuntimeVersionsRequest.self, path: ["agentRuntimeId": id],
            query: [("maxResults", "7"), ("nextToken", "t"), ("x", "y")])
        #expect(list == ListAgentRuntimeVersionsRequest(agentRuntimeId: id, maxResults: 7, nextToken: "t"))
        let get = try RequestDecoder.decode(GetAgentRuntimeRequest.self, path: ["agentRuntimeId": id], query: [("version", "3")])
        #expect(get.agentRuntimeVersion == "3")
        let session = String(repeating: "s", count: 33)
        let stop = try RequestDecoder.decode(
            StopRuntimeSessionRequest.self, path: ["agentRuntimeArn": id], query: [("qualifier", "prod")],
            headers: [("x-amzn-bedrock-agentcore-runtime-session-id", session)], body: Array(#"{"clientToken":null}"#.utf8))
        #expect(stop == StopRuntimeSessionRequest(runtimeSessionId: session, agentRuntimeArn: id, qualifier: "prod"))
        let invoke = try RequestDecoder.decode(
            InvokeAgentRuntimeRequest.self, path: ["agentRuntimeArn": id], headers: [("Content-Type", "application/json")],
            body: Array("not json".utf8))
        #expect(invoke.contentType == "application/json")
    }

    @Test func aPathMemberInTheBodyIsIgnored() throws {
        let request = try RequestDecoder.decode(
            UpdateAgentRuntimeEndpointRequest.self, path: ["agentRuntimeId": id, "endpointName": "prod"],
            body: Array(#"{"agentRuntimeId":"other-AbC123dEf9","endpointName":5}"#.utf8))
        #expect(request == UpdateAgentRuntimeEndpointRequest(agentRuntimeId: id, endpointName: "prod"))
    }

    @Test(arguments: ["[]", "5", "{", "\u{FEFF}{}", #"{"a":1,"a":1}"#, "{} {}"])
    func aBodyThatIsNoObjectCannotBeParsed(_ body: String) {
        let error = #expect(throws: SignalboxError.self) {
            try RequestDecoder.decode(CreateAgentRuntimeRequest.self, body: Array(body.utf8))
        }
        #expect(error?.kind == .validation(.cannotParse, []))
    }

    @Test func anIDThatNoResourceCanHaveIsNotFoundWhereValidationIsNotModelled() {
        let deletion = #expect(throws: SignalboxError.self) {
            try RequestDecoder.decode(DeleteAgentRuntimeRequest.self, path: ["agentRuntimeId": "../x"])
        }
        #expect(deletion?.kind == .notFound)
        let get = #expect(throws: SignalboxError.self) {
            try RequestDecoder.decode(GetAgentRuntimeRequest.self, path: ["agentRuntimeId": "../x"])
        }
        #expect(get?.message.hasPrefix("1 validation error detected: Value '../x' at 'agentRuntimeId'") == true)
        let token = #expect(throws: SignalboxError.self) {
            try RequestDecoder.decode(DeleteAgentRuntimeRequest.self, path: ["agentRuntimeId": id], query: [("clientToken", "x")])
        }
        #expect(token?.message.contains("clientToken") == true)
    }

    @Test func aQueryMemberGivenTwiceIsRefused() {
        let error = #expect(throws: SignalboxError.self) {
            try RequestDecoder.decode(ListAgentRuntimesRequest.self, query: [("maxResults", "1"), ("maxResults", "2")])
        }
        #expect(
            error?.message
                == "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must be given at most once")
    }

    @Test(arguments: ["0", "101", "-1", "abc", "", "1.5", "99999999999999999999", "٣"])
    func maxResultsIsOneToAHundred(_ text: String) {
        #expect(throws: SignalboxError.self) {
            try RequestDecoder.decode(ListAgentRuntimesRequest.self, query: [("maxResults", text)])
        }
    }

    private func failures(_ changes: [String: JSONValue?]) -> [String] {
        do {
            _ = try Sample.decode(changes)
            return []
        } catch {
            guard case .validation(_, let fields) = error.kind else { return ["\(error)"] }
            return fields.map(\.name)
        }
    }

    /// Constraints of single members and rules across members, in one answer.
    @Test func everythingWrongIsToldAtOnce() {
        let lifecycle: JSONValue = ["idleRuntimeSessionTimeout": 901, "maxLifetime": 900]
        #expect(
            failures([
                "agentRuntimeName": "no-hyphens", "agentRuntimeArtifact": nil, "roleArn": 5, "lifecycleConfiguration": lifecycle,
                "tags": ["aws:x": "y"], "requestHeaderConfiguration": ["requestHeaderAllowlist": ["Cookie"]],
                "environmentVariables": ["A": "a\u{1}"],
            ]) == [
                "agentRuntimeName", "agentRuntimeArtifact", "roleArn", "requestHeaderConfiguration.requestHeaderAllowlist",
                "lifecycleConfiguration.idleRuntimeSessionTimeout", "environmentVariables", "tags",
            ])
        let message = Sample.failure(["agentRuntimeName": "no-hyphens", "lifecycleConfiguration": lifecycle])
        #expect(message.hasPrefix("2 validation errors detected: Value 'no-hyphens' at 'agentRuntimeName'"))
        #expect(message.hasSuffix("; idleRuntimeSessionTimeout must be less than or equal to maxLifetime"))
    }

    /// What a broken member would have said is not guessed.
    @Test func rulesThatNeedABrokenMemberAreLeftOut() {
        let efs: JSONValue = [
            [
                "efsAccessPoint": [
                    "accessPointArn": "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-01234567", "mountPath": "/mnt/a",
                ]
            ]
        ]
        #expect(failures(["filesystemConfigurations": efs]) == ["filesystemConfigurations"])
        #expect(
            failures(["filesystemConfigurations": efs, "networkConfiguration": ["networkMode": "VPN"]]) == [
                "networkConfiguration.networkMode"
            ])
        let headers: JSONValue = ["requestHeaderAllowlist": ["Authorization"]]
        #expect(failures(["requestHeaderConfiguration": headers]) == ["requestHeaderConfiguration.requestHeaderAllowlist"])
        #expect(failures(["requestHeaderConfiguration": headers, "authorizerConfiguration": 5]) == ["authorizerConfiguration"])
        #expect(
            failures(["lifecycleConfiguration": ["idleRuntimeSessionTimeout": 900, "maxLifetime": "60"]])
                == ["lifecycleConfiguration.maxLifetime"])
    }

    @Test func theEnvironmentAsAWhole() throws {
        let full: JSONValue = ["A": .string(String(repeating: "x", count: 4095))]
        let over: JSONValue = ["A": .string(String(repeating: "x", count: 4000)), "é": .string(String(repeating: "x", count: 94))]
        #expect(failures(["environmentVariables": full]) == [])
        #expect(failures(["environmentVariables": over]) == ["environmentVariables"])
        #expect(failures(["environmentVariables": over, "platformVersion": "V1"]) == ["environmentVariables"])
        #expect(failures(["environmentVariables": over, "platformVersion": "V2"]) == [])
        func update(_ version: JSONValue?) throws -> UpdateAgentRuntimeRequest {
            var members = Sample.create
            members["environmentVariables"] = over
            members["platformVersion"] = version
            return try RequestDecoder.decode(
                UpdateAgentRuntimeRequest.self, path: ["agentRuntimeId": id], body: JSONValue.object(members).bytes())
        }
        #expect(throws: SignalboxError.self) { try update("V1") }
        // The runtime's own platform version decides.
        #expect(try update(nil).environmentVariables?.count == 2)
    }
}
