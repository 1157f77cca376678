public import Platform

/// What conditions may ask about a request.
public struct PolicyContext: Sendable {
    public var principal: Principal
    /// Of the credential's scope.
    public var region: String
    /// nil: not known.
    public var sourceIP: IPAddress?
    public var now: WireTimestamp

    public init(principal: Principal, region: String, sourceIP: IPAddress?, now: WireTimestamp) {
        self.principal = principal
        self.region = region
        self.sourceIP = sourceIP
        self.now = now
    }
}

/// The policies that a request meets: its runtime's and, if it is about an endpoint, that endpoint's.
public struct ResourcePolicies: Sendable, Equatable {
    public var runtime: PolicyDocument?
    public var endpoint: PolicyDocument?
    /// Whether the request is about an endpoint, which may have a policy or none.
    public var hasEndpoint: Bool

    public init(runtime: PolicyDocument? = nil, endpoint: PolicyDocument? = nil, hasEndpoint: Bool) {
        self.runtime = runtime
        self.endpoint = endpoint
        self.hasEndpoint = hasEndpoint
    }

    public var isEmpty: Bool { runtime == nil && endpoint == nil }
}

public enum PolicyDecision: Sendable, Equatable {
    case allowed
    /// A statement denies it.
    case denied
    /// Neither the role nor the policies allow it.
    case notAllowed
    /// The resource is another account's and not shared: it does not exist for the caller.
    case hidden
}

/// Decides by role and policies together (docs/adr/0005-resource-policies.md).
public enum PolicyEvaluator {
    /// - Parameters:
    ///   - owner: Account of the resource.
    ///   - roleAllows: Whether the caller's own role permits the action. For another account's resource
    ///     both must: the role on the caller's side, the policies on the owner's.
    public static func decide(
        _ action: PolicyAction, policies: ResourcePolicies, owner: String, roleAllows: Bool, context: PolicyContext
    ) -> PolicyDecision {
        let isOwn = context.principal.account == owner
        if isOwn, action.concernsPolicies, context.principal.role == .admin { return .allowed }
        if denies(policies.runtime, action, context) || denies(policies.endpoint, action, context) { return isOwn ? .denied : .hidden }
        if isOwn, roleAllows { return .allowed }
        let shares =
            allows(policies.runtime, action, context, isOwn: isOwn)
            && (!policies.hasEndpoint || allows(policies.endpoint, action, context, isOwn: isOwn))
        if isOwn { return shares ? .allowed : .notAllowed }
        return shares && roleAllows ? .allowed : .hidden
    }

    private static func denies(_ document: PolicyDocument?, _ action: PolicyAction, _ context: PolicyContext) -> Bool {
        document?.statements.contains { $0.effect == .deny && $0.applies(action, context) } ?? false
    }

    private static func allows(_ document: PolicyDocument?, _ action: PolicyAction, _ context: PolicyContext, isOwn: Bool) -> Bool {
        document?.statements.contains { statement in
            guard statement.effect == .allow else { return false }
            // In its own account, naming the account leaves the decision to the role.
            return statement.applies(action, context, except: isOwn ? .account(context.principal.account) : nil)
        } ?? false
    }
}

extension PolicyDocument.Statement {
    fileprivate func applies(_ action: PolicyAction, _ context: PolicyContext, except ignored: PolicyPrincipal? = nil) -> Bool {
        actions.contains(action) && principals.contains { $0 != ignored && $0.matches(context.principal) }
            && conditions.allSatisfy { $0.holds(context) }
    }
}
