/// Example values. Each obeys its own constraints, and a test checks that.
enum OpenAPIExamples {
    static let payload: JSONValue = ["name": "Ada"]

    /// A body: what is required, and what is worth showing.
    static func body(_ schema: Schema) -> JSONValue {
        value(schema, named: schema.name, in: schema.name)
    }

    /// Of a required parameter, or of one that is worth showing; nil for the rest.
    static func parameter(_ member: Schema.Member, of schema: Schema) -> JSONValue? {
        guard member.isRequired || shown.contains(member.name) else { return nil }
        return value(member.schema, named: member.name, in: schema.name)
    }

    private static func value(_ schema: Schema, named name: String, in structure: String) -> JSONValue {
        if let value = particular["\(structure).\(name)"] ?? general[name] { return value }
        switch schema.kind {
        case .string(_, _, let values): return .string(values.first ?? "text")
        case .integer(let limits): return .integer(Int64(limits.minimum ?? 1))
        case .boolean: return true
        case .timestamp: return "2026-01-02T03:04:05.678Z"
        case .epochTimestamp: return .number(1_767_323_045.678)
        case .list(let element, _): return [value(element, named: element.name, in: schema.name)]
        case .map: return ["team": "search"]
        case .blob, .document: return [:]
        case .structure(let members):
            let chosen = members.filter {
                $0.location == .body && $0.refusal == nil && !$0.isIdempotencyToken && ($0.isRequired || shown.contains($0.name))
            }
            return .object(
                Dictionary(chosen.map { ($0.name, value($0.schema, named: $0.name, in: schema.name)) }, uniquingKeysWith: { $1 }))
        case .union(let members):
            guard let member = members.first(where: { $0.name == "codeConfiguration" }) ?? members.first else { return [:] }
            return .object([member.name: value(member.schema, named: member.name, in: schema.name)])
        }
    }

    /// Optional members that examples have.
    private static let shown: Set<String> = [
        "agentRuntimeVersion", "allowedResourceOauth2ReturnUrls", "description", "environmentVariables", "fieldList", "image",
        "lifecycleConfiguration", "liveVersion", "maxResults", "networkConfiguration", "policy", "protocolConfiguration", "qualifier",
        "runtimeSessionId", "serverProtocol", "stopSessions", "tags", "targetVersion", "workloadIdentityDetails",
    ]

    private static let runtimeARN: JSONValue = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-AbC123dEf9"
    private static let policy: JSONValue =
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"bedrock-agentcore:InvokeAgentRuntime","Resource":"arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-AbC123dEf9"}]}"#

    private static let particular: [String: JSONValue] = [
        "AuditEvent.id": 17,
        "DeleteAgentRuntimeRequest.agentRuntimeVersion": "1",
        "DeleteAgentRuntimeResponse.status": "DELETING",
        "DeleteAgentRuntimeEndpointResponse.status": "DELETING",
        "CreateAgentRuntimeResponse.status": "CREATING",
        "CreateAgentRuntimeResponse.agentRuntimeVersion": "1",
        "CreateAgentRuntimeEndpointResponse.status": "CREATING",
        "UpdateAgentRuntimeResponse.status": "UPDATING",
        "UpdateAgentRuntimeEndpointResponse.status": "UPDATING",
        "UpdateAgentRuntimeEndpointResponse.liveVersion": "1",
        "RollbackAgentRuntimeEndpointResponse.status": "UPDATING",
        "RollbackAgentRuntimeEndpointResponse.targetVersion": "1",
        "CreateAgentRuntimeEndpointRequest.name": "prod",
        "AgentRuntimeEndpoint.name": "prod",
        "GetAgentRuntimeEndpointResponse.name": "prod",
        "ListAgentRuntimesRequest.tags": ["tag:team": "search"],
        "ListAgentRuntimesRequest.status": ["READY"],
        "ListAgentRuntimeEndpointsRequest.tags": ["tag:team": "search"],
        "VersionPreparation.image": [
            "id": "sha256:6d1c0c2f0e5d5b9c2b5f4a8b1a0c6f3e9d7b8a6c5e4f3d2c1b0a9f8e7d6c5b4a",
            "source":
                "registry.example.com/team/agent@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        ],
    ]

    private static let general: [String: JSONValue] = [
        "agentRuntimeArn": runtimeARN,
        "agentRuntimeEndpointArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-AbC123dEf9/runtime-endpoint/prod",
        "agentRuntimeId": "hello-AbC123dEf9",
        "agentRuntimeName": "hello",
        "agentRuntimeVersion": "2",
        "allowedResourceOauth2ReturnUrls": ["https://example.com/callback"],
        "bucket": "agents",
        "description": "Says hello",
        "endpointName": "prod",
        "entryPoint": ["main.py"],
        "environmentVariables": ["LOG_LEVEL": "info"],
        "id": "prod-AbC123dEf9",
        "interpreters": ["PYTHON_3_11": "/usr/bin/python3.11"],
        "liveVersion": "2",
        "maxResults": 20,
        "name": "hello-identity",
        "networkConfiguration": ["networkMode": "PUBLIC"],
        "policy": policy,
        "prefix": "hello.zip",
        "protocolConfiguration": ["serverProtocol": "HTTP"],
        "lifecycleConfiguration": ["idleRuntimeSessionTimeout": 900, "maxLifetime": 28_800],
        "qualifier": "prod",
        "resourceArn": runtimeARN,
        "roleArn": "arn:aws:iam::123456789012:role/agent",
        "rollbackTo": "1",
        "runtime": "PYTHON_3_11",
        "runtimeSessionId": "5e0c9d4e-2d7f-4a0e-9f0b-1c2d3e4f5a6b",
        "status": "READY",
        "tagKeys": ["team"],
        "tags": ["team": "search"],
        "targetVersion": "2",
        "workloadIdentityArn":
            "arn:aws:bedrock-agentcore:us-east-1:123456789012:workload-identity-directory/default/workload-identity/hello-AbC123dEf9",
    ]
}
