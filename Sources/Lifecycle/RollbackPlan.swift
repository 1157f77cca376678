public import AgentCoreModel

/// One row of an endpoint's history, as far as a rollback looks at it.
public struct EndpointHistoryStep: Sendable, Equatable {
    public var kind: EndpointHistoryKind
    public var from: Int?
    public var to: Int?
    /// Of a `rolledBack` row: the earlier version it returned to. Equal to `to`, or on DEFAULT the
    /// version that `to` is a copy of.
    public var rollbackTo: Int?

    public init(_ kind: EndpointHistoryKind, from: Int? = nil, to: Int? = nil, rollbackTo: Int? = nil) {
        self.kind = kind
        self.from = from
        self.to = to
        self.rollbackTo = rollbackTo
    }
}

/// What a rollback of an endpoint does.
public enum RollbackPlan: Sendable, Equatable {
    /// The last change failed: make the live version the target again.
    case clear(to: Int)
    /// Move the endpoint to this version.
    case move(to: Int)
    /// DEFAULT always tracks the newest version: make a new one as a copy of this.
    case copy(of: Int)

    /// Why there is nothing to do. `description` is for the caller.
    public enum Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        case inProgress(AgentRuntimeStatus)
        /// The endpoint never went live.
        case neverLive
        /// It is at the first version it had, or all earlier ones are deleted.
        case nothingEarlier

        public var description: String {
            switch self {
            case .inProgress(let status):
                "The endpoint is in status \(status.rawValue). Wait until it is READY or has failed, then try again."
            case .neverLive: "The endpoint has never been READY, so there is no version to roll back to."
            case .nothingEarlier: "There is no earlier version to roll back to: none was READY here before, or none still exists."
            }
        }
    }

    /// Decides by the endpoint's own history, oldest row first.
    ///
    /// `usable` says whether a version still exists and is READY. Versions that are not are skipped.
    public static func make(
        endpointName: String, status: AgentRuntimeStatus, liveVersion: Int?, history: [EndpointHistoryStep],
        usable: (Int) -> Bool
    ) -> Result<RollbackPlan, Refusal> {
        switch status {
        case .creating, .updating, .deleting, .deleteFailed: return .failure(.inProgress(status))
        case .ready, .createFailed, .updateFailed: break
        }
        guard let liveVersion else { return .failure(.neverLive) }
        let isDefault = endpointName == "DEFAULT"
        if status != .ready { return .success(isDefault ? .copy(of: liveVersion) : .clear(to: liveVersion)) }
        guard let earlier = path(history, liveVersion: liveVersion).dropLast().last(where: { $0 != liveVersion && usable($0) })
        else { return .failure(.nothingEarlier) }
        return .success(isDefault ? .copy(of: earlier) : .move(to: earlier))
    }

    /// The versions that led to the live one, oldest first, the live one last.
    ///
    /// A flip forward lengthens the path; a rollback cuts it back to where it went, so what was
    /// rolled back from is on it no more. That is why repeated rollbacks walk further back and
    /// never ping-pong.
    public static func path(_ history: [EndpointHistoryStep], liveVersion: Int) -> [Int] {
        var path: [Int] = []
        for step in history {
            guard let to = step.to else { continue }
            switch step.kind {
            case .flipped:
                if path.last != to { path.append(to) }
            case .rolledBack:
                if let index = path.lastIndex(of: step.rollbackTo ?? to) {
                    path.removeSubrange(index...)
                } else {
                    path.removeAll()
                }
                path.append(to)
            case .created, .requested, .failed, .deleted: break
            }
        }
        if path.last != liveVersion { path.append(liveVersion) }
        return path
    }
}
