import Platform
import Store

/// Pinned endpoint CREATING or UPDATING → READY on its target, which is prepared already.
struct SettleEndpoint: Reconciler {
    let store: Store
    let preparer: any VersionPreparer

    func reconcile(_ c: OperationContext, _ item: WorkItem, subject: Int64) async throws -> ReconcilerOutcome {
        // At once; both are one look-up.
        async let found = store.endpointFetch(c, id: subject)
        async let aim = store.versionFetch(c, targetOf: subject)
        var target = try await aim
        guard let endpoint = try await found, !endpoint.isDefault, endpoint.status == .creating || endpoint.status == .updating
        else { return .done }
        try await Failpoint.hit(.settleBegun)
        // Moved between the two.
        if target?.version != endpoint.targetVersion {
            target = try await store.versionFetch(c, runtime: endpoint.runtime, version: endpoint.targetVersion)
        }
        guard let target, target.status == .ready else {
            let status = target.map { "is in status \($0.status.rawValue)" } ?? "does not exist any more"
            return try await fail(c, item, endpoint, "Version '\(endpoint.targetVersion)' \(status).")
        }
        if let failure = try await item.failure(of: { try await preparer.warm(c, target) }) {
            return try await fail(c, item, endpoint, failure)
        }
        try await Failpoint.hit(.settleCommit)
        let outcome: ReconcilerOutcome = try await store.transaction(c) { tx in
            let (flip, age) = try await store.endpointSettle(c, in: tx, item, endpoint: endpoint)
            try await Failpoint.hit(.settleWritten)
            // None when it was changed meanwhile: that change has asked for work of its own.
            guard let flip else { return .committed(nil, after: age) }
            let kind: Transition.Kind = endpoint.status == .creating ? .createEndpoint : flip == .rolledBack ? .rollback : .switch
            return .committed(Transition(kind, .ready), after: age)
        }
        try await Failpoint.hit(.settleCommitted)
        return outcome
    }

    private func fail(
        _ c: OperationContext, _ item: WorkItem, _ endpoint: EndpointRecord, _ reason: String
    ) async throws -> ReconcilerOutcome {
        c.logger.notice("an endpoint failed to move", metadata: ["endpoint": "\(endpoint.arn)", "reason": "\(reason)"])
        return try await store.transaction(c) { tx in
            guard try await store.runtimeFetchForUpdate(c, in: tx, id: endpoint.runtime) != nil else { return .done }
            try await store.workFence(c, in: tx, item)
            let isRollback = try await store.endpointIsRollingBack(c, in: tx, endpoint: endpoint.id, generation: endpoint.generation)
            let failed = try await store.endpointFail(
                c, in: tx, endpoint: endpoint.id, generation: endpoint.generation, reason: reason)
            let kind: Transition.Kind = endpoint.status == .creating ? .createEndpoint : isRollback ? .rollback : .switch
            return .committed(failed ? Transition(kind, .failed) : nil, after: try await store.workComplete(c, in: tx, item))
        }
    }
}
