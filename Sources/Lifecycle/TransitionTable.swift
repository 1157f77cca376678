public import AgentCoreModel

/// Legal changes of a status as data: which event leads from where to where, and what it entails.
public struct TransitionTable<Event: Hashable & Sendable, Action: Equatable & Sendable>: Sendable {
    public struct Rule: Sendable {
        public var event: Event
        public var from: [AgentRuntimeStatus]
        /// nil: the row goes.
        public var to: AgentRuntimeStatus?
        public var actions: [Action]

        init(_ event: Event, from: [AgentRuntimeStatus], to: AgentRuntimeStatus?, _ actions: [Action] = []) {
            self.event = event
            self.from = from
            self.to = to
            self.actions = actions
        }
    }

    public struct Outcome: Sendable, Equatable {
        /// nil: the row goes.
        public var status: AgentRuntimeStatus?
        /// To be carried out in this order, in one transaction.
        public var actions: [Action]

        public init(status: AgentRuntimeStatus?, actions: [Action]) {
            self.status = status
            self.actions = actions
        }
    }

    /// Whose status it is, as people read it: "Agent runtime".
    public let noun: String
    /// One rule for each event.
    public let rules: [Event: Rule]

    init(_ noun: String, _ rules: [Rule]) {
        self.noun = noun
        self.rules = Dictionary(rules.map { ($0.event, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Statuses from which the event is legal, for a guard in SQL.
    public func sources(of event: Event) -> [AgentRuntimeStatus] { rules[event]?.from ?? [] }

    /// Where the event leads; nil when the row goes.
    public func destination(of event: Event) -> AgentRuntimeStatus? { rules[event]?.to }

    public func apply(_ event: Event, to status: AgentRuntimeStatus) -> Result<Outcome, IllegalTransition> {
        guard let rule = rules[event], rule.from.contains(status) else {
            return .failure(IllegalTransition(noun: noun, status: status, event: "\(event)"))
        }
        return .success(Outcome(status: rule.to, actions: rule.actions))
    }
}

/// An event came at a status that does not allow it: a conflict, when a caller asked for it.
public struct IllegalTransition: Error, Sendable, Equatable, CustomStringConvertible {
    public var noun: String
    public var status: AgentRuntimeStatus
    public var event: String

    /// What the caller can do about it.
    public var advice: String {
        switch status {
        case .creating, .updating: "Wait until it is READY or has failed, then try again."
        case .deleting: "It is being deleted."
        case .deleteFailed: "Its deletion failed; delete it again."
        case .ready, .createFailed, .updateFailed: "The change does not apply to that status."
        }
    }

    public var description: String { "\(noun) is in status \(status.rawValue). \(advice)" }
}
