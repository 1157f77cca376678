import Logging
import Platform
import Store

/// Claims and does work of some kinds, a bounded number at a time. Lanes keep what is quick from
/// waiting behind what is slow.
struct Lane: Sendable {
    let name: String
    let reconcilers: [WorkKind: any Reconciler]
    /// Pieces of work at a time.
    let width: Int
    let store: Store
    /// Of this replica, whatever its epoch: one process at a time has a home.
    let holder: String
    /// By the database's clock; work whose holder died is done by another after it.
    let lease: Duration
    let clock: any TimeSource
    let logger: Logger
    let metrics: ReconcilerMetrics
    let wakeSignal = WakeSignal()

    /// However little is heard, the table is looked at this often.
    static let longestPause: Duration = .seconds(5)
    /// After a claim that found nothing: notifications of work that another replica takes, or that is due later, come in storms.
    static let spacing: Duration = .milliseconds(10)
    /// Without a wake before it is asked when the next work is due.
    static let quiet: Duration = .milliseconds(20)
    /// Between claims that fail: what was waiting goes on soon after the database is back.
    static let pauseWhileAway: Duration = .milliseconds(500)

    private var kinds: [String] { reconcilers.keys.map(\.rawValue) }

    /// Until the task is cancelled. What is being done then is cancelled too, and done again by whoever claims it.
    func run() async {
        await withDiscardingTaskGroup { group in
            let slots = Slots(width)
            while !Task.isCancelled {
                let (free, startedAt) = (slots.free, clock.now())
                let items = await claim(slots, atMost: free)
                for item in items ?? [] {
                    slots.take(item)
                    group.addTask {
                        let isCompleted = await work(item)
                        slots.give(item)
                        // What was completed leaves nothing behind; what was put off may be due soon.
                        if slots.isShort || !isCompleted { wakeSignal.wake() }
                    }
                }
                slots.isShort = items?.count == free
                // All that was asked for came: there may be more.
                if slots.isShort, free > 0 { continue }
                await rest(afterClaim: items != nil, isFull: free == 0)
                if items?.isEmpty == true { try? await clock.sleep(until: startedAt.advanced(by: Self.spacing)) }
            }
        }
    }

    /// nil: the database did not say.
    private func claim(_ slots: Slots, atMost free: Int) async -> [WorkItem]? {
        guard free > 0 else { return [] }
        do {
            return try await store.workClaim(
                context(), kinds: kinds, holder: holder, lease: lease, limit: free, inHand: slots.inHand)
        } catch {
            // While the database is away this is the usual answer.
            logger.debug("no work could be claimed", metadata: ["lane": "\(name)", "error": "\(error)"])
            return nil
        }
    }

    /// Until there may be something to claim.
    private func rest(afterClaim isClaimed: Bool, isFull: Bool) async {
        guard isClaimed, !isFull else {
            await wakeSignal.wait(atMost: isFull ? Self.longestPause : Self.pauseWhileAway, clock: clock)
            return
        }
        // Only who is left alone for a while needs to know when to look by itself.
        if await wakeSignal.wait(atMost: Self.quiet, clock: clock) { return }
        await wakeSignal.wait(atMost: pause(), clock: clock)
    }

    private func pause() async -> Duration {
        guard let due = try? await store.workNextDue(context(), kinds: kinds) else { return Self.longestPause }
        // Never none at all: work that is due and cannot be claimed must not make this a spinning loop.
        return max(.milliseconds(20), min(due, Self.longestPause))
    }

    private func context() -> OperationContext { .background(name, logger: logger, clock: clock) }

    /// False: the work is left, for later or for somebody else.
    private func work(_ item: WorkItem) async -> Bool {
        var c = context()
        c.logger[metadataKey: "work"] = "\(item.kind) \(item.subject)"
        do {
            try await Failpoint.hit(.workClaimed)
            guard let kind = WorkKind(rawValue: item.kind), let reconciler = reconcilers[kind], let subject = Int64(item.subject) else {
                throw SignalboxError.internal("there is no reconciler for \(item.kind) \(item.subject)")
            }
            let outcome = try await holding(c, item) { [c] in try await reconciler.reconcile(c, item, subject: subject) }
            switch outcome {
            case .committed(let transition, let seconds): if let transition { metrics.ended(transition, after: seconds) }
            case .done:
                try await store.workComplete(c, item)
            case .later(let after, let why):
                try await Failpoint.hit(.workWaiting)
                try await store.workFail(c, item, error: why, retryAfter: after)
                return false
            }
            return true
        } catch is LeaseLost {
            c.logger.info("the work is somebody else's now")
        } catch {
            if Task.isCancelled { return false }
            if let kind = WorkKind(rawValue: item.kind) { metrics.failed(kind) }
            c.logger.warning("to be tried again", metadata: ["error": "\(error)", "attempt": "\(item.attempts)"])
            do {
                // The database's trouble is no reason to wait ever longer, or to give up.
                let isTrouble = Store.isTrouble(error)
                try await store.workFail(
                    c, item, error: "\(error)", retryAfter: isTrouble ? Self.pauseWhileAway : item.backOff, counts: !isTrouble)
            } catch {
                // Then the next claim takes it back.
                c.logger.debug("the failure was not written", metadata: ["error": "\(error)"])
            }
        }
        return false
    }

    /// Runs `body` while the lease is prolonged; it is cancelled when the lease is lost.
    private func holding<Value: Sendable>(
        _ c: OperationContext, _ item: WorkItem, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                while true {
                    try await clock.sleep(for: lease / 3)
                    do {
                        try await Failpoint.hit(.workRenewing)
                        try await store.workRenew(c, item, lease: lease)
                    } catch let lost as LeaseLost {
                        throw lost
                    } catch {
                        // The database is away, or slow: the fence decides in the end.
                        c.logger.debug("the lease was not prolonged", metadata: ["error": "\(error)"])
                    }
                }
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }
}
