public import HTTPWire
import NIOCore
public import NIOHTTP1
import Platform
import Store

/// What the invocations of one event loop share: parsed targets and connections into sandboxes.
/// Confined to that loop.
public final class Lane {
    /// A request target seen before, parsed, with its route as of `changeCount`.
    final class Target {
        let parsed: InvocationTarget
        fileprivate var caller: Caller?
        fileprivate var route: Route?
        fileprivate var changeCount = -1

        init(_ parsed: InvocationTarget) { self.parsed = parsed }
    }

    let plane: DataPlane
    let eventLoop: any EventLoop
    let pool: UpstreamPool
    private var targets: [String: Target] = [:]
    private var ticker: RepeatedTask?

    init(plane: DataPlane, eventLoop: any EventLoop) {
        self.plane = plane
        self.eventLoop = eventLoop
        pool = UpstreamPool(eventLoop: eventLoop, host: plane.host, maximumIdle: plane.configuration.maximumUpstreamIdle)
        let bound = NIOLoopBound(pool, eventLoop: eventLoop)
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in bound.value.tick() }
    }

    /// Serves a request whose target `InvocationTarget.matches`.
    public func begin(_ head: HTTPRequestHead, _ framing: BodyFraming, _ reply: Reply) -> any RequestReceiver {
        let invocation = Invocation(lane: self, head: head, framing: framing, reply: reply)
        invocation.start()
        return invocation
    }

    func target(_ uri: String) throws(SignalboxError) -> Target {
        if let known = targets[uri] { return known }
        let target = Target(try InvocationTarget(uri))
        // Callers choose these strings: the memory for them is bounded.
        if targets.count >= 1024 { targets.removeAll(keepingCapacity: true) }
        targets[uri] = target
        return target
    }

    /// The route from memory; nil says only that the database must be asked.
    func route(_ target: Target, _ caller: Caller) throws(SignalboxError) -> Route? {
        let changeCount = plane.routes.changeCount
        if target.changeCount == changeCount, let route = target.route, target.caller == caller { return route }
        let route = plane.routes.cached(try target.parsed.routeKey(for: caller.principal.account, region: caller.region))
        (target.caller, target.route, target.changeCount) = (caller, route, changeCount)
        return route
    }

    func close() { ticker?.cancel() }
}
