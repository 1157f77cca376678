/// Why a pattern of the model does not compile.
struct PatternError: Error, CustomStringConvertible {
    var description: String
}

/// Compiles the part of regular expressions that AWS's models use: literals, classes, groups,
/// alternatives, `* + ? {n} {n,} {n,m}`, `.`, `\s \S \d \D \w \W \xHH` and escaped punctuation.
/// Anchors are implied; anything else (look-around, back references, lazy quantifiers) is refused.
struct PatternCompiler {
    private indirect enum Node {
        case empty
        case scalars(ScalarClass)
        case sequence([Node])
        case choice([Node])
        case repetition(Node, minimum: Int, maximum: Int?)
    }

    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var program: [Pattern.Instruction] = []

    init(_ source: String) { scalars = Array(source.unicodeScalars) }

    mutating func compile() throws(PatternError) -> [Pattern.Instruction] {
        if next == "^" { position += 1 }
        let node = try choice()
        if next == "$" { position += 1 }
        guard position == scalars.count else { throw PatternError(description: "unexpected ')' or text after '$'") }
        emit(node)
        program.append(.match)
        return program
    }

    // MARK: Parsing

    private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take() throws(PatternError) -> Unicode.Scalar {
        guard let scalar = next else { throw PatternError(description: "unexpected end") }
        position += 1
        return scalar
    }

    private mutating func choice() throws(PatternError) -> Node {
        var branches = [try sequence()]
        while next == "|" {
            position += 1
            branches.append(try sequence())
        }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(PatternError) -> Node {
        var nodes: [Node] = []
        while let scalar = next, scalar != "|", scalar != ")", !(scalar == "$" && position == scalars.count - 1) {
            nodes.append(try quantified(try atom()))
        }
        return nodes.isEmpty ? .empty : .sequence(nodes)
    }

    private mutating func atom() throws(PatternError) -> Node {
        let scalar = try take()
        switch scalar {
        case "(":
            if next == "?" {
                position += 1
                guard try take() == ":" else { throw PatternError(description: "only (?:…) groups are known") }
            }
            let node = try choice()
            guard next == ")" else { throw PatternError(description: "missing ')'") }
            position += 1
            return node
        case "[": return .scalars(try bracket())
        case ".": return .scalars(.notLineEnd)
        case "\\": return .scalars(try escape())
        case "*", "+", "?", "{", "^", "$": throw PatternError(description: "unexpected '\(scalar)'")
        default: return .scalars(ScalarClass(ranges: [scalar.value...scalar.value]))
        }
    }

    private mutating func quantified(_ node: Node) throws(PatternError) -> Node {
        var node = node
        while let scalar = next {
            switch scalar {
            case "*": node = .repetition(node, minimum: 0, maximum: nil)
            case "+": node = .repetition(node, minimum: 1, maximum: nil)
            case "?": node = .repetition(node, minimum: 0, maximum: 1)
            case "{":
                position += 1
                let minimum = try number()
                var maximum: Int? = minimum
                if next == "," {
                    position += 1
                    maximum = next == "}" ? nil : try number()
                }
                guard next == "}" else { throw PatternError(description: "missing '}'") }
                node = .repetition(node, minimum: minimum, maximum: maximum)
            default: return node
            }
            position += 1
        }
        return node
    }

    private mutating func number() throws(PatternError) -> Int {
        var text = ""
        while let scalar = next, ("0"..."9").contains(scalar) {
            text.unicodeScalars.append(scalar)
            position += 1
        }
        guard let value = Int(text), value <= 1000 else { throw PatternError(description: "bad repetition count") }
        return value
    }

    private mutating func escape() throws(PatternError) -> ScalarClass {
        let scalar = try take()
        switch scalar {
        case "d": return .digit
        case "D": return .digit.negated
        case "w": return .word
        case "W": return .word.negated
        case "s": return .space
        case "S": return .space.negated
        case "n": return ScalarClass(ranges: [0x0A...0x0A])
        case "r": return ScalarClass(ranges: [0x0D...0x0D])
        case "t": return ScalarClass(ranges: [0x09...0x09])
        case "x":
            let digits = String(String.UnicodeScalarView([try take(), try take()]))
            guard let value = UInt32(digits, radix: 16) else { throw PatternError(description: "bad \\x escape") }
            return ScalarClass(ranges: [value...value])
        case "a"..."z", "A"..."Z", "0"..."9": throw PatternError(description: "unknown escape '\\\(scalar)'")
        default: return ScalarClass(ranges: [scalar.value...scalar.value])
        }
    }

    /// `[…]`. As in Java, a hyphen that cannot begin a range (first, last, after a range) is itself.
    private mutating func bracket() throws(PatternError) -> ScalarClass {
        var result = ScalarClass(ranges: [])
        var isNegated = false
        if next == "^" {
            isNegated = true
            position += 1
        }
        while true {
            let scalar = try take()
            if scalar == "]" { break }
            var item = ScalarClass(ranges: [scalar.value...scalar.value])
            if scalar == "\\" { item = try escape() }
            if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]", let low = item.single {
                position += 1
                let end = try take()
                let upper = end == "\\" ? try escape() : ScalarClass(ranges: [end.value...end.value])
                guard let high = upper.single, low <= high else { throw PatternError(description: "bad range in a class") }
                result.ranges.append(low...high)
                if next == "-" {
                    result.ranges.append(0x2D...0x2D)
                    position += 1
                }
            } else {
                // A class that holds everything of one escape and of its negation, such as [\s\S].
                result.ranges.append(contentsOf: item.positiveRanges)
            }
        }
        return isNegated ? result.negated : result
    }

    // MARK: Emission

    private mutating func emit(_ node: Node) {
        switch node {
        case .empty: break
        case .scalars(let set): program.append(.consume(set))
        case .sequence(let nodes): for node in nodes { emit(node) }
        case .choice(let branches):
            var ends: [Int] = []
            for (index, branch) in branches.enumerated() {
                if index == branches.count - 1 {
                    emit(branch)
                } else {
                    let split = program.count
                    program.append(.match)
                    emit(branch)
                    ends.append(program.count)
                    program.append(.match)
                    program[split] = .split(split + 1, program.count)
                }
            }
            for end in ends { program[end] = .jump(program.count) }
        case .repetition(let node, let minimum, let maximum):
            for _ in 0..<minimum { emit(node) }
            if let maximum {
                var exits: [Int] = []
                for _ in minimum..<max(minimum, maximum) {
                    exits.append(program.count)
                    program.append(.match)
                    emit(node)
                }
                for exit in exits { program[exit] = .split(exit + 1, program.count) }
            } else {
                let split = program.count
                program.append(.match)
                emit(node)
                program.append(.jump(split))
                program[split] = .split(split + 1, program.count)
            }
        }
    }
}

extension ScalarClass {
    /// The scalar of a class that holds exactly one.
    fileprivate var single: UInt32? {
        guard !isNegated, ranges.count == 1, ranges[0].count == 1 else { return nil }
        return ranges[0].lowerBound
    }

    /// The same set without negation.
    fileprivate var positiveRanges: [ClosedRange<UInt32>] {
        guard isNegated else { return ranges }
        var result: [ClosedRange<UInt32>] = []
        var from: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > from { result.append(from...(range.lowerBound - 1)) }
            from = max(from, range.upperBound + 1)
        }
        if from <= 0x10FFFF { result.append(from...0x10FFFF) }
        return result
    }
}
