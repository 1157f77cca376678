/// One pattern of a `.dockerignore`, matched as Docker does: `*` and `?` stop at a slash, `**` does not, `[a-z]` and
/// `[^a-z]` are one character of a set, a backslash takes the next character as it is.
struct IgnorePattern: Sendable, Equatable {
    private enum Token: Sendable, Equatable {
        case literal(Unicode.Scalar)
        /// `?`
        case one
        /// `*`
        case any
        /// `**/`: nothing, or anything that ends with a slash.
        case folders
        /// `**` at the end, or before a name that it belongs to: anything.
        case everything
        case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    private let tokens: [Token]

    /// nil: the pattern is wrong; a set has no end or runs backwards.
    init?(_ text: String) {
        let scalars = Array(text.unicodeScalars)
        var tokens: [Token] = []
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            index += 1
            switch scalar {
            case "*" where index < scalars.count && scalars[index] == "*":
                index += 1
                let hasSlash = index < scalars.count && scalars[index] == "/"
                if hasSlash { index += 1 }
                // Docker takes "**name" at the start for the end of any path, unless more wildcards follow.
                let rest = scalars[index...]
                let isEnding = tokens.isEmpty && !hasSlash && !rest.contains { "*?[]\\".unicodeScalars.contains($0) }
                tokens.append(rest.isEmpty || isEnding ? .everything : .folders)
            case "*": tokens.append(.any)
            case "?": tokens.append(.one)
            case "[":
                guard let set = Self.set(scalars, &index) else { return nil }
                tokens.append(set)
            case "\\" where index < scalars.count:
                tokens.append(.literal(scalars[index]))
                index += 1
            case "\\": return nil
            default: tokens.append(.literal(scalar))
            }
        }
        self.tokens = tokens
    }

    /// The set whose `[` stands before `index`.
    private static func set(_ scalars: [Unicode.Scalar], _ index: inout Int) -> Token? {
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        let isNegated = index < scalars.count && scalars[index] == "^"
        if isNegated { index += 1 }
        func next() -> Unicode.Scalar? {
            if index < scalars.count, scalars[index] == "\\" { index += 1 }
            guard index < scalars.count else { return nil }
            defer { index += 1 }
            return scalars[index]
        }
        while index < scalars.count {
            if scalars[index] == "]", !ranges.isEmpty {
                index += 1
                return .set(ranges, isNegated: isNegated)
            }
            guard scalars[index] != "]", let low = next() else { return nil }
            guard index < scalars.count, scalars[index] == "-" else {
                ranges.append(low...low)
                continue
            }
            index += 1
            guard index < scalars.count, scalars[index] != "]", let high = next(), low <= high else { return nil }
            ranges.append(low...high)
        }
        return nil
    }

    /// Whether the whole path is meant, not one of its folders. Time grows with the product of both lengths at most.
    func matches(_ path: some StringProtocol) -> Bool {
        let scalars = Array(path.unicodeScalars)
        // Where the tokens so far may have ended.
        var ends = [Bool](repeating: false, count: scalars.count + 1)
        ends[0] = true
        for token in tokens {
            var next = [Bool](repeating: false, count: scalars.count + 1)
            var isRunning = false
            for position in 0...scalars.count {
                let before = position > 0 ? scalars[position - 1] : nil
                switch token {
                case .literal(let scalar): next[position] = before == scalar && ends[position - 1]
                case .one: next[position] = before.map { $0 != "/" && ends[position - 1] } ?? false
                case .set(let ranges, let isNegated):
                    next[position] =
                        before.map { scalar in
                            scalar != "/" && ranges.contains { $0.contains(scalar) } != isNegated && ends[position - 1]
                        } ?? false
                case .any:
                    isRunning = ends[position] || (isRunning && before != "/")
                    next[position] = isRunning
                case .everything:
                    isRunning = isRunning || ends[position]
                    next[position] = isRunning
                case .folders:
                    // `isRunning`: an end lies before this place.
                    next[position] = ends[position] || (isRunning && before == "/")
                    isRunning = isRunning || ends[position]
                }
            }
            ends = next
        }
        return ends[scalars.count]
    }
}
