/// Operations as Operation Objects.
extension OpenAPI {
    static let commonHeaders: [String: JSONValue] = [
        "x-amzn-RequestId": [
            "description": "Names the request in the server's log.", "required": true, "schema": ["type": "string", "format": "uuid"],
        ]
    ]

    static func operation(_ operation: Operation) -> JSONValue {
        let text = OpenAPITexts.operation(operation)
        let errors = OpenAPIError.all(of: operation)
        var responses = OpenAPIError.references(errors)
        responses[String(operation.successStatus)] = success(operation)
        var result: [String: JSONValue] = [
            "operationId": .string(operation.name), "summary": .string(text.summary), "description": .string(text.description),
            "tags": [.string(text.tag)], "responses": .object(responses),
            "x-signalbox-changes": .bool(operation.changes), "x-signalbox-idempotent": .bool(operation.isIdempotent),
            "x-signalbox-readonly": .bool(operation.isReadOnly), "x-signalbox-plane": .string(operation.plane.rawValue),
            "x-signalbox-errors": .array(
                errors.map { ["code": .string($0.code), "status": .integer(Int64($0.status)), "modelled": .bool($0.isModelled)] }),
        ]
        switch operation.plane {
        case .control: result["x-signalbox-service"] = "bedrock-agentcore-control"
        case .data: result["x-signalbox-service"] = "bedrock-agentcore"
        case .own: break
        }
        let parameters = operation.input.members.compactMap { parameter($0, of: operation.input) }
        if !parameters.isEmpty { result["parameters"] = .array(parameters) }
        if let body = requestBody(operation) { result["requestBody"] = body }
        return .object(result)
    }

    private static func parameter(_ member: Schema.Member, of schema: Schema) -> JSONValue? {
        var result: [String: JSONValue] = [
            "description": .string(OpenAPITexts.member(member.name, of: schema.name)), "required": .bool(member.isRequired),
            "x-signalbox-member": .string(member.name), "schema": .object(OpenAPISchemas.use(member.schema)),
        ]
        switch member.location {
        case .body, .payload, .statusCode: return nil
        case .path: (result["in"], result["name"]) = ("path", .string(member.name))
        case .query(let name): (result["in"], result["name"]) = ("query", .string(name))
        case .header(let name): (result["in"], result["name"]) = ("header", .string(name))
        case .queryMap(let prefix):
            // Every key is a parameter of its own, the prefix before it: exactly what an exploded form says.
            (result["in"], result["name"]) = ("query", .string(member.name))
            result["style"] = "form"
            result["explode"] = true
            guard case .map(let key, let value, let count) = member.schema.kind else { return nil }
            var schema: [String: JSONValue] = [
                "type": "object", "patternProperties": .object(["^" + prefix: .object(OpenAPISchemas.use(value))]),
                "additionalProperties": false, "x-signalbox-shape": .string(member.schema.name),
                "x-signalbox-key": .object(OpenAPISchemas.use(key)), "x-signalbox-prefix": .string(prefix),
            ]
            if let minimum = count.minimum { schema["minProperties"] = .integer(Int64(minimum)) }
            if let maximum = count.maximum { schema["maxProperties"] = .integer(Int64(maximum)) }
            result["schema"] = .object(schema)
        }
        // An SDK sends a fresh token; a token in an example would be used twice.
        if member.isIdempotencyToken {
            result["x-signalbox-idempotency-token"] = true
        } else if let example = OpenAPIExamples.parameter(member, of: schema) {
            result["example"] = example
        }
        return .object(result)
    }

    private static func requestBody(_ operation: Operation) -> JSONValue? {
        if let payload = operation.input.members.first(where: { $0.location == .payload }) {
            let schema = OpenAPISchemas.use(payload, of: operation.input)
            return [
                "description": .string(
                    "\(OpenAPITexts.member(payload.name, of: operation.input.name)) Any content type is passed on as it is."),
                "required": true, "x-signalbox-member": .string(payload.name),
                "content": [
                    "application/json": ["schema": .object(schema), "example": OpenAPIExamples.payload],
                    "application/octet-stream": ["schema": .object(schema)],
                ],
            ]
        }
        let members = operation.input.members.filter { $0.location == .body }
        guard !members.isEmpty else { return nil }
        return [
            "required": .bool(members.contains(where: \.isRequired)),
            "content": [
                "application/json": [
                    "schema": .object(OpenAPISchemas.use(operation.input)), "example": OpenAPIExamples.body(operation.input),
                ]
            ],
        ]
    }

    private static func success(_ operation: Operation) -> JSONValue {
        var headers = commonHeaders
        for member in operation.output.members {
            // Content-Type is what `content` says.
            guard case .header(let name) = member.location, name != "Content-Type" else { continue }
            headers[name] = [
                "description": .string(OpenAPITexts.member(member.name, of: operation.output.name)),
                "schema": .object(OpenAPISchemas.use(member.schema)), "x-signalbox-member": .string(member.name),
            ]
        }
        var result: [String: JSONValue] = [
            "description": .string(OpenAPITexts.success(operation)), "headers": .object(headers),
            "x-signalbox-shape": .string(operation.output.name),
        ]
        if let payload = operation.output.members.first(where: { $0.location == .payload }) {
            let type = operation.contentType ?? "*/*"
            result["content"] = .object([
                String(type.prefix { $0 != ";" }): ["schema": .object(OpenAPISchemas.use(payload, of: operation.output))]
            ])
        } else if operation.successStatus != 204 {
            result["content"] = [
                "application/json": [
                    "schema": .object(OpenAPISchemas.use(operation.output)), "example": OpenAPIExamples.body(operation.output),
                ]
            ]
        }
        return .object(result)
    }
}
