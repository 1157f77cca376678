/// One line of a statement's Condition: a key, how it is compared, and with what.
struct PolicyCondition: Sendable, Equatable {
    /// What is known of a request.
    enum Key: String, CaseIterable, Sendable {
        case principalAccount = "aws:PrincipalAccount"
        /// `arn:aws:iam::<account>:user/<access key id>`
        case principalArn = "aws:PrincipalArn"
        case requestedRegion = "aws:RequestedRegion"
        /// The address that the connection comes from, which may be a proxy's.
        case sourceIP = "aws:SourceIp"
        case currentTime = "aws:CurrentTime"
    }

    /// Each test holds when one of its values fits; negated ones, when none does.
    enum Test: Sendable, Equatable {
        case equals([String], ignoringCase: Bool)
        case like([String])
        /// Six parts, each matched by itself.
        case arn([[String]])
        case within([IPRange])
        case time(TimeComparison, [Int64])
    }

    enum TimeComparison: Sendable, Equatable {
        case equal, before, atMost, after, atLeast
    }

    let key: Key
    let test: Test
    let isNegated: Bool
    /// `…IfExists`: holds when the key has no value.
    let holdsWhenAbsent: Bool

    /// The operators and keys that are not listed here are refused, as are keys of another type.
    init(operator name: String, key: String, values: [String]) throws(PolicyProblem) {
        let suffix = "IfExists"
        let isOptional = name.hasSuffix(suffix)
        let base = isOptional ? String(name.dropLast(suffix.count)) : name
        guard let kind = Self.operators[base] else { throw PolicyProblem("the Condition operator '\(name)' is not supported") }
        guard let known = Key.allCases.first(where: { $0.rawValue.lowercased() == key.lowercased() }) else {
            let keys = Key.allCases.map(\.rawValue).joined(separator: ", ")
            throw PolicyProblem("the Condition key '\(key)' is not supported; the keys are \(keys)")
        }
        if let variable = values.first(where: { $0.contains("${") }) {
            throw PolicyProblem("policy variables are not supported: '\(variable)'")
        }
        guard kind.family.keys.contains(known) else {
            throw PolicyProblem("the Condition operator '\(name)' does not fit the key '\(key)'")
        }
        self.key = known
        isNegated = kind.isNegated
        // A negated test holds of what is not there, as in IAM.
        holdsWhenAbsent = isOptional || kind.isNegated
        switch kind.family {
        case .equals(let ignoringCase):
            test = .equals(ignoringCase ? values.map { $0.lowercased() } : values, ignoringCase: ignoringCase)
        case .like: test = .like(values)
        case .arn:
            var patterns: [[String]] = []
            for value in values {
                let parts = value.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 6 else { throw PolicyProblem("'\(value)' in Condition.\(name) is not an ARN of six parts") }
                patterns.append(parts)
            }
            test = .arn(patterns)
        case .address:
            var ranges: [IPRange] = []
            for value in values {
                guard let range = IPRange(value) else {
                    throw PolicyProblem("'\(value)' in Condition.\(name) is neither an address nor a range such as 192.0.2.0/24")
                }
                ranges.append(range)
            }
            test = .within(ranges)
        case .time(let comparison):
            var times: [Int64] = []
            for value in values {
                guard let time = WireTimestamp(value) else {
                    throw PolicyProblem("'\(value)' in Condition.\(name) is not a time such as 2026-01-02T03:04:05Z")
                }
                times.append(time.milliseconds)
            }
            test = .time(comparison, times)
        }
    }

    func holds(_ context: PolicyContext) -> Bool {
        switch (key, test) {
        case (.sourceIP, .within(let ranges)):
            guard let address = context.sourceIP else { return holdsWhenAbsent }
            return ranges.contains { $0.contains(address) } != isNegated
        case (.currentTime, .time(let comparison, let times)):
            return times.contains { comparison.holds(context.now.milliseconds, $0) } != isNegated
        default: return matches(context) != isNegated
        }
    }

    private func matches(_ context: PolicyContext) -> Bool {
        let text: String
        switch key {
        case .principalAccount: text = context.principal.account
        case .principalArn: text = context.principal.arn
        case .requestedRegion: text = context.region
        // Never paired with a test of texts.
        case .sourceIP, .currentTime: return false
        }
        switch test {
        case .equals(let values, let ignoringCase): return values.contains(ignoringCase ? text.lowercased() : text)
        case .like(let patterns): return patterns.contains { Glob.matches($0, text) }
        case .arn(let patterns):
            let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
            return patterns.contains { pattern in pattern.count == parts.count && zip(pattern, parts).allSatisfy { Glob.matches($0, $1) } }
        case .within, .time: return false
        }
    }

    // MARK: Operators

    private enum Family {
        case equals(ignoringCase: Bool)
        case like
        case arn
        case address
        case time(TimeComparison)

        var keys: [Key] {
            switch self {
            case .equals, .like: [.principalAccount, .principalArn, .requestedRegion]
            case .arn: [.principalArn]
            case .address: [.sourceIP]
            case .time: [.currentTime]
            }
        }
    }

    private static let operators: [String: (family: Family, isNegated: Bool)] = [
        "StringEquals": (.equals(ignoringCase: false), false), "StringNotEquals": (.equals(ignoringCase: false), true),
        "StringEqualsIgnoreCase": (.equals(ignoringCase: true), false),
        "StringNotEqualsIgnoreCase": (.equals(ignoringCase: true), true),
        "StringLike": (.like, false), "StringNotLike": (.like, true),
        // In IAM, too, both pairs mean the same.
        "ArnEquals": (.arn, false), "ArnLike": (.arn, false), "ArnNotEquals": (.arn, true), "ArnNotLike": (.arn, true),
        "IpAddress": (.address, false), "NotIpAddress": (.address, true),
        "DateEquals": (.time(.equal), false), "DateNotEquals": (.time(.equal), true),
        "DateLessThan": (.time(.before), false), "DateLessThanEquals": (.time(.atMost), false),
        "DateGreaterThan": (.time(.after), false), "DateGreaterThanEquals": (.time(.atLeast), false),
    ]
}

extension PolicyCondition.TimeComparison {
    fileprivate func holds(_ time: Int64, _ limit: Int64) -> Bool {
        switch self {
        case .equal: time == limit
        case .before: time < limit
        case .atMost: time <= limit
        case .after: time > limit
        case .atLeast: time >= limit
        }
    }
}
