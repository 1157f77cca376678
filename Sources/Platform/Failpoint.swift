import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// Named places where a test can make the process die, fail or stall.
///
/// Off unless `SIGNALBOX_FAILPOINTS` names them, and the server refuses to start with that variable
/// set unless it was also given `--allow-failpoints`. Syntax: `name=action[@hit]`, separated by
/// `;`, where action is `kill`, `error` or `stall:SECONDS` and `hit` counts from 1 (default: every
/// hit). Example: `change.committed=kill@2;settle.commit=stall:5`. `directory=PATH` takes rules from files
/// instead (`FailpointDirectory`), so that a test can change them while the server runs.
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
    private static let directory = Mutex<FailpointDirectory?>(nil)
    private static let enabled = Atomic<Bool>(false)

    /// Switches failpoints on. Throws for a specification that does not parse.
    public static func configure(_ specification: String) throws {
        var entries = specification.split(separator: ";")
        var found: FailpointDirectory?
        if let index = entries.firstIndex(where: { $0.trimmed.hasPrefix("directory=") }) {
            found = FailpointDirectory(path: String(entries.remove(at: index).trimmed.dropFirst("directory=".count)))
        }
        let parsed = try parse(entries.joined(separator: ";"))
        rules.withLock { $0 = parsed }
        directory.withLock { [found] in $0 = found }
        enabled.store(!parsed.isEmpty || found != nil, ordering: .releasing)
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
            guard let action = Action(verb) else {
                throw SignalboxError.validation("failpoint '\(entry)': expected kill, error or stall:SECONDS")
            }
            result[name] = Rule(action: action, onlyHit: hit)
        }
        return result
    }

    /// A place that a test can make fail. Costs one load when failpoints are off.
    public static func hit(_ place: Place) async throws {
        guard enabled.load(ordering: .acquiring) else { return }
        try await hit(named: place.rawValue)
    }

    static func hit(named name: String) async throws {
        let action: Action? = rules.withLock { rules in
            guard var rule = rules[name] else { return nil }
            rule.hits += 1
            rules[name] = rule
            if let only = rule.onlyHit, only != rule.hits { return nil }
            return rule.action
        }
        switch try action ?? directory.withLock({ $0 })?.action(at: name) {
        case nil: return
        case .kill:
            kill(getpid(), SIGKILL)
            // Not one instruction more, on whichever thread the signal is taken.
            while true { pause() }
        case .error: throw Triggered(name: name)
        case .stall(let seconds): try await Task.sleep(for: .seconds(seconds))
        }
    }
}

extension Failpoint.Action {
    /// `kill`, `error` or `stall:SECONDS`; nil for anything else.
    init?(_ text: some StringProtocol) {
        if text == "kill" {
            self = .kill
        } else if text == "error" {
            self = .error
        } else if text.hasPrefix("stall:"), let seconds = Double(text.dropFirst(6)), seconds >= 0 {
            self = .stall(seconds: seconds)
        } else {
            return nil
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
