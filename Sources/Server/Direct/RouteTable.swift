import AgentCoreModel
import Platform

/// The control plane's routes, found by a path's first segment and number of segments.
struct RouteTable: Sendable {
    /// A route with what every request of it would otherwise compute.
    final class Entry: Sendable {
        let route: ControlRoute
        let name: String
        let operation: RequestOperation

        init(_ route: ControlRoute) {
            self.route = route
            name = route.name
            operation = RequestOperation(action: route.action)
        }
    }

    private struct Group: Sendable {
        /// By number of segments, in the order of the routes.
        var byCount: [[Entry]] = []
        /// For paths of more segments than any of these.
        var longer: [Entry] = []
    }

    private let groups: [Substring: Group]

    /// - Parameter routes: The first of two that match counts. Each begins with a literal.
    init(_ routes: [ControlRoute]) {
        var entries: [Substring: [Entry]] = [:]
        for route in routes { entries[route.path.first[...], default: []].append(Entry(route)) }
        groups = entries.mapValues { entries in
            let most = entries.compactMap(\.route.path.count).max() ?? 0
            return Group(
                byCount: (0...most).map { count in entries.filter { $0.route.path.count.map { $0 == count } ?? true } },
                longer: entries.filter { $0.route.path.count == nil })
        }
    }

    /// The route of a request, and its path's decoded parameters.
    func find(_ method: String, _ path: String) throws(SignalboxError) -> (Entry, [String: String]) {
        var allowed: [String] = []
        for entry in candidates(path) {
            guard let parameters = entry.route.path.parameters(in: path[...]) else { continue }
            if entry.route.method == method { return (entry, parameters) }
            allowed.append(entry.route.method)
        }
        guard !allowed.isEmpty else { throw SignalboxError(.unknownOperation, "There is no such operation.") }
        throw Self.notAllowed(allowed)
    }

    static func notAllowed(_ methods: [String]) -> SignalboxError {
        SignalboxError(
            .methodNotAllowed(allow: methods.joined(separator: ", ")),
            "The path is known with other methods: \(methods.joined(separator: ", ")).")
    }

    private func candidates(_ path: String) -> [Entry] {
        guard path.utf8.first == UInt8(ascii: "/") else { return [] }
        guard let group = groups[path.dropFirst().prefix { $0 != "/" }] else { return [] }
        let slashes = path.utf8.count { $0 == UInt8(ascii: "/") }
        let count = path.utf8.last == UInt8(ascii: "/") ? slashes - 1 : slashes
        return count < group.byCount.count ? group.byCount[count] : group.longer
    }
}

extension ControlRoute.Path {
    /// The first segment: always a literal.
    fileprivate var first: String {
        switch self {
        case .agent: return "runtimes"
        case .template(let template):
            guard case .literal(let text)? = template.segments.first else { preconditionFailure("\(template) begins with no literal") }
            return text
        }
    }

    /// Segments of every path that matches; nil when their number varies.
    fileprivate var count: Int? {
        switch self {
        case .agent: nil
        case .template(let template): template.segments.last == .parameter("resourceArn") ? nil : template.segments.count
        }
    }
}
