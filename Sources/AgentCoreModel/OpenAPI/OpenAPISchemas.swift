/// Shapes as JSON Schema (the dialect of OpenAPI 3.1). Structures and unions become components of their
/// name; everything else stands where it is used. What JSON Schema has no word for is in `x-signalbox-…`.
enum OpenAPISchemas {
    /// A reference for a structure or union, the whole schema for the rest.
    static func use(_ schema: Schema) -> [String: JSONValue] {
        switch schema.kind {
        case .structure, .union: return ["$ref": .string("#/components/schemas/\(schema.name)")]
        default: return inline(schema)
        }
    }

    /// A component: the members that travel in the body.
    static func component(_ schema: Schema, isStrict: Bool = false) -> JSONValue {
        let members = schema.members.filter { $0.location == .body }
        let known = members.filter { $0.refusal == nil }
        var result: [String: JSONValue] = ["type": "object"]
        if case .union = schema.kind {
            result["description"] = "Exactly one member is given."
            result["oneOf"] = .array(
                known.map { member in
                    [
                        "title": .string(member.name), "type": "object", "required": [.string(member.name)],
                        "properties": .object([member.name: .object(use(member, of: schema))]),
                    ]
                })
        } else {
            result["properties"] = .object(Dictionary(known.map { ($0.name, .object(use($0, of: schema))) }, uniquingKeysWith: { $1 }))
            let required = known.filter(\.isRequired).map { JSONValue.string($0.name) }
            if !required.isEmpty { result["required"] = .array(required) }
        }
        let refused = members.compactMap { member in member.refusal.map { (member.name, JSONValue.string($0)) } }
        if !refused.isEmpty { result["x-signalbox-refused"] = .object(Dictionary(refused, uniquingKeysWith: { $1 })) }
        if isStrict { result["additionalProperties"] = false }
        if schema.isSensitive { result["x-signalbox-sensitive"] = true }
        return .object(result)
    }

    /// A member where it stands, with its own sentence.
    static func use(_ member: Schema.Member, of schema: Schema) -> [String: JSONValue] {
        var result = use(member.schema)
        result["description"] = .string(OpenAPITexts.member(member.name, of: schema.name))
        if member.isIdempotencyToken { result["x-signalbox-idempotency-token"] = true }
        return result
    }

    private static func inline(_ schema: Schema) -> [String: JSONValue] {
        var result: [String: JSONValue] = ["x-signalbox-shape": .string(schema.name)]
        if schema.isSensitive { result["x-signalbox-sensitive"] = true }
        switch schema.kind {
        case .string(let length, let pattern, let values):
            result["type"] = "string"
            add(length, "minLength", "maxLength", to: &result)
            if let pattern { result["pattern"] = .string(anchored(pattern.source)) }
            if !values.isEmpty { result["enum"] = .array(values.map { .string($0) }) }
        case .integer(let limits):
            result["type"] = "integer"
            add(limits, "minimum", "maximum", to: &result)
        case .boolean: result["type"] = "boolean"
        case .timestamp:
            result["type"] = "string"
            result["format"] = "date-time"
        case .epochTimestamp:
            result["type"] = "number"
            result["x-signalbox-format"] = "seconds since 1970"
        case .list(let element, let count):
            result["type"] = "array"
            result["items"] = .object(use(element))
            add(count, "minItems", "maxItems", to: &result)
        case .map(let key, let value, let count):
            result["type"] = "object"
            result["propertyNames"] = .object(use(key))
            result["additionalProperties"] = .object(use(value))
            add(count, "minProperties", "maxProperties", to: &result)
        case .blob(let length): add(length, "x-signalbox-min-bytes", "x-signalbox-max-bytes", to: &result)
        case .document, .structure, .union: break
        }
        return result
    }

    /// The model's patterns always mean the whole text; JSON Schema's look for a part.
    static func anchored(_ pattern: String) -> String { "^(?:\(pattern))$" }

    private static func add(_ limits: Schema.Limits, _ minimum: String, _ maximum: String, to result: inout [String: JSONValue]) {
        if let limit = limits.minimum { result[minimum] = .integer(Int64(limit)) }
        if let limit = limits.maximum { result[maximum] = .integer(Int64(limit)) }
    }
}
