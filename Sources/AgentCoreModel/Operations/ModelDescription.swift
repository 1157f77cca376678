/// The whole model as JSON, for the conformance test against botocore and for documents generated
/// from it. Keys are sorted and shapes are listed once, by name.
public enum ModelDescription {
    public static func json() -> [UInt8] { value.bytes() }

    static var value: JSONValue {
        var shapes: [String: JSONValue] = [:]
        var operations: [JSONValue] = []
        for operation in Operation.all {
            collect(operation.input, into: &shapes)
            collect(operation.output, into: &shapes)
            operations.append(describe(operation))
        }
        var errors: [String: JSONValue] = [:]
        for error in ErrorShape.allCases {
            collect(error.schema, into: &shapes)
            errors[error.rawValue] = ["status": .integer(Int64(error.status)), "shape": .string(error.schema.name)]
        }
        return ["operations": .array(operations), "shapes": .object(shapes), "errors": .object(errors)]
    }

    private static func describe(_ operation: Operation) -> JSONValue {
        [
            "name": .string(operation.name), "plane": .string(operation.plane.rawValue),
            "method": .string(operation.method), "path": .string(operation.path.description),
            "status": .integer(Int64(operation.successStatus)), "idempotent": .bool(operation.isIdempotent),
            "readonly": .bool(operation.isReadOnly), "input": .string(operation.input.name),
            "output": .string(operation.output.name), "errors": .array(operation.errors.map { .string($0.rawValue) }),
        ]
    }

    /// Shapes by name. Two definitions under one name would hide each other: the tests look for them
    /// with `schemas`.
    private static func collect(_ schema: Schema, into shapes: inout [String: JSONValue]) {
        guard shapes[schema.name] == nil else { return }
        shapes[schema.name] = describe(schema)
        for child in schema.children { collect(child, into: &shapes) }
    }

    /// Every schema of the model, one entry for each place it stands.
    static var schemas: [Schema] {
        var all: [Schema] = []
        func walk(_ schema: Schema) {
            all.append(schema)
            for child in schema.children { walk(child) }
        }
        for operation in Operation.all {
            walk(operation.input)
            walk(operation.output)
        }
        for error in ErrorShape.allCases { walk(error.schema) }
        return all
    }

    static func describe(_ schema: Schema) -> JSONValue {
        var members: [String: JSONValue] = [:]
        switch schema.kind {
        case .string(let length, let pattern, let values):
            members["type"] = "string"
            add(length, to: &members)
            if let pattern { members["pattern"] = .string(pattern.source) }
            if !values.isEmpty { members["enum"] = .array(values.map { .string($0) }) }
        case .integer(let limits):
            members["type"] = "integer"
            add(limits, to: &members)
        case .boolean: members["type"] = "boolean"
        case .timestamp:
            members["type"] = "timestamp"
            members["timestampFormat"] = "iso8601"
        case .epochTimestamp:
            members["type"] = "timestamp"
            members["timestampFormat"] = "unixTimestamp"
        case .blob(let length):
            members["type"] = "blob"
            add(length, to: &members)
        case .list(let element, let count):
            members["type"] = "list"
            members["member"] = .string(element.name)
            add(count, to: &members)
        case .map(let key, let value, let count):
            members["type"] = "map"
            members["key"] = .string(key.name)
            members["value"] = .string(value.name)
            add(count, to: &members)
        case .structure(let list), .union(let list):
            members["type"] = "structure"
            if case .union = schema.kind { members["union"] = true }
            members["members"] = .array(list.map(describe))
        case .document: members["type"] = "document"
        }
        if schema.isSensitive { members["sensitive"] = true }
        return .object(members)
    }

    private static func add(_ limits: Schema.Limits, to members: inout [String: JSONValue]) {
        if let minimum = limits.minimum { members["min"] = .integer(Int64(minimum)) }
        if let maximum = limits.maximum { members["max"] = .integer(Int64(maximum)) }
    }

    private static func describe(_ member: Schema.Member) -> JSONValue {
        var result: [String: JSONValue] = [
            "name": .string(member.name), "shape": .string(member.schema.name), "required": .bool(member.isRequired),
        ]
        // Words of botocore's `location`.
        switch member.location {
        case .body: result["location"] = "body"
        case .path:
            result["location"] = "uri"
            result["locationName"] = .string(member.name)
        case .query(let name):
            result["location"] = "querystring"
            result["locationName"] = .string(name)
        case .queryMap(let prefix):
            // No word of botocore's: only members of our own travel so.
            result["location"] = "queryprefix"
            result["locationName"] = .string(prefix)
        case .header(let name):
            result["location"] = "header"
            result["locationName"] = .string(name)
        case .payload: result["location"] = "payload"
        case .statusCode: result["location"] = "statusCode"
        }
        if member.isIdempotencyToken { result["idempotencyToken"] = true }
        if let refusal = member.refusal { result["refused"] = .string(refusal) }
        return .object(result)
    }
}

extension Schema {
    var children: [Schema] {
        switch kind {
        case .list(let element, _): [element]
        case .map(let key, let value, _): [key, value]
        case .structure(let members), .union(let members): members.map(\.schema)
        case .string, .integer, .boolean, .timestamp, .epochTimestamp, .blob, .document: []
        }
    }
}
