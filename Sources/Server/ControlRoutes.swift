import Access
public import AgentCoreModel
public import ControlPlane
public import DataPlane
import HTTPTypes
public import Hummingbird
import Platform

/// Whether a server can serve, part by part; the answer of `/readyz`.
public struct Readiness: Sendable, Equatable {
    /// Such as `["database": true, "supervisor": false]`.
    public var parts: [String: Bool]

    public init(parts: [String: Bool]) { self.parts = parts }

    public var isReady: Bool { parts.values.allSatisfy { $0 } }
}

/// Adds the operations of the control plane, StopRuntimeSession, our own, and the two open routes.
///
/// - Parameters:
///   - validation: What the server's configuration changes about it.
///   - interpreters: What sandboxes of this host can run: `["PYTHON_3_11": "/usr/bin/python3.11"]`.
///   - readiness: Asked for every `/readyz`: must answer soon.
public func addControlRoutes(
    to router: Router<FrontEndContext>, authentication: RequestAuthentication, controlPlane: ControlPlane, dataPlane: DataPlane,
    validation: ValidationOptions = .standard, interpreters: @escaping @Sendable () async throws -> [String: String],
    readiness: @escaping @Sendable () async -> Readiness
) {
    let routes =
        ControlRoute.model(controlPlane) + [
            .stop(dataPlane), .rollback(controlPlane), .preparation(controlPlane), .interpreters(interpreters),
        ]
    router.add(
        middleware: ControlRoutes(
            routes: routes, authentication: authentication, controlPlane: controlPlane, validation: validation, readiness: readiness))
}

/// Answers everything that is not an object's.
///
/// A middleware, because a router's patterns see neither the raw path, where ARNs hold encoded slashes,
/// nor what matches none of them: a stranger must not learn which is which.
struct ControlRoutes: RouterMiddleware {
    let routes: [ControlRoute]
    let authentication: RequestAuthentication
    let controlPlane: ControlPlane
    let validation: ValidationOptions
    let readiness: @Sendable () async -> Readiness

    func handle(
        _ request: Request, context: FrontEndContext, next: (Request, FrontEndContext) async throws -> Response
    ) async throws -> Response {
        let front = context.front
        if front.isBelow(ObjectTarget.prefix) { return try await next(request, context) }
        if let response = try await open(front) { return response }
        var call = try await authentication.authenticate(request, front)
        call.validation = validation
        let (route, parameters) = try route(front)
        try await authorize(call.context, route, parameters)
        let answer = try await route.answer(call, parameters)
        // 204 is all that such an operation says.
        if route.status == 204 { return Response(status: .noContent) }
        return Self.json(route.status, answer.body, answer.headers)
    }

    private func authorize(_ c: OperationContext, _ route: ControlRoute, _ parameters: [String: String]) async throws {
        switch route.authorization {
        case .role(let permission): try c.principal.require(permission, for: route.action)
        case .policy(let action):
            if c.principal.role.allows(action.permission) { return }
            let isShared = try await controlPlane.isShared(
                c, action, runtimeID: parameters["agentRuntimeId"], endpoint: parameters["endpointName"],
                arn: parameters["resourceArn"])
            if !isShared { throw c.principal.denial(of: route.action) }
        case .useCase: return
        }
    }

    private func route(_ front: FrontEndRequest) throws(SignalboxError) -> (ControlRoute, [String: String]) {
        let path = front.rawPath
        let method = front.head.method.rawValue
        var allowed: [String] = []
        for route in routes {
            guard let parameters = route.path.parameters(in: path) else { continue }
            if route.method == method { return (route, parameters) }
            allowed.append(route.method)
        }
        guard !allowed.isEmpty else { throw SignalboxError(.unknownOperation, "There is no such operation.") }
        throw Self.notAllowed(allowed)
    }

    /// The routes without a signature.
    private func open(_ front: FrontEndRequest) async throws(SignalboxError) -> Response? {
        let path = front.rawPath
        guard path == "/healthz" || path == "/readyz" else { return nil }
        guard front.head.method == .GET || front.head.method == .HEAD else { throw Self.notAllowed(["GET", "HEAD"]) }
        if path == "/healthz" {
            return Response(
                status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "ok\n")))
        }
        let readiness = await readiness()
        let body = JSONValue.object([
            "status": .string(readiness.isReady ? "ready" : "not ready"), "parts": .object(readiness.parts.mapValues { .bool($0) }),
        ])
        return Self.json(readiness.isReady ? 200 : 503, body, readiness.isReady ? [] : [("Retry-After", "1")])
    }

    private static func notAllowed(_ methods: [String]) -> SignalboxError {
        SignalboxError(
            .methodNotAllowed(allow: methods.joined(separator: ", ")),
            "The path is known with other methods: \(methods.joined(separator: ", ")).")
    }

    private static func json(_ status: Int, _ body: JSONValue, _ fields: [(name: String, value: String)] = []) -> Response {
        var headers: HTTPFields = [.contentType: "application/json"]
        for (name, value) in fields { headers.set(name, value) }
        return Response(
            status: HTTPResponse.Status(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body.bytes())))
    }
}
