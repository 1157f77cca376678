public import Platform

/// What an operation does, as far as roles tell operations apart.
public enum Permission: Sendable, Equatable, CaseIterable {
    /// Get and list.
    case read
    /// Call an agent, end a session.
    case invoke
    /// Change anything but who may do what.
    case operate
    /// Change who may do what.
    case administer
}

extension Principal.Role {
    public func allows(_ permission: Permission) -> Bool {
        switch (self, permission) {
        case (.admin, _), (.operator, .read), (.operator, .invoke), (.operator, .operate), (.invoker, .read), (.invoker, .invoke),
            (.viewer, .read):
            true
        case (.operator, .administer), (.invoker, .operate), (.invoker, .administer), (.viewer, .invoke), (.viewer, .operate),
            (.viewer, .administer):
            false
        }
    }
}

extension Principal.Role {
    /// The rights that this role and `other` have in common, as a role; nil: no role has just those.
    ///
    /// Roles are ordered but for objects, which viewers read and invokers don't.
    public func narrowed(to other: Self) -> Self? { self == .invoker && other == .viewer ? nil : min(self, other) }
}

extension Principal {
    /// Throws `.accessDenied` in AWS's wording when the role does not allow it.
    ///
    /// - Parameter action: As in an IAM policy: `bedrock-agentcore:CreateAgentRuntime`.
    public func require(_ permission: Permission, for action: String) throws(SignalboxError) {
        guard !role.allows(permission) else { return }
        throw denial(of: action)
    }

    /// What a caller is told whose role does not allow an action.
    public func denial(of action: String) -> SignalboxError {
        .accessDenied(
            "User: \(accessKeyID) is not authorized to perform: \(action) because the access key's role "
                + "'\(role.rawValue)' does not allow it")
    }
}
