public import Access
public import AgentCoreModel
public import ControlPlane
public import DataPlane
import HTTPTypes
public import Hummingbird
import Platform

/// Adds the operations of the control plane, StopRuntimeSession, our own, and the two open routes.
///
/// - Parameters:
///   - validation: What the server's configuration changes about it.
///   - interpreters: What sandboxes of this host can run: `["PYTHON_3_11": "/usr/bin/python3.11"]`.
///   - throttle: Counts requests; nil: nobody does.
///   - access: Routes for keys and temporary credentials; nil: none.
///   - readiness: Asked for every `/readyz`: must answer soon.
public func addControlRoutes(
    to router: Router<FrontEndContext>, authentication: RequestAuthentication, controlPlane: ControlPlane, dataPlane: DataPlane,
    access: AccessRoutes? = nil, throttle: Throttle? = nil, validation: ValidationOptions = .standard,
    observability: Observability? = nil,
    interpreters: @escaping @Sendable () async throws -> [String: String],
    readiness: @escaping @Sendable () async -> Readiness
) {
    let routes =
        ControlRoute.model(controlPlane) + [.stop(dataPlane, observability?.audit)]
        + ControlRoute.own(controlPlane, interpreters: interpreters) + (observability?.routes ?? []) + (access?.routes ?? [])
    router.add(
        middleware: ControlRoutes(
            routes: routes, authentication: authentication, controlPlane: controlPlane, throttle: throttle, validation: validation,
            audit: observability?.audit, readiness: readiness))
}

/// Answers everything that is not an object's.
///
/// A middleware, because a router's patterns see neither the raw path, where ARNs hold encoded slashes,
/// nor what matches none of them: a stranger must not learn which is which.
struct ControlRoutes: RouterMiddleware {
    let routes: [ControlRoute]
    let authentication: RequestAuthentication
    let controlPlane: ControlPlane
    let throttle: Throttle?
    let validation: ValidationOptions
    let audit: AuditWriter?
    let readiness: @Sendable () async -> Readiness

    func handle(
        _ request: Request, context: FrontEndContext, next: (Request, FrontEndContext) async throws -> Response
    ) async throws -> Response {
        let front = context.front
        if front.isBelow(ObjectTarget.prefix) { return try await next(request, context) }
        if let response = try await open(front) { return response }
        var call = try await authentication.authenticate(request, front)
        call.validation = validation
        front.observation.authenticated(call.context)
        let (route, parameters) = try route(front)
        front.observation.found(RequestOperation(action: route.action), runtime: parameters["agentRuntimeId"])
        try throttle?.take(account: call.context.account, operation: route.name)
        let answer: ControlRoute.Answer
        do {
            try await authorize(call.context, route, parameters)
            answer = try await route.answer(call, parameters)
        } catch let error as SignalboxError where error.kind == .accessDenied && route.changes {
            audit?.refused(call.context, route.action, parameters, error)
            throw error
        }
        // 204 is all that such an operation says.
        if route.status == 204 { return Response(status: .noContent) }
        if let file = answer.file { return Self.response(route.status, file.bytes, file.type, answer.headers) }
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
        front.observation.found(path == "/healthz" ? .health : .readiness)
        if path == "/healthz" {
            return Response(
                status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: "ok\n")))
        }
        let readiness = await readiness()
        return Self.json(readiness.isReady ? 200 : 503, readiness.json, readiness.isReady ? [] : [("Retry-After", "1")])
    }

    private static func notAllowed(_ methods: [String]) -> SignalboxError {
        SignalboxError(
            .methodNotAllowed(allow: methods.joined(separator: ", ")),
            "The path is known with other methods: \(methods.joined(separator: ", ")).")
    }

    private static func json(_ status: Int, _ body: JSONValue, _ fields: [(name: String, value: String)] = []) -> Response {
        response(status, body.bytes(), "application/json", fields)
    }

    private static func response(
        _ status: Int, _ bytes: [UInt8], _ type: String, _ fields: [(name: String, value: String)]
    ) -> Response {
        var headers: HTTPFields = [.contentType: type]
        for (name, value) in fields { headers.set(name, value) }
        return Response(
            status: HTTPResponse.Status(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
