import Platform
import Testing

@testable import AgentCoreModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct ModelDescriptionTests {
    /// Tests/Conformance/test_model.py compares the file with botocore.
    @Test func isWrittenWhereTheConformanceTestLooks() throws {
        let bytes = ModelDescription.json()
        #expect(try JSONValue(parsing: bytes)["operations"]?.array?.count == Operation.all.count)
        guard let path = ProcessInfo.processInfo.environment["CONFORMANCE_MODEL"] else { return }
        try Data(bytes).write(to: URL(filePath: path))
    }

    @Test func noNameHasTwoDefinitions() {
        var seen: [String: JSONValue] = [:]
        for schema in ModelDescription.schemas {
            let description = ModelDescription.describe(schema)
            if let other = seen[schema.name] { #expect(other == description, "\(schema.name)") }
            seen[schema.name] = description
        }
        #expect(seen.count > 80)
    }

    /// A type and its schema are written apart; every member that a request may carry must arrive.
    @Test func everyTypeHoldsEveryMemberOfItsSchema() throws {
        try check(CreateAgentRuntimeRequest.self)
        try check(UpdateAgentRuntimeRequest.self)
        try check(GetAgentRuntimeResponse.self)
        try check(CreateAgentRuntimeResponse.self)
        try check(UpdateAgentRuntimeResponse.self)
        try check(DeleteAgentRuntimeRequest.self)
        try check(DeleteAgentRuntimeResponse.self)
        try check(ListAgentRuntimesResponse.self)
        try check(ListAgentRuntimeVersionsRequest.self)
        try check(CreateAgentRuntimeEndpointRequest.self)
        try check(CreateAgentRuntimeEndpointResponse.self)
        try check(UpdateAgentRuntimeEndpointRequest.self)
        try check(UpdateAgentRuntimeEndpointResponse.self)
        try check(GetAgentRuntimeEndpointResponse.self)
        try check(DeleteAgentRuntimeEndpointRequest.self)
        try check(DeleteAgentRuntimeEndpointResponse.self)
        try check(ListAgentRuntimeEndpointsResponse.self)
        try check(InvokeAgentRuntimeRequest.self)
        try check(InvokeAgentRuntimeResponse.self)
        try check(StopRuntimeSessionRequest.self)
        try check(StopRuntimeSessionResponse.self)
        try check(TagResourceRequest.self)
        try check(UntagResourceRequest.self)
        try check(ListTagsForResourceRequest.self)
        try check(ListTagsForResourceResponse.self)
        try check(PutResourcePolicyRequest.self)
        try check(PutResourcePolicyResponse.self)
        try check(GetResourcePolicyRequest.self)
        try check(GetResourcePolicyResponse.self)
        try check(DeleteResourcePolicyRequest.self)
        try check(CreateWorkloadIdentityRequest.self)
        try check(CreateWorkloadIdentityResponse.self)
        try check(GetWorkloadIdentityRequest.self)
        try check(GetWorkloadIdentityResponse.self)
        try check(UpdateWorkloadIdentityRequest.self)
        try check(UpdateWorkloadIdentityResponse.self)
        try check(DeleteWorkloadIdentityRequest.self)
        try check(ListWorkloadIdentitiesRequest.self)
        try check(ListWorkloadIdentitiesResponse.self)
        try check(CustomJWTAuthorizerConfiguration.self)
        try check(VpcConfig.self)
        try check(ProtocolConfiguration.self)
        try check(LifecycleConfiguration.self)
        try check(ValidationExceptionBody.self)
    }

    /// Fills every member, reads the type from it and writes it back.
    private func check<Value: Shape>(_ type: Value.Type) throws {
        let full = filled(Value.schema)
        #expect(try JSONValueEncoder.encode(JSONValueDecoder.decode(Value.self, from: full)) == full, "\(type)")
    }

    private func filled(_ schema: Schema) -> JSONValue {
        switch schema.kind {
        case .string(_, _, let values): .string(values.first ?? "x")
        case .integer: 60
        case .boolean: true
        case .timestamp: "2026-01-02T03:04:05.678Z"
        case .epochTimestamp: .number(1_767_323_045.678)
        case .blob, .document: .null
        case .list(let element, _): [filled(element)]
        case .map(_, let value, _): ["k": filled(value)]
        case .structure(let members), .union(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.filter { $0.refusal == nil && $0.location != .payload }
                        .map { ($0.name, filled($0.schema)) }))
        }
    }

    @Test func theBodiesOfErrorsAreTheGoldenOnes() throws {
        func body(_ run: () throws(SignalboxError) -> some Any) -> JSONValue {
            do {
                _ = try run()
                return "no error"
            } catch {
                if let body = ValidationExceptionBody(error) { return (try? JSONValueEncoder.encode(body)) ?? "unencodable" }
                return ["message": .string(error.message)]
            }
        }
        let bodies: JSONValue = [
            "one failure": body { () throws(SignalboxError) in try Sample.decode(["agentRuntimeName": "my-agent"]) },
            "several failures": body { () throws(SignalboxError) in
                try Sample.decode([
                    "agentRuntimeName": .some(.null), "roleArn": "x", "environmentVariables": ["": ""],
                    "networkConfiguration": ["networkMode": "NONE"],
                ])
            },
            "sensitive": body { () throws(SignalboxError) in try Sample.decode(["description": ""]) },
            "rules": body { () throws(SignalboxError) in
                try Sample.decode([
                    "lifecycleConfiguration": ["idleRuntimeSessionTimeout": 901, "maxLifetime": 900],
                    "requestHeaderConfiguration": ["requestHeaderAllowlist": ["Cookie"]],
                ])
            },
            "not JSON": body { () throws(SignalboxError) in
                try RequestDecoder.decode(CreateAgentRuntimeRequest.self, body: Array("{'a'}".utf8))
            },
            "bad id on delete": body { () throws(SignalboxError) in
                try RequestDecoder.decode(DeleteAgentRuntimeRequest.self, path: ["agentRuntimeId": "x"])
            },
            "short session id": body { () throws(SignalboxError) in
                try RequestDecoder.decode(
                    InvokeAgentRuntimeRequest.self, path: ["agentRuntimeArn": "hello-AbC123dEf9"],
                    headers: [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", "abc")])
            },
        ]
        let directory = URL(filePath: #filePath).deletingLastPathComponent()
        let file = directory.appending(path: "Golden/validation-errors.json")
        if ProcessInfo.processInfo.environment["SIGNALBOX_UPDATE_GOLDEN"] != nil {
            try Data(bodies.bytes() + [0x0A]).write(to: file)
        }
        let golden = try JSONValue(parsing: Array(Data(contentsOf: file)))
        #expect(golden == bodies)
    }
}
