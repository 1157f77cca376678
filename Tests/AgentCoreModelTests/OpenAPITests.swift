import Testing

@testable import AgentCoreModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct OpenAPITests {
    /// Written by `signalbox openapi`; Tests/Conformance/test_openapi.py compares it with botocore.
    @Test func theFileIsWhatTheTablesSay() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "openapi/signalbox.json")
        if ProcessInfo.processInfo.environment["SIGNALBOX_UPDATE_GOLDEN"] != nil {
            try Data(OpenAPI.text().utf8).write(to: file)
        }
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text == OpenAPI.text(), "openapi/signalbox.json is stale: run `signalbox openapi > openapi/signalbox.json`")
        #expect(try JSONValue(parsing: text) == OpenAPI.document())
    }

    @Test func everythingIsDescribed() {
        for operation in Operation.all + Operation.own {
            #expect(OpenAPITexts.operations[operation.name] != nil, "\(operation.name)")
        }
        var schemas = ModelDescription.schemas
        for operation in Operation.own {
            func walk(_ schema: Schema) {
                schemas.append(schema)
                for child in schema.children { walk(child) }
            }
            walk(operation.input)
            walk(operation.output)
        }
        for schema in schemas {
            for member in schema.members where member.refusal == nil {
                #expect(!OpenAPITexts.member(member.name, of: schema.name).isEmpty, "\(schema.name).\(member.name)")
            }
        }
    }

    /// A component's name stands for one shape, ours included.
    @Test func noNameHasTwoDefinitions() {
        var seen: [String: JSONValue] = [:]
        func walk(_ schema: Schema) {
            let description = ModelDescription.describe(schema)
            if let other = seen[schema.name] { #expect(other == description, "\(schema.name)") }
            seen[schema.name] = description
            for child in schema.children { walk(child) }
        }
        for operation in Operation.all + Operation.own {
            walk(operation.input)
            walk(operation.output)
        }
    }

    @Test func operationsAreUnique() {
        let operations = Operation.all + Operation.own
        #expect(Set(operations.map(\.name)).count == operations.count)
        #expect(Set(operations.map { "\($0.method) \($0.path)" }).count == operations.count)
        #expect(Operation.own.allSatisfy { $0.path.description.hasPrefix(Operation.ownPrefix + "/") })
    }

    @Test func changesAreThoseThatWrite() {
        #expect(Operation.createAgentRuntime.changes && Operation.tagResource.changes && Operation.stopRuntimeSession.changes)
        #expect(Operation.rollbackAgentRuntimeEndpoint.changes)
        #expect(!Operation.listAgentRuntimes.changes && !Operation.invokeAgentRuntime.changes && !Operation.getReference.changes)
    }
}
