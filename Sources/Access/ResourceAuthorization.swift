public import AgentCoreModel
public import Platform

extension PolicyAction {
    /// What a role must allow for it.
    public var permission: Permission {
        switch self {
        case .invokeAgentRuntime, .invokeAgentRuntimeForUser, .invokeAgentRuntimeCommand, .invokeAgentRuntimeCommandShell,
            .invokeAgentRuntimeWithWebSocketStream, .invokeAgentRuntimeWithWebSocketStreamForUser, .stopRuntimeSession,
            .getAgentCard:
            .invoke
        case .getAgentRuntime, .listAgentRuntimeVersions, .listAgentRuntimeEndpoints, .getAgentRuntimeEndpoint,
            .listTagsForResource, .getResourcePolicy:
            .read
        case .updateAgentRuntime, .deleteAgentRuntime, .createAgentRuntimeEndpoint, .updateAgentRuntimeEndpoint,
            .deleteAgentRuntimeEndpoint, .tagResource, .untagResource:
            .operate
        case .putResourcePolicy, .deleteResourcePolicy: .administer
        }
    }
}

/// A runtime or endpoint that somebody wants to use, as far as the decision needs it.
public struct GuardedResource: Sendable, Equatable {
    /// Twelve digits.
    public var owner: String
    /// For the caller's eyes.
    public var arn: String
    public var policies: ResourcePolicies

    public init(owner: String, arn: String, policies: ResourcePolicies) {
        self.owner = owner
        self.arn = arn
        self.policies = policies
    }
}

extension OperationContext {
    /// Throws `.accessDenied`, in AWS's wording, unless role and policies together allow every action.
    ///
    /// - Parameter hidden: Thrown instead when the resource is another account's and not shared.
    public func require(
        _ actions: PolicyAction..., on resource: GuardedResource, hidden: @autoclosure () -> SignalboxError
    ) throws(SignalboxError) {
        for action in actions { try require(action, on: resource, hidden: hidden) }
    }

    private func require(
        _ action: PolicyAction, on resource: GuardedResource, hidden: () -> SignalboxError
    ) throws(SignalboxError) {
        // By far the most frequent case needs nothing else.
        if resource.policies.isEmpty, principal.account == resource.owner, principal.role.allows(action.permission) { return }
        try judge(action, on: resource, as: principal, hidden)
        // A lesser role must not be a way around what a policy says of the key's own.
        guard let keyRole = principal.keyRole, keyRole != principal.role else { return }
        var full = principal
        full.role = keyRole
        try judge(action, on: resource, as: full, hidden)
    }

    private func judge(
        _ action: PolicyAction, on resource: GuardedResource, as principal: Principal, _ hidden: () -> SignalboxError
    ) throws(SignalboxError) {
        let context = PolicyContext(
            principal: principal, region: region, sourceIP: sourceAddress.flatMap { IPAddress($0) }, now: WireTimestamp(clock.date()))
        switch PolicyEvaluator.decide(
            action, policies: resource.policies, owner: resource.owner, roleAllows: principal.role.allows(action.permission),
            context: context)
        {
        case .allowed: return
        case .denied:
            throw .accessDenied(
                "User: \(principal.accessKeyID) is not authorized to perform: \(action.qualifiedName) on resource: "
                    + "\(resource.arn) with an explicit deny in a resource-based policy")
        case .notAllowed: throw principal.denial(of: action.qualifiedName)
        case .hidden: throw hidden()
        }
    }
}
