public import Platform

/// Turns the parts of a request into an operation's input, or into the one error that names all
/// that is wrong with it.
public struct RequestDecoder: Sendable {
    public var options: ValidationOptions

    public init(options: ValidationOptions = .standard) { self.options = options }

    /// With the standard options.
    public static func decode<Input: OperationInput>(
        _ type: Input.Type, path: [String: String] = [:], query: [(String, String)] = [],
        headers: [(String, String)] = [], body: [UInt8] = []
    ) throws(SignalboxError) -> Input {
        try RequestDecoder().decode(type, path: path, query: query, headers: headers, body: body)
    }

    /// Path and query values are decoded already, once. An empty body counts as `{}`; the body of
    /// an operation that has no body members is not read. Header names compare without case.
    public func decode<Input: OperationInput>(
        _ type: Input.Type, path: [String: String] = [:], query: [(String, String)] = [],
        headers: [(String, String)] = [], body: [UInt8] = []
    ) throws(SignalboxError) -> Input {
        let members = Input.schema.members
        var document: [String: JSONValue] = [:]
        if members.contains(where: { $0.location == .body }) { document = try Self.parse(body) }

        var repeated: [FieldFailure] = []
        for member in members {
            let values: [String]
            switch member.location {
            case .body: continue
            case .path: values = path[member.name].map { [$0] } ?? []
            case .query(let name):
                values = query.filter { $0.0 == name }.map(\.1)
                if case .list(let element, _) = member.schema.kind {
                    if !values.isEmpty { document[member.name] = .array(values.map { Self.value($0, element) }) }
                    continue
                }
            case .queryMap(let prefix):
                let entries = query.filter { $0.0.utf8.starts(with: prefix.utf8) }.map { (String($0.0.dropFirst(prefix.count)), $0.1) }
                if Set(entries.map(\.0)).count < entries.count { repeated.append(Self.repeated(member.name)) }
                if !entries.isEmpty {
                    document[member.name] = .object(Dictionary(entries.map { ($0, .string($1)) }, uniquingKeysWith: { $1 }))
                }
                continue
            case .header(let name): values = headers.filter { Self.isSame($0.0, name) }.map(\.1)
            case .payload, .statusCode: values = []
            }
            if values.count > 1 { repeated.append(Self.repeated(member.name)) }
            document[member.name] = values.first.map { Self.value($0, member.schema) }
        }

        var validator = Validator(options)
        validator.validateMembers(document, members, "")
        let failures = repeated + validator.failures
        guard failures.isEmpty else {
            let rules = Self.remainingRuleFailures(Input.self, document, failures, options)
            throw Self.error(failures, rules, Input.operation)
        }

        let input: Input
        do {
            input = try JSONValueDecoder.decode(Input.self, from: .object(document))
        } catch {
            // The schema let through what the type refuses: a defect of ours.
            throw .internal("\(Input.schema.name) passed its schema and does not decode: \(error)")
        }
        let rules = input.ruleFailures(options)
        guard rules.isEmpty else {
            throw .validation(
                rules.map(\.message).joined(separator: "; "),
                fields: rules.map { FieldFailure(name: $0.member, message: $0.message) })
        }
        return input
    }

    /// Rules that the rest of a request breaks, besides the constraints that were broken: the caller is
    /// to learn of everything at once. Members that broke one are left out; where that cannot be, they
    /// are filled with something neutral, and what rules say of them does not count.
    private static func remainingRuleFailures<Input: OperationInput>(
        _ type: Input.Type, _ document: [String: JSONValue], _ failures: [FieldFailure], _ options: ValidationOptions
    ) -> [RuleFailure] {
        func top(_ path: String) -> Substring { path.prefix { $0 != "." } }
        let broken = Set(failures.map { top($0.name) })
        var rest = document
        for member in Input.schema.members where broken.contains(member.name[...]) {
            rest[member.name] = member.isRequired ? neutral(member.schema) : nil
        }
        guard let input = try? JSONValueDecoder.decode(Input.self, from: .object(rest)) else { return [] }
        return input.ruleFailures(options).filter { failure in
            !broken.contains(top(failure.member)) && failure.also.map { broken.contains($0[...]) } != true
        }
    }

    private static func neutral(_ schema: Schema) -> JSONValue {
        switch schema.kind {
        case .string(_, _, let values): .string(values.first ?? "")
        case .integer, .epochTimestamp: 0
        case .boolean: false
        case .timestamp: .string(WireTimestamp(milliseconds: 0).description)
        case .list: []
        case .structure(let members):
            .object(Dictionary(members.filter(\.isRequired).map { ($0.name, neutral($0.schema)) }, uniquingKeysWith: { $1 }))
        case .map, .union, .blob, .document: [:]
        }
    }

    private static func repeated(_ name: String) -> FieldFailure {
        FieldFailure(name: name, message: "Value at '\(name)' failed to satisfy constraint: Member must be given at most once")
    }

    private static func parse(_ body: [UInt8]) throws(SignalboxError) -> [String: JSONValue] {
        if body.isEmpty { return [:] }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: body)
        } catch {
            throw .validation("The request body is not valid JSON: \(error).", reason: .cannotParse)
        }
        guard case .object(let object) = value else {
            throw .validation("The request body must be a JSON object.", reason: .cannotParse)
        }
        return object
    }

    /// The text of a path, query or header value as the kind that the schema wants; left a string
    /// when it is not one, for the validator to refuse.
    private static func value(_ text: String, _ schema: Schema) -> JSONValue {
        switch schema.kind {
        case .integer where text.utf8.allSatisfy(WireID.isDigit): Int64(text).map { .integer($0) } ?? .string(text)
        case .boolean where text == "true" || text == "false": .bool(text == "true")
        default: .string(text)
        }
    }

    /// An id that no resource can have is "not found" where ValidationException is not modelled
    /// (contract §4).
    private static func error(_ failures: [FieldFailure], _ rules: [RuleFailure], _ operation: Operation) -> SignalboxError {
        let pathNames = Set(operation.input.members.filter { $0.location == .path }.map(\.name))
        if !operation.errors.contains(.validation), failures.contains(where: { pathNames.contains($0.name) }) {
            return .notFound("The requested resource was not found.")
        }
        let all = failures + rules.map { FieldFailure(name: $0.member, message: $0.message) }
        let count = all.count == 1 ? "1 validation error detected" : "\(all.count) validation errors detected"
        return .validation("\(count): \(all.map(\.message).joined(separator: "; "))", fields: all)
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
