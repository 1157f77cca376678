import AgentCoreModel
import Platform
import Store

/// Endpoint DELETING → gone, once its sessions are. The owners of the sessions were asked to stop
/// them by the change itself.
struct RemoveEndpoint: Reconciler {
    let store: Store

    func reconcile(_ c: OperationContext, _ item: WorkItem, subject: Int64) async throws -> ReconcilerOutcome {
        guard let endpoint = try await store.endpointFetch(c, id: subject), endpoint.status == .deleting else { return .done }
        try await Failpoint.hit(.removeBegun)
        let sessions = try await store.sessionCount(c, endpoint: endpoint.id)
        let isOverdue = item.attempts >= WorkItem.deletionPatience
        if sessions > 0, !isOverdue { return .later(item.pollInterval, why: "\(sessions) sessions are ending") }
        try await Failpoint.hit(.removeCommit)
        let outcome: ReconcilerOutcome = try await store.transaction(c) { tx in
            guard try await store.runtimeFetchForUpdate(c, in: tx, id: endpoint.runtime) != nil else { return .done }
            try await store.workFence(c, in: tx, item)
            if try await !store.endpointDelete(c, in: tx, endpoint: endpoint.id) {
                guard isOverdue else { return .later(item.pollInterval, why: "a session is ending") }
                _ = try await store.endpointDeleteFailed(c, in: tx, endpoint: endpoint.id, reason: Self.overdue(sessions))
                try await store.recordAudit(
                    c, in: tx,
                    AuditEvent(
                        "EndpointDeleteFailed", resource: endpoint.arn.description, outcome: .failed, runtimeID: endpoint.runtimeID,
                        owner: (endpoint.account, endpoint.region), reason: Self.overdue(sessions)))
                return .committed(Transition(.deleteEndpoint, .failed), after: try await store.workComplete(c, in: tx, item))
            }
            let age = try await store.workComplete(c, in: tx, item)
            try await Failpoint.hit(.removeWritten)
            return .committed(Transition(.deleteEndpoint, .gone), after: age)
        }
        try await Failpoint.hit(.removeCommitted)
        return outcome
    }

    static func overdue(_ sessions: Int) -> String {
        "\(sessions) sessions did not end in time; see whether the servers that own them run, then delete again."
    }
}

/// Runtime DELETING → gone, with versions and endpoints, once its sessions are.
struct RemoveRuntime: Reconciler {
    let store: Store

    func reconcile(_ c: OperationContext, _ item: WorkItem, subject: Int64) async throws -> ReconcilerOutcome {
        guard let runtime = try await store.runtimeFetch(c, id: subject), runtime.status == .deleting else { return .done }
        try await Failpoint.hit(.removeBegun)
        let sessions = try await store.sessionCount(c, runtime: runtime.id)
        let isOverdue = item.attempts >= WorkItem.deletionPatience
        if sessions > 0, !isOverdue { return .later(item.pollInterval, why: "\(sessions) sessions are ending") }
        try await Failpoint.hit(.removeCommit)
        let outcome: ReconcilerOutcome = try await store.transaction(c) { tx in
            guard try await store.runtimeFetchForUpdate(c, in: tx, id: runtime.id) != nil else { return .done }
            try await store.workFence(c, in: tx, item)
            let audited = { (operation: String, outcome: AuditEvent.Outcome, reason: String?) in
                AuditEvent(
                    operation, resource: runtime.arn.description, outcome: outcome, runtimeID: runtime.runtimeID,
                    owner: (runtime.account, runtime.region), reason: reason)
            }
            if try await !store.runtimeDelete(c, in: tx, runtime: runtime.id) {
                guard isOverdue else { return .later(item.pollInterval, why: "a session is ending") }
                _ = try await store.runtimeTransition(
                    c, in: tx, runtime: runtime.id, event: .deleteFailed, failureReason: RemoveEndpoint.overdue(sessions))
                try await store.recordAudit(c, in: tx, audited("RuntimeDeleteFailed", .failed, RemoveEndpoint.overdue(sessions)))
                return .committed(Transition(.deleteRuntime, .failed), after: try await store.workComplete(c, in: tx, item))
            }
            try await store.recordAudit(c, in: tx, audited("RuntimeDeleted", .ok, nil))
            let age = try await store.workComplete(c, in: tx, item)
            try await Failpoint.hit(.removeWritten)
            return .committed(Transition(.deleteRuntime, .gone), after: age)
        }
        try await Failpoint.hit(.removeCommitted)
        return outcome
    }
}

/// Version DELETING → gone.
struct RemoveVersion: Reconciler {
    let store: Store

    func reconcile(_ c: OperationContext, _ item: WorkItem, subject: Int64) async throws -> ReconcilerOutcome {
        guard let version = try await store.versionFetch(c, id: subject), version.status == .deleting else { return .done }
        try await Failpoint.hit(.removeBegun)
        try await Failpoint.hit(.removeCommit)
        let outcome: ReconcilerOutcome = try await store.transaction(c) { tx in
            guard try await store.runtimeFetchForUpdate(c, in: tx, id: version.runtime) != nil else { return .done }
            try await store.workFence(c, in: tx, item)
            let audited = { (operation: String, outcome: AuditEvent.Outcome) in
                AuditEvent(
                    operation, resource: version.arn.description, outcome: outcome, runtimeID: version.runtimeID,
                    owner: (version.account, version.region), from: version.audited)
            }
            if try await !store.versionDelete(c, in: tx, version: version.id) {
                let use = try await store.versionUse(c, in: tx, version: version.id)
                _ = try await store.versionTransition(
                    c, in: tx, version: version.id, event: .deleteFailed,
                    failureReason: "It is in use by \(use.endpoints.count) endpoints and \(use.sessions) live sessions.")
                try await store.recordAudit(c, in: tx, audited("VersionDeleteFailed", .failed))
                return .committed(Transition(.deleteVersion, .failed), after: try await store.workComplete(c, in: tx, item))
            }
            try await store.recordAudit(c, in: tx, audited("VersionDeleted", .ok))
            let age = try await store.workComplete(c, in: tx, item)
            try await Failpoint.hit(.removeWritten)
            return .committed(Transition(.deleteVersion, .gone), after: age)
        }
        try await Failpoint.hit(.removeCommitted)
        return outcome
    }
}
