public import AgentCoreModel

/// The state machines of contract §7. Each is a table; the store turns a table's sources into the
/// guard of an UPDATE, so that the database, not only the code, refuses an illegal step.

/// What happens to a runtime.
public enum RuntimeEvent: Sendable, Hashable, CaseIterable {
    /// UpdateAgentRuntime, or a rollback of DEFAULT: the next version exists and is to be prepared.
    case updateRequested
    /// The newest version is prepared; commits together with DEFAULT's flip (decision 5).
    case prepared
    /// The newest version could not be prepared. From CREATING and from UPDATING it leads to
    /// different statuses, hence two events.
    case createFailed
    case updateFailed
    case deleteRequested
    case deleteFailed
    /// Endpoints, versions, sessions are gone: the row goes and the name is free.
    case deleted
}

public enum RuntimeAction: Sendable, Equatable {
    /// Make the next version row and point DEFAULT's target at it.
    case appendVersion
    /// Enqueue the preparation of the newest version.
    case prepare
    /// DEFAULT goes live on the newest version in the same transaction.
    case flipDefault
    /// DEFAULT fails with the same reason; its live version stays.
    case failDefault
    /// Ask live sessions to stop, mark endpoints DELETING, enqueue the removal.
    case tearDown
    case removeRow
}

public enum RuntimeMachine {
    public static let initial = AgentRuntimeStatus.creating

    public static let table = TransitionTable<RuntimeEvent, RuntimeAction>(
        "Agent runtime",
        [
            .init(.updateRequested, from: [.ready, .createFailed, .updateFailed], to: .updating, [.appendVersion, .prepare]),
            .init(.prepared, from: [.creating, .updating], to: .ready, [.flipDefault]),
            .init(.createFailed, from: [.creating], to: .createFailed, [.failDefault]),
            .init(.updateFailed, from: [.updating], to: .updateFailed, [.failDefault]),
            .init(.deleteRequested, from: [.ready, .createFailed, .updateFailed, .deleteFailed], to: .deleting, [.tearDown]),
            .init(.deleteFailed, from: [.deleting], to: .deleteFailed),
            .init(.deleted, from: [.deleting], to: nil, [.removeRow]),
        ])
}

/// What happens to an endpoint.
public enum EndpointEvent: Sendable, Hashable, CaseIterable {
    /// UpdateAgentRuntimeEndpoint with a version, a rollback, or DEFAULT following its runtime.
    case targetRequested
    /// The target is prepared: it becomes the live version.
    case flipped
    case createFailed
    case updateFailed
    /// A rollback out of UPDATE_FAILED: the target becomes the live version again.
    case cleared
    case deleteRequested
    /// The runtime goes: its endpoints go with it whatever they were doing.
    case runtimeDeleteRequested
    case deleteFailed
    case deleted
}

public enum EndpointAction: Sendable, Equatable {
    case setTarget
    /// Enqueue the work that leads to `flipped`.
    case prepare
    /// liveVersion = targetVersion.
    case flip
    /// targetVersion = liveVersion.
    case clearTarget
    /// Ask its live sessions to stop, enqueue the removal.
    case tearDown
    case removeRow
    case record(EndpointHistoryKind)
}

/// What a row of endpoint_history tells.
public enum EndpointHistoryKind: String, Sendable, Codable, CaseIterable {
    case created, requested, flipped, failed, deleted
    /// A flip that a rollback asked for.
    case rolledBack = "rolled_back"
}

public enum EndpointMachine {
    public static let initial = AgentRuntimeStatus.creating

    public static let table = TransitionTable<EndpointEvent, EndpointAction>(
        "Agent runtime endpoint",
        [
            .init(
                .targetRequested, from: [.ready, .createFailed, .updateFailed], to: .updating,
                [.setTarget, .record(.requested), .prepare]),
            .init(.flipped, from: [.creating, .updating], to: .ready, [.flip, .record(.flipped)]),
            .init(.createFailed, from: [.creating], to: .createFailed, [.record(.failed)]),
            .init(.updateFailed, from: [.updating], to: .updateFailed, [.record(.failed)]),
            .init(.cleared, from: [.updateFailed], to: .ready, [.clearTarget, .record(.requested)]),
            .init(.deleteRequested, from: [.ready, .createFailed, .updateFailed, .deleteFailed], to: .deleting, [.tearDown]),
            .init(.runtimeDeleteRequested, from: AgentRuntimeStatus.allCases, to: .deleting, [.tearDown]),
            .init(.deleteFailed, from: [.deleting], to: .deleteFailed),
            .init(.deleted, from: [.deleting], to: nil, [.removeRow, .record(.deleted)]),
        ])
}

/// What happens to a version. Its configuration never changes; this is its preparation.
public enum VersionEvent: Sendable, Hashable, CaseIterable {
    case prepared
    case prepareFailed
    case deleteRequested
    case deleteFailed
    case deleted
}

public enum VersionAction: Sendable, Equatable {
    case removeRow
}

public enum VersionMachine {
    public static let initial = AgentRuntimeStatus.creating

    public static let table = TransitionTable<VersionEvent, VersionAction>(
        "Agent runtime version",
        [
            .init(.prepared, from: [.creating], to: .ready),
            .init(.prepareFailed, from: [.creating], to: .createFailed),
            .init(.deleteRequested, from: [.ready, .createFailed, .deleteFailed], to: .deleting),
            .init(.deleteFailed, from: [.deleting], to: .deleteFailed),
            .init(.deleted, from: [.deleting], to: nil, [.removeRow]),
        ])
}
