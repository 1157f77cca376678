/// One OpenAPI 3.1 document for both planes and Signalbox's own routes, made of the tables that the server
/// itself works by: `openapi/signalbox.json` is this, and a test compares them.
public enum OpenAPI {
    public static let defaultServer = "http://127.0.0.1:4747"

    /// - Parameter server: Where the paths are.
    public static func document(server: String = defaultServer) -> JSONValue {
        let operations = Operation.all + Operation.own
        var paths: [String: [String: JSONValue]] = [:]
        for operation in operations {
            paths[operation.path.description, default: [:]][operation.method.lowercased()] = self.operation(operation)
        }
        for (path, item) in OpenAPIOpenRoutes.paths { paths[path] = ["get": item] }
        return [
            "openapi": "3.1.0", "info": info, "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
            "servers": [["url": .string(server), "description": "This server."]],
            "security": [["sigv4": []]], "tags": .array(OpenAPITexts.tags), "paths": .object(paths.mapValues { .object($0) }),
            "components": [
                "schemas": .object(components(operations)), "responses": .object(OpenAPIError.components(operations)),
                "securitySchemes": ["sigv4": signature],
            ],
            "x-signalbox-operations": .array((operations.map(\.name) + OpenAPIOpenRoutes.names).map { .string($0) }),
        ]
    }

    /// As the file has it: two spaces a level, sorted keys, a line end.
    public static func text(server: String = defaultServer) -> String { document(server: server).indented + "\n" }

    private static let info: JSONValue = [
        "title": "Signalbox", "version": "1",
        "summary": "A self-hosted AgentCore Runtime.", "description": .string(OpenAPITexts.introduction),
    ]

    private static let signature: JSONValue = [
        "type": "apiKey", "in": "header", "name": "Authorization",
        "description": .string(
            "AWS Signature Version 4 with the service name `bedrock-agentcore`: `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/bedrock-agentcore/aws4_request, SignedHeaders=host;x-amz-date, Signature=HEX`. The signed path is encoded twice, as for every service but S3. AWS's SDKs and its CLI do it by themselves."
        ),
        "x-amazon-apigateway-authtype": "awsSigv4",
    ]

    private static func components(_ operations: [Operation]) -> [String: JSONValue] {
        var result: [String: JSONValue] = [:]
        func collect(_ schema: Schema, isStrict: Bool = false) {
            switch schema.kind {
            case .structure, .union: add(schema, isStrict)
            default: break
            }
            for child in schema.children { collect(child) }
        }
        func add(_ schema: Schema, _ isStrict: Bool) {
            if result[schema.name] == nil { result[schema.name] = OpenAPISchemas.component(schema, isStrict: isStrict) }
        }
        for operation in operations {
            if operation.input.members.contains(where: { $0.location == .body }) { collect(operation.input, isStrict: operation.isStrict) }
            for member in operation.input.members { collect(member.schema) }
            if operation.successStatus != 204, operation.contentType == nil { collect(operation.output) }
        }
        for error in ErrorShape.allCases { collect(error.schema) }
        result["ErrorMessage"] = [
            "type": "object", "description": "An error that no operation's model has.", "required": ["message"],
            "properties": ["message": ["type": "string", "description": "What is wrong, for people."]],
        ]
        return result
    }
}

extension JSONValue {
    /// Two spaces a level, keys sorted by their bytes.
    public var indented: String { indented(by: "") }

    private func indented(by indent: String) -> String {
        let deeper = indent + "  "
        switch self {
        case .array(let elements) where !elements.isEmpty:
            return "[\n" + elements.map { deeper + $0.indented(by: deeper) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members) where !members.isEmpty:
            let lines = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { key, value in
                "\(deeper)\(JSONValue.string(key).text): \(value.indented(by: deeper))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        default: return text
        }
    }
}
