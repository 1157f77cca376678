import Platform
import Store

/// Version CREATING → READY, with its runtime and DEFAULT in the same transaction (docs/architecture.md,
/// decision 5), or all three fail with the same reason.
struct PrepareVersion: Reconciler {
    let store: Store
    let preparer: any VersionPreparer

    func reconcile(_ c: OperationContext, _ item: WorkItem, subject: Int64) async throws -> ReconcilerOutcome {
        guard var version = try await store.versionFetch(c, id: subject), version.status == .creating else { return .done }
        try await Failpoint.hit(.prepareBegun)
        let failure = try await item.failure {
            try await pin(c, &version)
            try await store.versionPreparation(c, version: version.id, "starting a sandbox to see the agent answer")
            try await preparer.probe(c, version)
        }
        if let failure { return try await fail(c, item, version, failure) }
        try await Failpoint.hit(.prepareCommit)
        let outcome = try await succeed(c, item, version)
        try await Failpoint.hit(.prepareCommitted)
        return outcome
    }

    /// A tag may be moved: what it stands for now is what the version stays.
    private func pin(_ c: OperationContext, _ version: inout VersionRecord) async throws {
        guard let container = version.configuration.agentRuntimeArtifact.containerConfiguration, version.image == nil else { return }
        let id = version.id
        try await store.versionPreparation(c, version: id, "pulling \(container.containerUri)")
        let resolved = try await preparer.resolve(c, reference: container.containerUri) { sentence in
            do {
                try await store.versionPreparation(c, version: id, sentence)
            } catch {
                c.logger.debug("how far a pull is could not be noted", metadata: ["error": "\(error)"])
            }
        }
        try await Failpoint.hit(.preparePulled)
        version.image = try await store.versionPin(
            c, version: id, image: VersionImage(id: resolved.image.id, source: resolved.image.source), platform: resolved.platform,
            size: resolved.size)
        c.logger.notice(
            "an image was pinned",
            metadata: ["version": "\(version)", "image": "\(resolved.image.id)", "source": "\(resolved.image.source ?? "none")"])
    }

    private func succeed(_ c: OperationContext, _ item: WorkItem, _ version: VersionRecord) async throws -> ReconcilerOutcome {
        try await store.transaction(c) { tx in
            guard let runtime = try await store.runtimeFetchForUpdate(c, in: tx, id: version.runtime) else { return .done }
            try await store.workFence(c, in: tx, item)
            guard try await store.versionTransition(c, in: tx, version: version.id, event: .prepared) else { return .done }
            var kind = Transition.Kind(preparing: version)
            if runtime.lastVersion == version.version,
                try await store.runtimeTransition(c, in: tx, runtime: runtime.id, event: .prepared)
            {
                let follows = try await store.endpointFetchForUpdate(c, in: tx, runtime: runtime.id, name: EndpointRecord.defaultName)
                guard let follows, follows.targetVersion == version.version,
                    let flip = try await store.endpointFlipped(c, in: tx, endpoint: follows.id, generation: follows.generation)
                else { throw SignalboxError.internal("DEFAULT of \(runtime.runtimeID) does not follow version \(version.version)") }
                if flip == .rolledBack { kind = .rollback }
            }
            let age = try await store.workComplete(c, in: tx, item)
            try await Failpoint.hit(.prepareWritten)
            return .committed(Transition(kind, .ready), after: age)
        }
    }

    private func fail(
        _ c: OperationContext, _ item: WorkItem, _ version: VersionRecord, _ reason: String
    ) async throws -> ReconcilerOutcome {
        c.logger.notice("a version failed to prepare", metadata: ["version": "\(version)", "reason": "\(reason)"])
        return try await store.transaction(c) { tx in
            guard let runtime = try await store.runtimeFetchForUpdate(c, in: tx, id: version.runtime) else { return .done }
            try await store.workFence(c, in: tx, item)
            let event = try await store.versionTransition(
                c, in: tx, version: version.id, event: .prepareFailed, failureReason: reason)
            guard event else { return .done }
            var kind = Transition.Kind(preparing: version)
            if runtime.lastVersion == version.version {
                _ = try await store.runtimeFail(c, in: tx, runtime: runtime.id, reason: reason)
                let follows = try await store.endpointFetchForUpdate(c, in: tx, runtime: runtime.id, name: EndpointRecord.defaultName)
                if let follows, follows.targetVersion == version.version {
                    let isRollback = try await store.endpointIsRollingBack(
                        c, in: tx, endpoint: follows.id, generation: follows.generation)
                    if isRollback { kind = .rollback }
                    _ = try await store.endpointFail(
                        c, in: tx, endpoint: follows.id, generation: follows.generation, reason: reason)
                }
            }
            return .committed(Transition(kind, .failed), after: try await store.workComplete(c, in: tx, item))
        }
    }
}

extension Transition.Kind {
    fileprivate init(preparing version: VersionRecord) { self = version.version == 1 ? .createRuntime : .updateRuntime }
}
