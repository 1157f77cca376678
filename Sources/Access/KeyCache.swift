import Logging
import Platform
import SigV4
import Store
import Synchronization

/// Access keys in memory: found under a short lock, read from the database once per id at a time.
///
/// A key that was read once stays good while the database is away; it is dropped when a notice says
/// that it changed.
final class KeyCache: Sendable {
    enum Found {
        case entry(KeyEntry)
        /// Lately the database knew no such key, or a disabled one.
        case unknown
        /// The database must be asked.
        case absent
    }

    private typealias Outcome = Result<KeyEntry?, SignalboxError>

    private struct Lookup {
        var task: Task<Outcome, Never>
        /// For an id that was not in memory: these are limited in number.
        var isStranger: Bool
        /// The key changed after the database was asked: its answer may be the old one.
        var isOutdated = false
    }

    private struct State {
        var entries: [String: KeyEntry] = [:]
        /// Until when.
        var unknown: [String: ContinuousClock.Instant] = [:]
        var lookups: [String: Lookup] = [:]
        var strangers = 0
    }

    private let state = Mutex(State())
    private let source: any AccessKeySource
    private let limits: AuthenticatorLimits
    private let clock: any TimeSource
    private let logger: Logger

    init(source: any AccessKeySource, limits: AuthenticatorLimits, clock: any TimeSource, logger: Logger) {
        self.source = source
        self.limits = limits
        self.clock = clock
        self.logger = logger
    }

    /// From memory alone. A key past its time is returned too, and refreshed behind it.
    func find(_ keyID: String) -> Found {
        let now = clock.now()
        let (entry, unknownUntil) = state.withLock { state in
            let entry = state.entries[keyID]
            return (entry, entry == nil ? state.unknown[keyID] : nil)
        }
        if let entry {
            if entry.due <= now { startRefresh(keyID) }
            return .entry(entry)
        }
        if let unknownUntil, unknownUntil > now { return .unknown }
        return .absent
    }

    /// From the database, for an id that is absent; nil: no such key. However many ask for one id, the
    /// database is asked once.
    func lookUp(_ keyID: String) async throws(SignalboxError) -> KeyEntry? {
        guard let task = state.withLock({ lookup(keyID, &$0) }) else {
            throw SignalboxError(.throttled(retryAfterSeconds: 1), "Rate exceeded")
        }
        return try await task.value.get()
    }

    /// Keeps a signing key with the entry that it was derived from, unless that was replaced.
    func keep(_ key: SigningKey, with entry: KeyEntry) {
        state.withLock { state in
            guard let current = state.entries[entry.principal.accessKeyID], current.secret == entry.secret else { return }
            state.entries[entry.principal.accessKeyID] = current.adding(key)
        }
    }

    /// The key changed: nothing known of it is good any more.
    func forget(_ keyID: String) {
        state.withLock { state in
            state.entries[keyID] = nil
            state.unknown[keyID] = nil
            state.lookups[keyID]?.isOutdated = true
        }
    }

    /// Reads every key again, the old ones being good until then.
    func refreshAll() async {
        let keyIDs = state.withLock { state in
            state.unknown.removeAll()
            for keyID in state.lookups.keys { state.lookups[keyID]?.isOutdated = true }
            return Array(state.entries.keys)
        }
        for keyID in keyIDs {
            guard let task = state.withLock({ refresh(keyID, &$0) }) else { continue }
            // The database went away again: when it is back, this is called again.
            if case .failure = await task.value { return }
        }
    }

    /// Numbers of keys, unknown ids and running lookups in memory.
    var counts: (keys: Int, unknown: Int, lookups: Int) {
        state.withLock { ($0.entries.count, $0.unknown.count, $0.lookups.count) }
    }

    // MARK: Asking the database

    private func startRefresh(_ keyID: String) {
        state.withLock { _ = refresh(keyID, &$0) }
    }

    /// nil: the key is not in memory any more.
    private func refresh(_ keyID: String, _ state: inout State) -> Task<Outcome, Never>? {
        if let running = state.lookups[keyID] { return running.task }
        guard state.entries[keyID] != nil else { return nil }
        return start(keyID, isStranger: false, &state)
    }

    /// nil: too many are asked for already.
    private func lookup(_ keyID: String, _ state: inout State) -> Task<Outcome, Never>? {
        if let running = state.lookups[keyID] { return running.task }
        guard state.strangers < limits.lookups else { return nil }
        state.strangers += 1
        return start(keyID, isStranger: true, &state)
    }

    private func start(_ keyID: String, isStranger: Bool, _ state: inout State) -> Task<Outcome, Never> {
        let task = Task { await read(keyID) }
        state.lookups[keyID] = Lookup(task: task, isStranger: isStranger)
        return task
    }

    private func read(_ keyID: String) async -> Outcome {
        while true {
            let answer: Result<AccessKeyRecord?, SignalboxError>
            do {
                let context = OperationContext.background("access keys", logger: logger, clock: clock)
                answer = .success(try await source.accessKeyFetch(context, keyID: keyID))
            } catch {
                answer = .failure(error as? SignalboxError ?? .internal("reading an access key: \(error)"))
            }
            if let (outcome, wasKnown) = state.withLock({ settle(keyID, answer, &$0) }) {
                if wasKnown { log(keyID, outcome) }
                return outcome
            }
        }
    }

    /// What comes of an answer, and whether the key was in memory before. nil: the database must be
    /// asked once more.
    private func settle(
        _ keyID: String, _ answer: Result<AccessKeyRecord?, SignalboxError>, _ state: inout State
    ) -> (Outcome, wasKnown: Bool)? {
        if case .success = answer, state.lookups[keyID]?.isOutdated == true {
            state.lookups[keyID]?.isOutdated = false
            return nil
        }
        if state.lookups.removeValue(forKey: keyID)?.isStranger == true { state.strangers -= 1 }
        let now = clock.now()
        let previous = state.entries[keyID]
        switch answer {
        case .success(let record?) where !record.isDisabled:
            let entry = KeyEntry(record, due: now + limits.keyLifetime, previous: previous)
            state.unknown[keyID] = nil
            if previous == nil, state.entries.count >= limits.keys { state.entries.remove(at: state.entries.startIndex) }
            state.entries[keyID] = entry
            return (.success(entry), previous != nil)
        case .success:
            state.entries[keyID] = nil
            if state.unknown.count >= limits.unknown { state.unknown.removeAll(keepingCapacity: true) }
            state.unknown[keyID] = now + limits.unknownLifetime
            return (.success(nil), previous != nil)
        case .failure(let error):
            state.entries[keyID] = previous?.postponed(until: now + limits.retryPause)
            return (.failure(error), previous != nil)
        }
    }

    private func log(_ keyID: String, _ outcome: Outcome) {
        switch outcome {
        case .success(nil): logger.info("an access key is not good any more", metadata: ["accessKey": "\(keyID)"])
        case .success: break
        case .failure(let error):
            logger.debug(
                "an access key stays as it was read last", metadata: ["accessKey": "\(keyID)", "error": "\(error)"])
        }
    }
}
