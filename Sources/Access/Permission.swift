public import Platform

/// What an operation does, as far as roles tell operations apart.
public enum Permission: Sendable, Equatable, CaseIterable {
    /// Get and list.
    case read
    /// Call an agent, end a session.
    case invoke
    /// Change anything.
    case operate
}

extension Principal.Role {
    public func allows(_ permission: Permission) -> Bool {
        switch (self, permission) {
        case (.admin, _), (.operator, _), (.invoker, .read), (.invoker, .invoke), (.viewer, .read): true
        case (.invoker, .operate), (.viewer, .invoke), (.viewer, .operate): false
        }
    }
}

extension Principal {
    /// Throws `.accessDenied` in AWS's wording when the role does not allow it.
    ///
    /// - Parameter action: As in an IAM policy: `bedrock-agentcore:CreateAgentRuntime`.
    public func require(_ permission: Permission, for action: String) throws(SignalboxError) {
        guard !role.allows(permission) else { return }
        throw .accessDenied(
            "User: \(accessKeyID) is not authorized to perform: \(action) because the access key's role "
                + "'\(role.rawValue)' does not allow it")
    }
}
