/// A regular expression of the model, always matched against the whole text.
///
/// It is compiled to an automaton whose states are followed all at once, so that time is linear in
/// the text whatever the text is: a backtracking engine can be made to hang by a hostile value.
/// Immutable after `init`, hence safe to share.
public struct Pattern: Sendable {
    /// As the model writes it; shown in validation messages.
    public let source: String
    let program: [Instruction]

    enum Instruction: Sendable, Equatable {
        case match
        /// One scalar of the class, then the next instruction.
        case consume(ScalarClass)
        case jump(Int)
        case split(Int, Int)
    }

    /// Only for literals in this module: a malformed one is a programming error, and the tests
    /// compile every pattern.
    init(_ source: StaticString) {
        do {
            try self.init(parsing: source.description)
        } catch {
            preconditionFailure("pattern \(source): \(error)")
        }
    }

    init(parsing source: String) throws(PatternError) {
        var compiler = PatternCompiler(source)
        self.source = source
        self.program = try compiler.compile()
    }

    /// Whether the whole text matches.
    public func matches(_ text: String) -> Bool {
        var current = StateSet(capacity: program.count)
        var next = StateSet(capacity: program.count)
        follow(0, into: &current)
        for scalar in text.unicodeScalars {
            if current.states.isEmpty { return false }
            next.clear()
            for state in current.states {
                if case .consume(let scalars) = program[state], scalars.contains(scalar.value) {
                    follow(state + 1, into: &next)
                }
            }
            swap(&current, &next)
        }
        return current.states.contains { program[$0] == .match }
    }

    /// Adds a state and all that are reached from it without consuming anything.
    private func follow(_ start: Int, into set: inout StateSet) {
        var pending = [start]
        while let state = pending.popLast() {
            guard set.insert(state) else { continue }
            switch program[state] {
            case .jump(let target): pending.append(target)
            case .split(let first, let second):
                pending.append(second)
                pending.append(first)
            case .match, .consume: break
            }
        }
    }
}

/// States that are active at once; clearing costs what was inserted.
private struct StateSet {
    private(set) var states: [Int] = []
    private var isMember: [Bool]

    init(capacity: Int) { isMember = Array(repeating: false, count: capacity) }

    mutating func insert(_ state: Int) -> Bool {
        if isMember[state] { return false }
        isMember[state] = true
        states.append(state)
        return true
    }

    mutating func clear() {
        for state in states { isMember[state] = false }
        states.removeAll(keepingCapacity: true)
    }
}

/// A set of Unicode scalars.
struct ScalarClass: Sendable, Equatable {
    var ranges: [ClosedRange<UInt32>]
    var isNegated = false

    func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } != isNegated }

    static let digit = ScalarClass(ranges: [0x30...0x39])
    static let word = ScalarClass(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    /// Java's `\s`, which the services use.
    static let space = ScalarClass(ranges: [0x09...0x0D, 0x20...0x20])
    /// Java's `.`: everything but line terminators.
    static let notLineEnd = ScalarClass(
        ranges: [0x0A...0x0A, 0x0D...0x0D, 0x85...0x85, 0x2028...0x2029], isNegated: true)

    var negated: ScalarClass { ScalarClass(ranges: ranges, isNegated: !isNegated) }
}
