import Collections
public import Platform
public import Store
import Synchronization

/// Endpoints by what an invocation names, in memory.
///
/// For freshness only: a miss is confirmed in the database, and the version of a new session is never
/// taken from here.
public final class RouteCache: Sendable {
    private struct State {
        var routes: TreeDictionary<RouteKey, Route> = [:]
        /// By endpoint.
        var known: [Int64: (key: RouteKey, state: RouteState)] = [:]
    }

    private let state = Mutex(State())
    private let changes = Atomic<Int>(0)
    private let source: any RouteSource
    private let metrics: DataPlaneMetrics

    public init(source: any RouteSource, metrics: DataPlaneMetrics = DataPlaneMetrics()) {
        self.source = source
        self.metrics = metrics
    }

    public var count: Int { state.withLock { $0.routes.count } }

    /// Rises with every change, so that a copied route can be recognised as current without a look-up.
    var changeCount: Int { changes.load(ordering: .acquiring) }

    /// nil: not in memory, which does not say that it does not exist.
    public func cached(_ key: RouteKey) -> Route? { state.withLock { $0.routes[key] } }

    /// Confirms a miss in the database.
    public func fetch(_ context: OperationContext, _ key: RouteKey) async throws -> Route? {
        guard let route = try await source.routeFetch(context, key: key) else {
            metrics.routeMissing.increment()
            return nil
        }
        metrics.routeFound.increment()
        store(route)
        return route
    }

    /// Endpoints that are read one by one when their states have changed; with more, all are read.
    private static let fewChanges = 2_048

    /// Looks at every endpoint, and reads those that have changed. At start and every now and then, in case a notification was lost.
    public func refresh(_ context: OperationContext) async throws {
        let states = try await source.routeStates(context)
        let (stale, gone) = state.withLock { state in
            var gone = Set(state.known.keys)
            var stale: [Int64] = []
            for found in states {
                gone.remove(found.endpoint)
                if state.known[found.endpoint]?.state != found { stale.append(found.endpoint) }
            }
            return (stale, gone)
        }
        if stale.count > Self.fewChanges { return try await refreshAll(context) }
        for endpoint in gone { forget(endpoint: endpoint) }
        for start in stride(from: 0, to: stale.count, by: 256) {
            try await refresh(context, endpoints: Array(stale[start..<min(start + 256, stale.count)]))
        }
    }

    private func refreshAll(_ context: OperationContext) async throws {
        let list = try await source.routeList(context)
        state.withLock { state in
            // A notification may have been followed while the list was on its way.
            let list = list.map { route in
                guard let present = state.routes[route.key], present.endpoint == route.endpoint, route.isOlder(than: present) else {
                    return route
                }
                return present
            }
            state.routes = TreeDictionary(list.map { ($0.key, $0) }, uniquingKeysWith: { _, last in last })
            state.known = Dictionary(list.map { ($0.endpoint, ($0.key, $0.state)) }, uniquingKeysWith: { _, last in last })
        }
        changes.add(1, ordering: .releasing)
    }

    /// Reads some endpoints again: they changed, appeared or went.
    public func refresh(_ context: OperationContext, endpoints: [Int64]) async throws {
        var gone = Set(endpoints)
        for route in try await source.routeFetch(context, endpoints: endpoints) {
            store(route)
            gone.remove(route.endpoint)
        }
        for endpoint in gone { forget(endpoint: endpoint) }
    }

    /// The endpoint turned out to be gone.
    public func forget(endpoint: Int64) {
        state.withLock { state in
            if let key = state.known.removeValue(forKey: endpoint)?.key, state.routes[key]?.endpoint == endpoint {
                state.routes[key] = nil
            }
        }
        changes.add(1, ordering: .releasing)
    }

    private func store(_ route: Route) {
        state.withLock { state in
            // Two reads of one endpoint may arrive in either order; the newer one stays.
            if let present = state.routes[route.key], present.endpoint == route.endpoint, route.isOlder(than: present) { return }
            if let former = state.known[route.endpoint]?.key, former != route.key { state.routes[former] = nil }
            state.routes[route.key] = route
            state.known[route.endpoint] = (route.key, route.state)
        }
        changes.add(1, ordering: .releasing)
    }
}
