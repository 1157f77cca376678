public import AgentCoreModel
public import Platform
public import Store

/// What an answer about a runtime was made of. While the rows are in the state that `revision` names, the
/// same question has the same answer; who may have it is judged for every caller anew.
public struct AnswerSource: Sendable {
    public var rows: RowsRead
    public var revision: RowsRevision
    /// Of the same state: what role and policies are judged by.
    let guarded: GuardedRuntime
    /// The endpoint that the question was about.
    let endpoint: String?

    /// Bytes of what it holds, roughly.
    public var size: Int {
        512 + [guarded.policies.runtime, guarded.policies.endpoint].count { $0 != nil } * PolicyDocument.maximumLength
    }

    /// Whether a caller's role is all that decides: it is the owner's, and there is no policy.
    public func isOpen(to principal: Principal) -> Bool {
        guarded.policies.isEmpty && guarded.runtime.account == principal.account
    }

    /// Throws what the use case throws when role and policies don't let the caller have it.
    public func require(_ c: OperationContext, _ action: PolicyAction) throws(SignalboxError) {
        try ControlPlane.require(c, action, guarded, endpoint: endpoint)
    }
}
