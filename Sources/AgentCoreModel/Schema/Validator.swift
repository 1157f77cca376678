import Platform

/// Checks a document against a schema and collects every broken constraint, in AWS's wording
/// (contract §4). Values of sensitive members are never repeated.
struct Validator {
    private var options: ValidationOptions
    private var broken: [Broken] = []

    private struct Broken {
        var path: String
        /// "Value 'x'", or less where the value must not be repeated.
        var subject: String
        var constraint: String
    }

    /// One entry for each broken constraint, in the order of the schema.
    var failures: [FieldFailure] {
        broken.map {
            FieldFailure(name: $0.path, message: "\($0.subject) at '\($0.path)' failed to satisfy constraint: \($0.constraint)")
        }
    }

    /// More would only make the answer long; a hostile list could hold a million bad elements.
    static let maximumFailures = 100
    /// Scalars of a value that a message repeats.
    private static let maximumEcho = 256

    init(_ options: ValidationOptions) { self.options = options }

    /// `value` nil means that the member is absent.
    mutating func validate(_ value: JSONValue, _ schema: Schema, at path: String, sensitive: Bool = false) {
        guard broken.count < Self.maximumFailures else { return }
        let sensitive = sensitive || schema.isSensitive
        switch schema.kind {
        case .string(let length, let pattern, let values):
            guard case .string(let text) = value else { return refuseType("a string", value, path, sensitive) }
            validate(text, value, length, effectivePattern(schema, pattern), values, path, sensitive)
        case .integer(let limits):
            guard let number = value.integer else { return refuseType("an integer", value, path, sensitive) }
            if let minimum = limits.minimum, number < minimum {
                fail("Member must have value greater than or equal to \(minimum)", value, path, sensitive)
            }
            if let maximum = limits.maximum, number > maximum {
                fail("Member must have value less than or equal to \(maximum)", value, path, sensitive)
            }
        case .boolean:
            guard case .bool = value else { return refuseType("a boolean", value, path, sensitive) }
        case .timestamp:
            guard case .string(let text) = value, WireTimestamp(text) != nil else {
                return refuseType("a timestamp", value, path, sensitive)
            }
        case .epochTimestamp:
            switch value {
            case .integer, .number: break
            default: return refuseType("a timestamp", value, path, sensitive)
            }
        case .list(let element, let count):
            guard case .array(let elements) = value else { return refuseType("a list", value, path, sensitive) }
            guard checkLength(elements.count, count, value, path, sensitive) else { return }
            for (index, child) in elements.enumerated() {
                let childPath = "\(path).\(index + 1).member"
                if child == .null {
                    fail("Member must not be null", .null, childPath, false)
                } else {
                    validate(child, element, at: childPath, sensitive: sensitive)
                }
            }
        case .map(let keySchema, let valueSchema, let count):
            guard case .object(let entries) = value else { return refuseType("a map", value, path, sensitive) }
            guard checkLength(entries.count, count, value, path, sensitive) else { return }
            validateMap(entries, keySchema, valueSchema, path, sensitive)
        case .structure(let members):
            guard case .object(let object) = value else { return refuseType("a structure", value, path, sensitive) }
            validateMembers(object, members, path, sensitive)
        case .union(let members):
            guard case .object(let object) = value else { return refuseType("a structure", value, path, sensitive) }
            let refused = members.contains { $0.refusal != nil && isPresent($0.name, in: object) }
            let set = members.filter { $0.refusal == nil && isPresent($0.name, in: object) }
            if !refused, set.count != 1 {
                let names = members.filter { $0.refusal == nil }.map(\.name).joined(separator: ", ")
                report("Value", "Member must have exactly one of the members: [\(names)]", path)
            }
            validateMembers(object, members, path, sensitive)
        case .blob, .document: break
        }
    }

    /// The members of a structure. `path` is empty for a request.
    mutating func validateMembers(
        _ object: [String: JSONValue], _ members: [Schema.Member], _ path: String, _ sensitive: Bool = false
    ) {
        for member in members where member.location != .payload {
            let memberPath = path.isEmpty ? member.name : "\(path).\(member.name)"
            guard let value = object[member.name], value != .null else {
                if member.isRequired { fail("Member must not be null", .null, memberPath, false) }
                continue
            }
            if let refusal = member.refusal {
                report("Value", "Member is not supported: \(refusal)", memberPath)
            } else {
                validate(value, member.schema, at: memberPath, sensitive: sensitive)
            }
        }
    }

    private func isPresent(_ name: String, in object: [String: JSONValue]) -> Bool {
        object[name, default: .null] != .null
    }

    private func effectivePattern(_ schema: Schema, _ pattern: Pattern?) -> Pattern? {
        schema.name == "RuntimeContainerUri" && options.strictImageUri ? RuntimeContainerUri.strict : pattern
    }

    private mutating func validate(
        _ text: String, _ value: JSONValue, _ length: Schema.Limits, _ pattern: Pattern?, _ values: [String],
        _ path: String, _ sensitive: Bool
    ) {
        // PostgreSQL's text type cannot hold it, nor can an environment.
        if text.utf8.contains(0) { return fail("Member must not contain the NUL character", value, path, sensitive) }
        guard values.isEmpty else {
            if !values.contains(text) {
                fail("Member must satisfy enum value set: [\(values.joined(separator: ", "))]", value, path, sensitive)
            }
            return
        }
        // A text that is far too long is not worth matching.
        let fits = checkLength(text.unicodeScalars.count, length, value, path, sensitive)
        guard let pattern, fits || text.utf8.count <= 65_536, !pattern.matches(text) else { return }
        fail("Member must satisfy regular expression pattern: \(pattern.source)", value, path, sensitive)
    }

    /// False when above the maximum: then elements need no look.
    private mutating func checkLength(
        _ count: Int, _ limits: Schema.Limits, _ value: JSONValue, _ path: String, _ sensitive: Bool
    ) -> Bool {
        if let minimum = limits.minimum, count < minimum {
            fail("Member must have length greater than or equal to \(minimum)", value, path, sensitive)
        }
        if let maximum = limits.maximum, count > maximum {
            fail("Member must have length less than or equal to \(maximum)", value, path, sensitive)
            return false
        }
        return true
    }

    /// A map is one member to AWS: its bad keys and values are reported together, at the map.
    private mutating func validateMap(
        _ entries: [String: JSONValue], _ keySchema: Schema, _ valueSchema: Schema, _ path: String, _ sensitive: Bool
    ) {
        for (word, schema, values) in [
            ("keys", keySchema, entries.keys.sorted().map { JSONValue.string($0) }),
            ("values", valueSchema, entries.sorted { $0.key < $1.key }.map(\.value)),
        ] {
            var nested = Validator(options)
            for value in values { nested.validate(value, schema, at: "", sensitive: true) }
            guard !nested.broken.isEmpty else { continue }
            var constraints: [String] = []
            for failure in nested.broken where !constraints.contains(failure.constraint) { constraints.append(failure.constraint) }
            report("Value", "Map \(word) must satisfy constraint: [\(constraints.joined(separator: ", "))]", path)
        }
    }

    private mutating func refuseType(_ expected: String, _ value: JSONValue, _ path: String, _ sensitive: Bool) {
        fail("Member must be \(expected)", value, path, sensitive)
    }

    private mutating func fail(_ constraint: String, _ value: JSONValue, _ path: String, _ sensitive: Bool) {
        report(subject(value, sensitive), constraint, path)
    }

    private mutating func report(_ subject: String, _ constraint: String, _ path: String) {
        guard broken.count < Self.maximumFailures else { return }
        broken.append(Broken(path: path, subject: subject, constraint: constraint))
    }

    private func subject(_ value: JSONValue, _ sensitive: Bool) -> String {
        switch value {
        case .null: return "Value null"
        case _ where sensitive: return "Value"
        case .string(let text):
            let scalars = text.unicodeScalars
            guard scalars.count > Self.maximumEcho else { return "Value '\(text)'" }
            return "Value '\(String(String.UnicodeScalarView(scalars.prefix(Self.maximumEcho))))…'"
        case .integer, .number, .bool: return "Value '\(value.text)'"
        case .array(let elements): return elements.isEmpty ? "Value '[]'" : "Value"
        case .object: return "Value"
        }
    }
}
