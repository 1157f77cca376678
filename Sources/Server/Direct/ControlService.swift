public import Access
public import AgentCoreModel
public import ControlPlane
public import DataPlane
import HTTPWire
import Logging
import NIOCore
import NIOHTTP1
import Platform
public import Store

/// The operations of the control plane, StopRuntimeSession, our own, and the two open routes: everything
/// that is neither an invocation nor an object's. What the connections of all event loops share of it.
public final class ControlService: Sendable {
    let routes: RouteTable
    let authentication: RequestAuthentication
    let controlPlane: ControlPlane
    let throttle: Throttle?
    let validation: ValidationOptions
    let audit: AuditWriter?
    let readiness: @Sendable () async -> Readiness
    let answers: AnswerCache
    let store: Store

    /// - Parameters:
    ///   - store: Where answers that are kept are checked.
    ///   - validation: What the server's configuration changes about it.
    ///   - interpreters: What sandboxes of this host can run: `["PYTHON_3_11": "/usr/bin/python3.11"]`.
    ///   - throttle: Counts requests; nil: nobody does.
    ///   - access: Routes for keys and temporary credentials; nil: none.
    ///   - readiness: Asked for every `/readyz`: must answer soon.
    public init(
        authentication: RequestAuthentication, controlPlane: ControlPlane, store: Store, dataPlane: DataPlane,
        access: AccessRoutes? = nil, throttle: Throttle? = nil, validation: ValidationOptions = .standard,
        observability: Observability? = nil,
        interpreters: @escaping @Sendable () async throws -> [String: String],
        readiness: @escaping @Sendable () async -> Readiness
    ) {
        let answers = AnswerCache()
        routes = RouteTable(
            ControlRoute.model(controlPlane, answers) + [.stop(dataPlane, observability?.audit)]
                + ControlRoute.own(controlPlane, interpreters: interpreters) + (observability?.routes ?? []) + (access?.routes ?? []))
        self.answers = answers
        self.authentication = authentication
        self.controlPlane = controlPlane
        self.store = store
        self.throttle = throttle
        self.validation = validation
        self.audit = observability?.audit
        self.readiness = readiness
    }

    /// Runs a route for a caller that is known.
    func answer(
        _ call: AuthenticatedRequest, _ route: ControlRoute, _ parameters: [String: String]
    ) async throws -> ControlRoute.Answer {
        do {
            try await authorize(call.context, route, parameters)
            return try await route.answer(call, parameters)
        } catch let error as SignalboxError where error.kind == .accessDenied && route.changes {
            audit?.refused(call.context, route.action, parameters, error)
            throw error
        }
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
}

/// What the control plane's requests of one event loop share. Confined to that loop.
final class ControlLane {
    let service: ControlService
    let eventLoop: any EventLoop
    let executor: EventLoopExecutor
    let logger: Logger
    let revisions: LookupBatch<RowsRead, RowsRevision?>

    init(_ service: ControlService, eventLoop: any EventLoop, executor: EventLoopExecutor, logger: Logger) {
        self.service = service
        self.eventLoop = eventLoop
        self.executor = executor
        self.logger = logger
        let store = service.store
        revisions = LookupBatch(eventLoop: eventLoop) { store.revisions(of: $0, $1) }
    }

    func begin(_ head: HTTPRequestHead, _ framing: BodyFraming, _ reply: Reply) -> any RequestReceiver {
        let exchange = ControlExchange(lane: self, head: head, framing: framing, reply: reply)
        exchange.start()
        return exchange
    }
}
