public import AgentCoreModel
import Crypto
public import Lifecycle
public import Platform
public import PostgresClient

/// Who uses a version, for the Conflict that a deletion answers (decision 6).
public struct VersionUse: Sendable, Equatable {
    /// Names of endpoints whose live or target version it is.
    public var endpoints: [String]
    /// Live sessions pinned to it.
    public var sessions: Int

    public var isUnused: Bool { endpoints.isEmpty && sessions == 0 }
}

extension Store {
    /// Adds the next version, in status CREATING, and makes it the newest. The runtime's row must be
    /// locked by this transaction.
    public func versionAppend(
        _ c: OperationContext, in tx: PostgresTransaction, runtime: RuntimeRecord, configuration: VersionConfiguration,
        environmentVariables: [String: String], artifact: ArtifactReference?
    ) async throws -> VersionRecord {
        let counter = try await tx.query(
            """
            update agent_runtime set last_version = last_version + 1, updated_at = now()
            where id = $1 and last_version < 99999 returning last_version
            """, [.int(runtime.id)])
        guard let version = try counter.first?.number("last_version") else {
            throw SignalboxError.quotaExceeded("Agent runtime '\(runtime.runtimeID)' has used up its 99999 version numbers.")
        }
        let bytes = try configuration.canonicalBytes()
        let sealed = try sealed(environment: environmentVariables, runtimeID: runtime.runtimeID, version: version)
        let inserted = try await tx.query(
            """
            with added as (
                insert into agent_runtime_version (runtime, version, configuration, configuration_sha256,
                    environment_ciphertext, environment_key_id, artifact, created_by)
                values ($1, $2, $3, $4, $5, $6, $7, $8) returning id
            )
            insert into version_status (version, status) select id, 'CREATING' from added returning version
            """,
            [
                .int(runtime.id), .int(version), .bytes(bytes), .bytes(Array(SHA256.hash(data: bytes))),
                .bytes(sealed?.ciphertext), .text(sealed?.keyID), .int(artifact?.id), .text(c.principal.accessKeyID),
            ])
        guard let id = try inserted.first?.int("version"), let record = try await versionFetch(c, in: tx, id: id) else {
            throw SignalboxError.internal("the version just inserted is not there")
        }
        return record
    }

    /// One version, or the newest when `version` is nil.
    public func versionFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64, version: Int? = nil
    ) async throws -> VersionRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime, runtime_id, account, region, runtime_name, version, configuration, environment_ciphertext,
                environment_key_id, artifact, artifact_sha256, artifact_size, status, failure_reason, preparation, prepared_at,
                created_at, updated_at, image_id, image_source
            from version_detail where runtime = $1 and version = coalesce($2::bigint::integer, last_version)
            """, [.int(runtime), .int(version)])
        return try decoding { try result.first.map(versionRecord) }
    }

    /// The version that an endpoint is to point at.
    public func versionFetch(_ c: OperationContext, targetOf endpoint: Int64) async throws -> VersionRecord? {
        let result = try await run(
            c,
            """
            select v.id, v.runtime, v.runtime_id, v.account, v.region, v.runtime_name, v.version, v.configuration,
                v.environment_ciphertext, v.environment_key_id, v.artifact, v.artifact_sha256, v.artifact_size, v.status,
                v.failure_reason, v.preparation, v.prepared_at, v.created_at, v.updated_at, v.image_id, v.image_source
            from runtime_endpoint e
            join version_detail v on v.runtime = e.runtime and v.version = (e.target -> 0 ->> 'version')::integer
            where e.id = $1
            """, [.int(endpoint)])
        return try decoding { try result.first.map(versionRecord) }
    }

    /// nil: there is no such version.
    public func versionStatus(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64, version: Int
    ) async throws -> AgentRuntimeStatus? {
        let (statement, parameters) = Self.versionStatus(runtime: runtime, version: version)
        let result = try await run(c, in: executor, statement, parameters)
        return try decoding { try result.first?.status("status") }
    }

    static func versionStatus(runtime: Int64, version: Int) -> (statement: Statement, parameters: [PostgresValue]) {
        (
            """
            select s.status from agent_runtime_version v join version_status s on s.version = v.id
            where v.runtime = $1 and v.version = $2
            """, [.int(runtime), .int(version)]
        )
    }

    /// By row id.
    public func versionFetch(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, id: Int64
    ) async throws -> VersionRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime, runtime_id, account, region, runtime_name, version, configuration, environment_ciphertext,
                environment_key_id, artifact, artifact_sha256, artifact_size, status, failure_reason, preparation, prepared_at,
                created_at, updated_at, image_id, image_source
            from version_detail where id = $1
            """, [.int(id)])
        return try decoding { try result.first.map(versionRecord) }
    }

    /// The newest version in status READY: what an endpoint created without a version takes (decision 5).
    public func versionFetchNewestReady(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64
    ) async throws -> VersionRecord? {
        let result = try await run(
            c, in: executor,
            """
            select id, runtime, runtime_id, account, region, runtime_name, version, configuration, environment_ciphertext,
                environment_key_id, artifact, artifact_sha256, artifact_size, status, failure_reason, preparation, prepared_at,
                created_at, updated_at, image_id, image_source
            from version_detail where runtime = $1 and status = 'READY' order by version desc limit 1
            """, [.int(runtime)])
        return try decoding { try result.first.map(versionRecord) }
    }

    /// A runtime's versions, newest first.
    public func versionList(_ c: OperationContext, runtime: RuntimeRecord, page: PageRequest) async throws -> Page<VersionRecord> {
        let list = ["versions", runtime.account, runtime.region, runtime.runtimeID]
        var before = Int64(Int32.max)
        if let token = page.nextToken {
            before = Int64(try pageTokens.cursor(of: token, list: list, count: 1)[0]) ?? 0
        }
        let result = try await runList(
            c,
            """
            select id, runtime, runtime_id, account, region, runtime_name, version, configuration, environment_ciphertext,
                environment_key_id, artifact, artifact_sha256, artifact_size, status, failure_reason, preparation, prepared_at,
                created_at, updated_at, image_id, image_source
            from version_detail where runtime = $1 and version < $2 order by version desc limit $3
            """, [.int(runtime.id), .int(before), .int(page.maxResults + 1)])
        return try decoding {
            let items = try result.rows.prefix(page.maxResults).map(versionRecord)
            guard result.rows.count > page.maxResults, let last = items.last else { return Page(items: items, nextToken: nil) }
            return Page(items: items, nextToken: pageTokens.make(cursor: ["\(last.version)"], list: list))
        }
    }

    /// Carries out the status change of an event. False: the status does not allow it (any more).
    /// Use `versionDelete` for `.deleted`.
    public func versionTransition(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, version id: Int64, event: VersionEvent,
        failureReason: String? = nil
    ) async throws -> Bool {
        guard let status = VersionMachine.table.destination(of: event) else {
            throw SignalboxError.internal("versionTransition cannot carry out \(event)")
        }
        return try await run(
            c, in: executor,
            """
            update version_status set status = $2, failure_reason = $3, preparation = null, updated_at = now(),
                prepared_at = case when $2 = 'READY' then now() else prepared_at end
            where version = $1 and status = any($4)
            """,
            [.int(id), .text(status.rawValue), .text(failureReason), .statuses(VersionMachine.table.sources(of: event))]
        ).affectedRows > 0
    }

    /// What is being done for the version now, in words for people.
    public func versionPreparation(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, version id: Int64, _ text: String?
    ) async throws {
        _ = try await run(
            c, in: executor, "update version_status set preparation = $2, updated_at = now() where version = $1",
            [.int(id), .text(text)])
    }

    /// Pins the image that a version runs. Returns what is pinned: an earlier pin wins, for it may be in use already.
    public func versionPin(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, version id: Int64, image: VersionImage, platform: String,
        size: Int64
    ) async throws -> VersionImage {
        _ = try await run(
            c, in: executor,
            """
            insert into version_image (version, image_id, source, platform, size) values ($1, $2, $3, $4, $5)
            on conflict (version) do nothing
            """, [.int(id), .text(image.id), .text(image.source), .text(platform), .int(size)])
        let pinned = try await run(
            c, in: executor, "select image_id, source from version_image where version = $1", [.int(id)])
        return try decoding {
            guard let row = pinned.first else { throw SignalboxError.internal("the image just pinned is not there") }
            return VersionImage(id: try row.text("image_id"), source: try row.textOrNil("source"))
        }
    }

    /// Pins to a version the image of another, if that has one.
    public func versionPin(_ c: OperationContext, in tx: PostgresTransaction, version id: Int64, sameAs other: Int64) async throws {
        try await tx.query(
            """
            insert into version_image (version, image_id, source, platform, size)
            select $1, image_id, source, platform, size from version_image where version = $2
            """, [.int(id), .int(other)])
    }

    /// Who uses the version.
    public func versionUse(_ c: OperationContext, in executor: (any PostgresExecutor)? = nil, version id: Int64) async throws -> VersionUse
    {
        let result = try await run(
            c, in: executor,
            """
            select
                coalesce((select array_agg(e.name order by e.name) from endpoint_detail e
                    where e.runtime = v.runtime and v.version in (e.live_version, e.target_version)), '{}') as endpoints,
                (select count(*) from session s where s.version = v.id) as sessions
            from agent_runtime_version v where v.id = $1
            """, [.int(id)])
        return try decoding {
            guard let row = result.first else { return VersionUse(endpoints: [], sessions: 0) }
            return VersionUse(endpoints: try row.textArray("endpoints"), sessions: Int(try row.int("sessions")))
        }
    }

    /// Removes one version in status DELETING. False: it is not, or it is still used. The runtime's
    /// row must be locked by this transaction.
    public func versionDelete(_ c: OperationContext, in tx: PostgresTransaction, version id: Int64) async throws -> Bool {
        guard try await versionUse(c, in: tx, version: id).isUnused else { return false }
        return try await tx.query(
            """
            delete from agent_runtime_version v using version_status s
            where v.id = $1 and s.version = v.id and s.status = 'DELETING'
            """, [.int(id)]
        ).affectedRows > 0
    }
}
