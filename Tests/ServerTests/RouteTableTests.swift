import AgentCoreModel
import ControlPlane
import Platform
import Store
import TestSupport
import Testing

@testable import Server

/// The table finds what trying every route in turn finds.
struct RouteTableTests {
    private func byTrying(_ routes: [ControlRoute], _ method: String, _ path: String) -> String {
        var allowed: [String] = []
        for route in routes {
            guard let parameters = route.path.parameters(in: path[...]) else { continue }
            if route.method == method { return "\(route.name) \(parameters.sorted { $0.key < $1.key })" }
            allowed.append(route.method)
        }
        return allowed.isEmpty ? "404" : "405 " + allowed.joined(separator: ", ")
    }

    private func byTable(_ table: RouteTable, _ method: String, _ path: String) -> String {
        do throws(SignalboxError) {
            let (entry, parameters) = try table.find(method, path)
            return "\(entry.name) \(parameters.sorted { $0.key < $1.key })"
        } catch {
            guard case .methodNotAllowed(let allow) = error.kind else { return "404" }
            return "405 " + allow
        }
    }

    @Test func itFindsWhatTryingAllFinds() async throws {
        try await SignedServer.with { server async throws in
            let routes =
                ControlRoute.model(.init(store: server.store)) + [.stop(server.plane, nil)]
                + ControlRoute.own(.init(store: server.store), interpreters: { [:] }) + server.observability.routes
                + AccessRoutes(store: server.store, authenticator: server.authenticator).routes
            let table = RouteTable(routes)
            var paths = [
                "/", "", "*", "//", "/runtimes", "/runtimes//", "//runtimes/", "/runtimes/a/b/c/d/e/f", "/tags", "/tags/",
                "/nothing/at/all",
            ]
            for route in routes {
                let path: String
                switch route.path {
                case .template(let template): path = template.description
                case .agent(let operation): path = "/runtimes/{agentRuntimeArn}/\(operation)"
                }
                for value in ["a-0123456789", "arn:aws:x:y:1:runtime/a", "arn%3Aaws%2Fa", "%zz", "", "a/b/c", "stopruntimesession"] {
                    var filled = path
                    while let open = filled.firstIndex(of: "{"), let close = filled.firstIndex(of: "}") {
                        filled.replaceSubrange(open...close, with: value)
                    }
                    let bare = filled.hasSuffix("/") ? String(filled.dropLast()) : filled
                    paths += [bare, bare + "/", bare + "//", bare + "/more", "/" + bare]
                }
            }
            for path in paths {
                for method in ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"] {
                    #expect(byTable(table, method, path) == byTrying(routes, method, path), "\(method) \(path)")
                }
            }
        }
    }
}
