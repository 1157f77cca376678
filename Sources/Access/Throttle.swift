import AgentCoreModel
public import Platform
import Synchronization

/// How often an account may call what a pattern names.
public struct ThrottleRule: Sendable, Equatable {
    /// An operation's name, or its beginning and `*`.
    public var pattern: String
    /// Requests per second, for every operation by itself.
    public var rate: Double
    /// Requests at once after a pause.
    public var burst: Double

    public init(pattern: String, rate: Double, burst: Double) {
        self.pattern = pattern
        self.rate = rate
        self.burst = burst
    }

    /// The services' own numbers: AgentCore's (contract §13), and for objects what Amazon S3 has for a prefix (Amazon S3 user
    /// guide, "Best practices design patterns: optimizing Amazon S3 performance").
    public static let aws: [ThrottleRule] =
        [
            ThrottleRule(pattern: "Create*", rate: 5, burst: 5), ThrottleRule(pattern: "Update*", rate: 5, burst: 5),
            ThrottleRule(pattern: "Delete*", rate: 5, burst: 5), ThrottleRule(pattern: "List*", rate: 5, burst: 5),
            ThrottleRule(pattern: "Get*", rate: 50, burst: 50), ThrottleRule(pattern: "InvokeAgentRuntime", rate: 200, burst: 200),
        ]
        + ObjectOperation.allCases.map { operation in
            let rate = operation.isReadOnly ? 5500.0 : 3500
            return ThrottleRule(pattern: operation.name, rate: rate, burst: rate)
        }

    /// `aws`, and `PATTERN=RATE` or `PATTERN=RATE/BURST`, separated by commas. Throws a sentence about what is wrong.
    public static func parse(_ text: String) throws(ThrottleRuleError) -> [ThrottleRule] {
        var rules: [ThrottleRule] = []
        for part in text.split(separator: ",") {
            let part = part.trimmingSpaces
            if part == "aws" {
                rules += aws
                continue
            }
            let sides = part.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2 else { throw ThrottleRuleError("'\(part)' is not OPERATION=RATE, such as InvokeAgentRuntime=200") }
            let pattern = String(sides[0].trimmingSpaces)
            guard known.contains(where: { matches(pattern, $0) }) else { throw ThrottleRuleError("there is no operation '\(pattern)'") }
            let numbers = sides[1].split(separator: "/", omittingEmptySubsequences: false).map { Double(String($0.trimmingSpaces)) ?? -1 }
            guard (1...2).contains(numbers.count), numbers.allSatisfy({ $0 > 0 && $0 <= 1_000_000 }) else {
                throw ThrottleRuleError("'\(sides[1])': expected requests per second, such as 5 or 0.5, and perhaps /BURST")
            }
            let burst = numbers.count > 1 ? numbers[1] : max(1, numbers[0])
            guard burst >= 1 else { throw ThrottleRuleError("'\(part)': a burst of less than one request lets none through") }
            rules.append(ThrottleRule(pattern: pattern, rate: numbers[0], burst: burst))
        }
        return rules
    }

    func matches(_ operation: String) -> Bool { Self.matches(pattern, operation) }

    private static func matches(_ pattern: String, _ operation: String) -> Bool {
        pattern.hasSuffix("*") ? operation.hasPrefix(pattern.dropLast()) : operation == pattern
    }

    private static let known = (Operation.all + Operation.own).map(\.name) + ObjectOperation.allCases.map(\.name)
}

/// Why a text holds no rules, for people.
public struct ThrottleRuleError: Error, Sendable {
    public var message: String

    init(_ message: String) { self.message = message }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}

/// Bounds how often an account calls an operation: a token bucket for each pair, in this replica's memory alone.
///
/// N replicas let through N times as much. That is what it costs that no request waits for another replica.
public final class Throttle: Sendable {
    private struct Key: Hashable {
        var account: String
        var operation: String
    }

    private struct Bucket {
        var tokens: Double
        var filledAt: ContinuousClock.Instant
    }

    private struct State {
        var buckets: [Key: Bucket] = [:]
        var sweptAt: ContinuousClock.Instant
    }

    /// Most specific first.
    private let rules: [ThrottleRule]
    private let clock: any TimeSource
    private let state: Mutex<State>

    /// nil: without rules there is nothing to do.
    public init?(_ rules: [ThrottleRule], clock: any TimeSource = SystemTime()) {
        guard !rules.isEmpty else { return nil }
        // The later of two on the same pattern counts.
        var latest: [String: ThrottleRule] = [:]
        for rule in rules { latest[rule.pattern] = rule }
        self.rules = latest.values.sorted { left, right in
            let (isWide, isOtherWide) = (left.pattern.hasSuffix("*"), right.pattern.hasSuffix("*"))
            return isWide == isOtherWide ? left.pattern.utf8.count > right.pattern.utf8.count : isOtherWide
        }
        self.clock = clock
        state = Mutex(State(sweptAt: clock.now()))
    }

    /// Counts a request. Throws `.throttled` with the whole seconds until the next one will be let through.
    public func take(account: String, operation: String) throws(SignalboxError) {
        guard let rule = rules.first(where: { $0.matches(operation) }) else { return }
        let now = clock.now()
        let missing = state.withLock { state -> Double in
            sweep(&state, now)
            let key = Key(account: account, operation: operation)
            var bucket = state.buckets[key] ?? Bucket(tokens: rule.burst, filledAt: now)
            bucket.tokens = min(rule.burst, bucket.tokens + (now - bucket.filledAt) / .seconds(1) * rule.rate)
            bucket.filledAt = now
            let isLet = bucket.tokens >= 1
            if isLet { bucket.tokens -= 1 }
            state.buckets[key] = bucket
            return isLet ? 0 : 1 - bucket.tokens
        }
        guard missing > 0 else { return }
        let seconds = max(1, (missing / rule.rate).rounded(.up))
        throw SignalboxError(.throttled(retryAfterSeconds: Int(min(seconds, 3600))), "Rate exceeded")
    }

    /// Buckets in memory.
    var count: Int { state.withLock { $0.buckets.count } }

    /// Forgets buckets that have been full for long, once a minute.
    private func sweep(_ state: inout State, _ now: ContinuousClock.Instant) {
        guard now - state.sweptAt > .seconds(60) else { return }
        state.sweptAt = now
        state.buckets = state.buckets.filter { key, bucket in
            guard let rule = rules.first(where: { $0.matches(key.operation) }) else { return false }
            return bucket.tokens + (now - bucket.filledAt) / .seconds(1) * rule.rate < rule.burst
        }
    }
}
