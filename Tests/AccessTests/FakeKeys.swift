import Access
import Platform
import SigV4
import Store
import Synchronization
import TestSupport

/// Access keys in memory, which may be away or slow, and counts what it is asked.
final class FakeKeys: AccessKeySource {
    private struct State {
        var records: [String: AccessKeyRecord] = [:]
        var isAway = false
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
        var fetches: [String] = []
        var listeners: [AsyncStream<AccessKeyNotice>.Continuation] = []
    }
    private let state = Mutex(State())

    init(_ records: AccessKeyRecord...) {
        for record in records { put(record) }
    }

    func put(_ record: AccessKeyRecord) { state.withLock { $0.records[record.keyID] = record } }
    func remove(_ keyID: String) { state.withLock { $0.records[keyID] = nil } }
    func setAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }
    var fetches: [String] { state.withLock { $0.fetches } }

    /// The answers to fetches from now on, decided already, wait for `release`.
    func hold() { state.withLock { $0.isHeld = true } }
    var heldCount: Int { state.withLock { $0.held.count } }
    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    var listenerCount: Int { state.withLock { $0.listeners.count } }
    func notify(_ notice: AccessKeyNotice) {
        for listener in state.withLock({ $0.listeners }) { listener.yield(notice) }
    }

    func accessKeyFetch(_ context: OperationContext, keyID: String) async throws -> AccessKeyRecord? {
        let (answer, isAway) = state.withLock { state in
            state.fetches.append(keyID)
            return (state.records[keyID], state.isAway)
        }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.isHeld { state.held.append(continuation) }
                return !state.isHeld
            }
            if goesOn { continuation.resume() }
        }
        if isAway { throw SignalboxError.unavailable("The database is not reachable. Try again shortly.") }
        return answer
    }

    func accessKeyNotices() -> AsyncStream<AccessKeyNotice> {
        AsyncStream { continuation in state.withLock { $0.listeners.append(continuation) } }
    }
}

extension AccessKeyRecord {
    static func test(
        _ keyID: String = "AKIATEST", secret: String = "secret-of-the-test", role: Principal.Role = .admin, disabled: Bool = false
    ) -> Self {
        Self(keyID: keyID, account: TestTenant.account, role: role, secret: secret, isDisabled: disabled)
    }
}

/// A signed request, and every part of it that a test may spoil.
struct Signed {
    var key = "AKIATEST"
    var secret = "secret-of-the-test"
    var region = "us-east-1"
    var service = "bedrock-agentcore"
    /// Seconds that the caller's clock is ahead.
    var ahead = 0.0
    var extra: [(String, String)] = []

    static let hash = ContentHash.emptySHA256

    func request(_ clock: any TimeSource) -> SigV4Request {
        var request = SigV4Request(method: "POST", rawPath: "/runtimes/", headers: [("Host", "localhost:4747")] + extra)
        request.headers += RequestSigner(accessKeyID: key, secret: secret, region: region, service: service)
            .sign(request, payloadHash: Self.hash, at: clock.date().addingTimeInterval(ahead))
        return request
    }
}
