import Platform
import Testing

@testable import AgentCoreModel

/// Every constraint of contract §3 that boto3 leaves to the server, by one value that breaks it.
@Suite struct ConstraintTests {
    @Test(
        arguments: [
            (
                ["agentRuntimeName": "1a"],
                "Value '1a' at 'agentRuntimeName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][a-zA-Z0-9_]{0,47}"
            ),
            (["agentRuntimeName": nil], "Value null at 'agentRuntimeName' failed to satisfy constraint: Member must not be null"),
            (["agentRuntimeName": 5], "Value '5' at 'agentRuntimeName' failed to satisfy constraint: Member must be a string"),
            (
                ["agentRuntimeName": "a\u{0}b"],
                "at 'agentRuntimeName' failed to satisfy constraint: Member must not contain the NUL character"
            ),
            (
                ["roleArn": "role"],
                "Value 'role' at 'roleArn' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws"
            ),
            (
                ["clientToken": "short"],
                "Value 'short' at 'clientToken' failed to satisfy constraint: Member must have length greater than or equal to 33"
            ),
            (
                ["description": ""],
                "Value at 'description' failed to satisfy constraint: Member must have length greater than or equal to 1"
            ),
            (
                ["networkConfiguration": ["networkMode": "PRIVATE"]],
                "Value 'PRIVATE' at 'networkConfiguration.networkMode' failed to satisfy constraint: Member must satisfy enum value set: [PUBLIC, VPC]"
            ),
            (
                ["networkConfiguration": "PUBLIC"],
                "Value 'PUBLIC' at 'networkConfiguration' failed to satisfy constraint: Member must be a structure"
            ),
            (
                ["agentRuntimeArtifact": [:]],
                "Value at 'agentRuntimeArtifact' failed to satisfy constraint: Member must have exactly one of the members: [containerConfiguration, codeConfiguration]"
            ),
            (
                [
                    "agentRuntimeArtifact": [
                        "codeConfiguration": [
                            "code": ["s3": ["bucket": "A", "prefix": "p"]], "runtime": "PYTHON_3_11", "entryPoint": ["m"],
                        ], "containerConfiguration": ["containerUri": "x"],
                    ]
                ], "exactly one of the members"
            ),
            (
                [
                    "agentRuntimeArtifact": [
                        "codeConfiguration": ["code": ["s3": ["bucket": "ab", "prefix": ""]], "runtime": "PYTHON_2", "entryPoint": []]
                    ]
                ], "4 validation errors detected: "
            ),
            (
                [
                    "agentRuntimeArtifact": [
                        "codeConfiguration": [
                            "code": ["s3": ["bucket": "abc", "prefix": "p"]], "runtime": "NODE_22", "entryPoint": ["a", "b", "c"],
                        ]
                    ]
                ],
                "Value at 'agentRuntimeArtifact.codeConfiguration.entryPoint' failed to satisfy constraint: Member must have length less than or equal to 2"
            ),
            (
                [
                    "agentRuntimeArtifact": [
                        "codeConfiguration": [
                            "code": ["s3": ["bucket": "abc", "prefix": "p"]], "runtime": "NODE_22", "entryPoint": ["a", nil],
                        ]
                    ]
                ],
                "Value null at 'agentRuntimeArtifact.codeConfiguration.entryPoint.2.member' failed to satisfy constraint: Member must not be null"
            ),
            (
                ["lifecycleConfiguration": ["maxLifetime": 28801]],
                "Value '28801' at 'lifecycleConfiguration.maxLifetime' failed to satisfy constraint: Member must have value less than or equal to 28800"
            ),
            (["lifecycleConfiguration": ["idleRuntimeSessionTimeout": 59]], "Member must have value greater than or equal to 60"),
            (["lifecycleConfiguration": ["idleRuntimeSessionTimeout": .number(60.5)]], "Member must be an integer"),
            (["protocolConfiguration": [:]], "Value null at 'protocolConfiguration.serverProtocol'"),
            (["protocolConfiguration": ["serverProtocol": "http"]], "enum value set: [MCP, HTTP, A2A, AGUI]"),
            (
                ["environmentVariables": ["": "v"]],
                "Value at 'environmentVariables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length greater than or equal to 1]"
            ),
            (
                ["environmentVariables": ["a": 5, "b": .string(String(repeating: "x", count: 5001))]],
                "Value at 'environmentVariables' failed to satisfy constraint: Map values must satisfy constraint: [Member must be a string, Member must have length less than or equal to 5000]"
            ),
            (["tags": ["a;": "v"]], "Map keys must satisfy constraint: [Member must satisfy regular expression pattern"),
            (
                ["requestHeaderConfiguration": ["requestHeaderAllowlist": []]],
                "Value '[]' at 'requestHeaderConfiguration.requestHeaderAllowlist' failed to satisfy constraint: Member must have length greater than or equal to 1"
            ),
            (
                ["authorizerConfiguration": ["customJWTAuthorizer": ["discoveryUrl": "https://a/", "allowedAudience": ["x"]]]],
                "at 'authorizerConfiguration.customJWTAuthorizer.discoveryUrl'"
            ),
            (
                ["filesystemConfigurations": [["sessionStorage": ["mountPath": "/data"]]]],
                "at 'filesystemConfigurations.1.member.sessionStorage.mountPath'"
            ),
            (
                ["filesystemConfigurations": [["capacityProviderVolume": ["volumeName": "v", "mountPath": "/mnt/a"]]]],
                "Value at 'filesystemConfigurations.1.member.capacityProviderVolume' failed to satisfy constraint: Member is not supported: "
            ),
            (
                ["capacityProviderConfiguration": ["capacityProviderArn": "a"]],
                "Value at 'capacityProviderConfiguration' failed to satisfy constraint: Member is not supported: "
            ),
            (
                [
                    "authorizerConfiguration": [
                        "customJWTAuthorizer": [
                            "discoveryUrl": "https://a/.well-known/openid-configuration", "allowedAudience": ["x"],
                            "certificateConfigurations": [],
                        ]
                    ]
                ], "certificateConfigurations' failed to satisfy constraint: Member is not supported"
            ),
            (["allowedPorts": [["port": 80]]], "at 'allowedPorts.1.member.port'"),
            (["platformVersion": "a b"], "at 'platformVersion'"),
        ] as [([String: JSONValue?], String)])
    func aBrokenConstraintIsNamed(_ changes: [String: JSONValue?], _ expected: String) {
        let message = Sample.failure(changes)
        #expect(message.contains(expected), "\(message)")
    }

    @Test func aMissingRequiredMemberIsNamed() {
        #expect(Sample.failure(["roleArn": .some(.null)]).contains("Value null at 'roleArn'"))
        let empty = #expect(throws: SignalboxError.self) { try RequestDecoder.decode(CreateAgentRuntimeRequest.self) }
        #expect(empty?.message.hasPrefix("3 validation errors detected: Value null at 'agentRuntimeName'") == true)
    }

    @Test func sensitiveValuesAreNotRepeated() {
        let secret = "TOPSECRET"
        let messages = [
            Sample.failure(["description": .string(String(repeating: secret, count: 1000))]),
            Sample.failure(["description": [.string(secret)]]),
            Sample.failure(["environmentVariables": ["A": .string(String(repeating: secret, count: 1000))]]),
            Sample.failure(["environmentVariables": ["A": .string(secret + "\u{1}")]]),
            Sample.failure(["environmentVariables": .string(secret)]),
            Sample.failure(["environmentVariables": ["A": [.string(secret)]]]),
        ]
        for message in messages {
            #expect(message != "no error")
            #expect(!message.contains(secret))
        }
    }

    @Test func messagesStayShort() {
        let message = Sample.failure(["agentRuntimeName": .string(String(repeating: "x", count: 1_000_000))])
        #expect(message.utf8.count < 1000)
        let many = Sample.failure([
            "authorizerConfiguration": [
                "customJWTAuthorizer": [
                    "discoveryUrl": "https://a/.well-known/openid-configuration",
                    "allowedScopes": .array(Array(repeating: .string(""), count: 100_000)),
                ]
            ]
        ])
        #expect(many.hasPrefix("100 validation errors detected: "))
    }

    @Test func theStrictImagePatternIsAnOption() throws {
        let container: [String: JSONValue?] = ["agentRuntimeArtifact": ["containerConfiguration": ["containerUri": "ghcr.io/a/b:1"]]]
        _ = try Sample.decode(container)
        #expect(Sample.failure(container, strict: true).contains("amazonaws"))
    }

    @Test(
        arguments: [
            (
                ["lifecycleConfiguration": ["idleRuntimeSessionTimeout": 901, "maxLifetime": 900]],
                "idleRuntimeSessionTimeout must be less than or equal to maxLifetime"
            ),
            (["networkConfiguration": ["networkMode": "VPC"]], "networkModeConfig is required when networkMode is VPC"),
            (
                [
                    "networkConfiguration": [
                        "networkMode": "PUBLIC", "networkModeConfig": ["subnets": ["subnet-12345678"], "securityGroups": ["sg-12345678"]],
                    ]
                ], "networkModeConfig must not be given when networkMode is PUBLIC"
            ),
            (
                [
                    "networkConfiguration": [
                        "networkMode": "VPC",
                        "networkModeConfig": [
                            "subnets": ["subnet-12345678"], "securityGroups": ["sg-12345678"], "requireServiceS3Endpoint": true,
                        ],
                    ]
                ], "requireServiceS3Endpoint must not be given when a runtime is created"
            ),
            (
                ["environmentVariables": ["K": "a\u{7F}"]],
                "Environment variable value contains invalid control characters (0x00-0x1F, 0x7F).\nKey: 'K'"
            ),
            (
                ["environmentVariables": ["A=B": ""]],
                "Environment variable key contains '=' or control characters (0x00-0x1F, 0x7F).\nKey: 'A=B'"
            ),
            (
                ["requestHeaderConfiguration": ["requestHeaderAllowlist": ["Cookie"]]],
                "Header 'Cookie' in requestHeaderAllowlist is restricted"
            ),
            (
                ["requestHeaderConfiguration": ["requestHeaderAllowlist": ["x-amz-date"]]],
                "Header 'x-amz-date' in requestHeaderAllowlist is restricted"
            ),
            (
                ["requestHeaderConfiguration": ["requestHeaderAllowlist": ["X-AMZN-Trace-Id"]]],
                "Header 'X-AMZN-Trace-Id' in requestHeaderAllowlist is restricted"
            ),
            (
                ["requestHeaderConfiguration": ["requestHeaderAllowlist": ["X-A", "x-a"]]],
                "Header names of requestHeaderAllowlist must be unique, whatever their case: 'x-a'"
            ),
            (
                ["requestHeaderConfiguration": ["requestHeaderAllowlist": ["Authorization"]]],
                "Header 'Authorization' in requestHeaderAllowlist requires a customJWTAuthorizer"
            ),
            (
                ["authorizerConfiguration": ["customJWTAuthorizer": ["discoveryUrl": "https://a/.well-known/openid-configuration"]]],
                "At least one of allowedAudience, allowedClients, allowedScopes or customClaims is required"
            ),
            (
                [
                    "authorizerConfiguration": [
                        "customJWTAuthorizer": [
                            "discoveryUrl": "https://a/.well-known/openid-configuration", "allowedScopes": ["s"],
                            "advertisedScopeMapping": ["t": "x"],
                        ]
                    ]
                ], "The keys of advertisedScopeMapping must be allowedScopes: [t]"
            ),
            (["protocolConfiguration": ["serverProtocol": "HTTP", "port": 8443]], "port must not be 8443"),
            (
                ["allowedPorts": [["port": 9000], ["portRange": ["from": 8999, "to": 9001]]]],
                "the entries of allowedPorts must not overlap"
            ),
            (["allowedPorts": [["portRange": ["from": 8400, "to": 8500]]]], "allowedPorts must not hold port 8443"),
            (["tags": ["aws:x": "y"]], "aws: prefixed tag key names are not allowed for external use: 'aws:x'"),
            (["filesystemConfigurations": [["sessionStorage": ["mountPath": "/mnt/.."]]]], "mountPath must not be '/mnt/..'"),
            (
                ["filesystemConfigurations": [["sessionStorage": ["mountPath": "/mnt/a"]], ["sessionStorage": ["mountPath": "/mnt/a/"]]]],
                "filesystemConfigurations must not have more than 1 sessionStorage; mountPath must be unique: '/mnt/a'"
            ),
        ] as [([String: JSONValue?], String)])
    func aBrokenRuleHasItsSentence(_ changes: [String: JSONValue?], _ expected: String) {
        #expect(Sample.failure(changes) == expected)
    }

    @Test func claimsAndOperatorsMustFit() {
        func claim(_ type: JSONValue, _ operation: JSONValue, _ value: JSONValue) -> String {
            Sample.failure([
                "authorizerConfiguration": [
                    "customJWTAuthorizer": [
                        "discoveryUrl": "https://a/.well-known/openid-configuration",
                        "customClaims": [
                            [
                                "inboundTokenClaimName": "n", "inboundTokenClaimValueType": type,
                                "authorizingClaimMatchValue": ["claimMatchValue": value, "claimMatchOperator": operation],
                            ]
                        ],
                    ]
                ]
            ])
        }
        #expect(claim("STRING", "EQUALS", ["matchValueString": "a"]) == "no error")
        #expect(claim("STRING_ARRAY", "CONTAINS", ["matchValueString": "a"]) == "no error")
        #expect(claim("STRING_ARRAY", "CONTAINS_ANY", ["matchValueStringList": ["a"]]) == "no error")
        for bad in [
            claim("STRING", "CONTAINS", ["matchValueString": "a"]), claim("STRING", "EQUALS", ["matchValueStringList": ["a"]]),
            claim("STRING_ARRAY", "EQUALS", ["matchValueString": "a"]), claim("STRING_ARRAY", "CONTAINS_ANY", ["matchValueString": "a"]),
        ] { #expect(bad.contains("do not fit")) }
    }

    @Test func theHeaderListIsTheDocumentedOne() {
        for name in ["X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant", "X-Tenant", "Authorization", "baggage"] {
            #expect(!HeaderAllowlist.isRestricted(name), "\(name)")
        }
        for name in [
            "X-Amzn-Bedrock-AgentCore-Runtime-Custom-", "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", "X-Amz-Cf-Id", "HOST",
            "X-Forwarded-For",
            "Access-Control-Allow-Origin", "Sec-WebSocket-Key", "Content-Length", "Transfer-Encoding",
        ] { #expect(HeaderAllowlist.isRestricted(name), "\(name)") }
    }
}
