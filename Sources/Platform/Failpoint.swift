import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// Named places where a test can make the process die, fail or stall.
///
/// Off unless `SIGNALBOX_FAILPOINTS` names them, and the server refuses to start with that variable
/// set unless it was also given `--allow-failpoints`. Syntax: `name=action[@hit]`, separated by
/// `;`, where action is `kill`, `error` or `stall:SECONDS` and `hit` counts from 1 (default: every
/// hit). Example: `update.committed=kill@2;flip.before=stall:5`.
public enum Failpoint {
    public enum Action: Sendable, Equatable {
        case kill
        case error
        case stall(seconds: Double)
    }

    struct Rule: Sendable, Equatable {
        var action: Action
        var onlyHit: Int?
        var hits = 0
    }

    public struct Triggered: Error, Sendable, CustomStringConvertible {
        public let name: String
        public var description: String { "failpoint \(name)" }
    }

    private static let rules = Mutex<[String: Rule]>([:])
    private static let enabled = Atomic<Bool>(false)

    /// Switches failpoints on. Throws for a specification that does not parse.
    public static func configure(_ specification: String) throws {
        let parsed = try parse(specification)
        rules.withLock { $0 = parsed }
        enabled.store(!parsed.isEmpty, ordering: .releasing)
    }

    static func parse(_ specification: String) throws -> [String: Rule] {
        var result: [String: Rule] = [:]
        for entry in specification.split(separator: ";") {
            let sides = entry.split(separator: "=", maxSplits: 1)
            guard sides.count == 2 else { throw SignalboxError.validation("failpoint '\(entry)': expected name=action") }
            let name = sides[0].trimmed
            let parts = sides[1].split(separator: "@", maxSplits: 1)
            let verb = parts[0].trimmed
            var hit: Int?
            if parts.count == 2 {
                guard let count = Int(parts[1].trimmed), count > 0 else {
                    throw SignalboxError.validation("failpoint '\(entry)': the hit must be a whole number from 1")
                }
                hit = count
            }
            let action: Action
            if verb == "kill" {
                action = .kill
            } else if verb == "error" {
                action = .error
            } else if verb.hasPrefix("stall:"), let seconds = Double(verb.dropFirst(6)), seconds >= 0 {
                action = .stall(seconds: seconds)
            } else {
                throw SignalboxError.validation("failpoint '\(entry)': expected kill, error or stall:SECONDS")
            }
            result[name] = Rule(action: action, onlyHit: hit)
        }
        return result
    }

    /// A place that a test can make fail. Costs one relaxed load when failpoints are off.
    public static func hit(_ name: String) async throws {
        guard enabled.load(ordering: .acquiring) else { return }
        let action: Action? = rules.withLock { rules in
            guard var rule = rules[name] else { return nil }
            rule.hits += 1
            rules[name] = rule
            if let only = rule.onlyHit, only != rule.hits { return nil }
            return rule.action
        }
        switch action {
        case nil: return
        case .kill: kill(getpid(), SIGKILL)
        case .error: throw Triggered(name: name)
        case .stall(let seconds): try await Task.sleep(for: .seconds(seconds))
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var slice = self
        while slice.first == " " { slice.removeFirst() }
        while slice.last == " " { slice.removeLast() }
        return String(slice)
    }
}
