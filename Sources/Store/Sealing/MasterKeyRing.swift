import Platform
import Synchronization

/// The master keys of a home, in memory: one seals, all of them open.
///
/// Which one seals is the database's to say (`Store.masterKeySync`), so that replicas change over together;
/// until it has said so it is the oldest file's.
public final class MasterKeyRing: Sendable {
    private struct State {
        var keys: [MasterKey]
        var current: Int
        /// Not to be used again, though their files may still be there.
        var retired: Set<String> = []
        var lastLook: ContinuousClock.Instant?
    }

    private let state: Mutex<State>
    private let files: MasterKeyFiles?

    /// `keys` is not empty; the first one seals.
    init(_ keys: [MasterKey], files: MasterKeyFiles? = nil) {
        state = Mutex(State(keys: keys, current: 0))
        self.files = files
    }

    /// The keys of a home, made if it has none.
    public static func openOrCreate(home: String) throws -> MasterKeyRing {
        let files = MasterKeyFiles(home: home)
        return MasterKeyRing(try files.readOrCreate(), files: files)
    }

    var current: MasterKey { state.withLock { $0.keys[$0.current] } }

    /// The sealing one first.
    var all: [MasterKey] {
        state.withLock { state in
            [state.keys[state.current]] + state.keys.indices.filter { $0 != state.current }.map { state.keys[$0] }
        }
    }

    /// Ids of all keys, sorted.
    public var ids: [String] { state.withLock { $0.keys.map(\.id).sorted() } }

    func key(_ id: String) -> MasterKey? { state.withLock { $0.keys.first { $0.id == id } } }

    /// Reads the files again, at most once a second.
    func look(for id: String) -> MasterKey? {
        let isDue = state.withLock { state in
            let now = ContinuousClock.now
            if let last = state.lastLook, now - last < .seconds(1) { return false }
            state.lastLook = now
            return true
        }
        // What can't be read now is as if it weren't there: the caller says which key is missing.
        if isDue { try? reload() }
        return key(id)
    }

    /// Reads the files again.
    ///
    /// - Parameter retired: Ids of keys not to be used any more; nil: as before.
    func reload(retired: Set<String>? = nil) throws {
        guard let files else { return }
        let found = try files.read()
        state.withLock { state in
            if let retired { state.retired = retired }
            let current = state.keys[state.current]
            var keys = found.filter { !state.retired.contains($0.id) }
            // The key that seals stays until another one does.
            if !keys.contains(where: { $0.id == current.id }) { keys.append(current) }
            state.keys = keys
            state.current = keys.firstIndex { $0.id == current.id } ?? 0
        }
    }

    /// Seals with another key from now on. False: it is not here.
    func use(_ id: String) -> Bool {
        state.withLock { state in
            guard let index = state.keys.firstIndex(where: { $0.id == id }) else { return false }
            state.current = index
            return true
        }
    }

    /// Makes a further key, on disk before it is known. It does not seal yet. Returns its id and file.
    public func add() throws -> (id: String, path: String) {
        guard let files else { throw SignalboxError.internal("these master keys have no files") }
        let made = try files.add()
        try reload()
        return made
    }

    /// Removes a key's file from this home. Idempotent.
    public func removeFile(_ id: String) throws {
        try files?.remove(id)
        try reload()
    }
}

extension SecretBox {
    /// Reads the keys of a home, or makes the first one.
    public static func openOrCreate(home: String) throws -> SecretBox { SecretBox(ring: try .openOrCreate(home: home)) }
}
