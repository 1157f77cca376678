import Platform

/// Reads a policy's JSON and collects every problem with it. Source of the grammar: IAM's policy
/// language; what of it is taken is in docs/adr/0005-resource-policies.md.
struct PolicyParser {
    /// nil: the policy was accepted before, and where it is attached was checked then.
    private let resource: ResourceARN?
    private var problems: [String] = []

    private static let version = "2012-10-17"

    static func parse(_ text: String, for resource: ResourceARN?) throws(SignalboxError) -> PolicyDocument {
        var parser = PolicyParser(resource: resource)
        let statements = parser.document(text)
        guard parser.problems.isEmpty else {
            throw .validation(
                "The policy is not valid: \(parser.problems.joined(separator: "; "))",
                fields: parser.problems.map { FieldFailure(name: "policy", message: $0) })
        }
        return PolicyDocument(statements: statements)
    }

    private init(resource: ResourceARN?) { self.resource = resource }

    private mutating func document(_ text: String) -> [PolicyDocument.Statement] {
        if text.utf8.count > PolicyDocument.maximumLength {
            problems.append("it is longer than \(PolicyDocument.maximumLength) bytes")
            return []
        }
        let members: [String: JSONValue]
        do {
            guard case .object(let object) = try JSONValue(parsing: Array(text.utf8)) else {
                problems.append("it must be a JSON object")
                return []
            }
            members = object
        } catch {
            problems.append("it is not JSON: \(error)")
            return []
        }
        unknown(members, known: ["Version", "Id", "Statement"], at: "")
        if members["Version"]?.string != Self.version { problems.append("Version must be \"\(Self.version)\"") }
        if let id = members["Id"], id.string == nil { problems.append("Id must be a string") }
        let list: [JSONValue]
        switch members["Statement"] {
        case .array(let statements): list = statements
        case .some(let one): list = [one]
        case nil: list = []
        }
        if list.isEmpty { problems.append("Statement is missing") }
        let statements = list.enumerated().compactMap { statement($1, at: "Statement \($0 + 1): ") }
        let sids = statements.compactMap(\.sid)
        for sid in Set(sids).sorted() where sids.count(where: { $0 == sid }) > 1 { problems.append("the Sid '\(sid)' is given twice") }
        return statements
    }

    private mutating func statement(_ value: JSONValue, at place: String) -> PolicyDocument.Statement? {
        guard let members = value.object else {
            problems.append("\(place)it must be an object")
            return nil
        }
        unknown(members, known: ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"], at: place)
        let before = problems.count
        let sid = members["Sid"]?.string
        if members["Sid"] != nil, sid == nil || sid?.isEmpty == true || sid?.utf8.allSatisfy(Self.isSid) == false {
            problems.append("\(place)Sid must be letters and digits")
        }
        let effect = members["Effect"]?.string.flatMap(PolicyDocument.Effect.init)
        if effect == nil { problems.append("\(place)Effect must be \"Allow\" or \"Deny\"") }
        let principals = principals(members["Principal"], at: place)
        let actions = actions(members["Action"], at: place)
        resources(members["Resource"], at: place)
        let conditions = conditions(members["Condition"], at: place)
        guard problems.count == before, let effect else { return nil }
        return PolicyDocument.Statement(sid: sid, effect: effect, principals: principals, actions: actions, conditions: conditions)
    }

    private static func isSid(_ byte: UInt8) -> Bool { WireID.isLetter(byte) || WireID.isDigit(byte) }

    private mutating func unknown(_ members: [String: JSONValue], known: Set<String>, at place: String) {
        for name in members.keys.sorted() where !known.contains(name) { problems.append("\(place)\(name) is not supported") }
    }

    // MARK: Elements

    private mutating func principals(_ value: JSONValue?, at place: String) -> [PolicyPrincipal] {
        let texts: [String]
        switch value {
        case nil:
            problems.append("\(place)Principal is missing")
            return []
        case .string("*"): texts = ["*"]
        case .object(let kinds) where !kinds.isEmpty:
            for kind in kinds.keys.sorted() where kind != "AWS" { problems.append("\(place)Principal of kind \(kind) is not supported") }
            guard let accounts = kinds["AWS"] else { return [] }
            guard let list = Self.strings(accounts) else {
                problems.append("\(place)Principal.AWS must be a string or a list of strings")
                return []
            }
            texts = list
        default:
            problems.append("\(place)Principal must be \"*\" or {\"AWS\": …}")
            return []
        }
        var found: [PolicyPrincipal] = []
        for text in texts {
            do throws(PolicyProblem) { found.append(try PolicyPrincipal(text)) } catch { problems.append(place + error.message) }
        }
        return found
    }

    private mutating func actions(_ value: JSONValue?, at place: String) -> Set<PolicyAction> {
        guard let value else {
            problems.append("\(place)Action is missing")
            return []
        }
        guard let patterns = Self.strings(value) else {
            problems.append("\(place)Action must be a string or a list of strings")
            return []
        }
        var found: Set<PolicyAction> = []
        for pattern in patterns {
            let matching = PolicyAction.allCases.filter { action in
                pattern == "*" || Glob.matches(pattern.lowercased(), action.qualifiedName.lowercased())
            }
            let asked = matching.filter { isAsked($0) }
            if matching.isEmpty {
                problems.append("\(place)the Action '\(pattern)' is no operation that a policy can name")
            } else if asked.isEmpty {
                problems.append("\(place)the Action '\(pattern)' is not one of an endpoint; name it in the policy of its runtime")
            }
            found.formUnion(asked)
        }
        return found
    }

    private func isAsked(_ action: PolicyAction) -> Bool {
        guard case .endpoint = resource else { return true }
        return action.concernsEndpoints
    }

    /// Contract §15: the exact ARN of what the policy is attached to. An endpoint's has two forms.
    private mutating func resources(_ value: JSONValue?, at place: String) {
        guard let value else { return problems.append("\(place)Resource is missing") }
        guard let texts = Self.strings(value) else {
            return problems.append("\(place)Resource must be a string or a list of strings")
        }
        guard let resource else { return }
        for text in texts where (try? ResourceARN(parsing: text)) != resource {
            problems.append("\(place)Resource must be the ARN that the policy is attached to, '\(resource)', not '\(text)'")
        }
    }

    private mutating func conditions(_ value: JSONValue?, at place: String) -> [PolicyCondition] {
        guard let value else { return [] }
        guard let operators = value.object else {
            problems.append("\(place)Condition must be an object")
            return []
        }
        var found: [PolicyCondition] = []
        for (name, keys) in operators.sorted(by: { $0.key < $1.key }) {
            guard let keys = keys.object else {
                problems.append("\(place)Condition.\(name) must be an object")
                continue
            }
            for (key, values) in keys.sorted(by: { $0.key < $1.key }) {
                guard let texts = Self.strings(values) else {
                    problems.append("\(place)Condition.\(name).\(key) must be a string or a list of strings")
                    continue
                }
                do throws(PolicyProblem) {
                    found.append(try PolicyCondition(operator: name, key: key, values: texts))
                } catch {
                    problems.append(place + error.message)
                }
            }
        }
        return found
    }

    /// A string, or a list of at least one.
    private static func strings(_ value: JSONValue) -> [String]? {
        switch value {
        case .string(let text): return [text]
        case .array(let elements) where !elements.isEmpty:
            let texts = elements.compactMap(\.string)
            return texts.count == elements.count ? texts : nil
        default: return nil
        }
    }
}

extension ResourceARN: CustomStringConvertible {
    public var description: String {
        switch self {
        case .runtime(let arn): arn.description
        case .endpoint(let arn): arn.description
        case .workloadIdentity(let arn): arn.description
        }
    }
}
