public import Lifecycle
public import Platform
public import PostgresClient

extension Store {
    /// nil: not live.
    public func sessionFetch(_ c: OperationContext, endpoint: Int64, sessionID: String) async throws -> SessionRecord? {
        let result = try await run(
            c,
            """
            select id as session_row, endpoint, runtime, session_id, version as version_row, version_number, sandbox_id, replica,
                epoch, started_at, stop_requested_at is not null as stop_requested, stop_reason, age_seconds, idle_seconds
            from session_detail where endpoint = $1 and session_id = $2
            """, [.int(endpoint), .text(sessionID)])
        return try decoding { try result.first.map(SessionRecord.init) }
    }

    /// Writes the last activity of many sessions in one statement. Never moves one back.
    ///
    /// This and the stop requests lock rows in the order of their ids, so none deadlocks another.
    public func sessionTouch(_ c: OperationContext, _ activity: [(session: Int64, idleSeconds: Double)]) async throws {
        if activity.isEmpty { return }
        _ = try await run(
            c,
            """
            with locked as (
                select s.id, a.idle from session s join unnest($1::bigint[], $2::bigint[]) as a (session, idle) on a.session = s.id
                order by s.id for no key update of s
            )
            update session s set last_active_at = greatest(s.last_active_at, now() - l.idle * interval '1 millisecond')
            from locked l where s.id = l.id
            """,
            [.intArray(activity.map(\.session)), .intArray(activity.map { Int64(($0.idleSeconds * 1_000).rounded()) })])
    }

    /// The session is over and nothing of its sandbox is left: the row moves to the history, which
    /// frees its id for the next incarnation. Idempotent.
    public func sessionEnd(_ c: OperationContext, session: Int64, reason: String) async throws {
        _ = try await run(
            c,
            """
            with gone as (
                delete from session where id = $1
                returning id, endpoint, session_id, version_number, sandbox_id, replica, epoch, started_at, last_active_at
            )
            insert into session_history (id, account, region, runtime_id, endpoint_name, session_id, version_number, sandbox_id,
                replica, epoch, started_at, last_active_at, reason)
            select g.id, e.account, e.region, e.runtime_id, e.name, g.session_id, g.version_number, g.sandbox_id,
                g.replica, g.epoch, g.started_at, g.last_active_at, $2
            from gone g join endpoint_detail e on e.id = g.endpoint
            """, [.int(session), .text(reason)])
    }

    /// All sessions of a replica that is lost for good. Returns how many there were.
    @discardableResult
    public func sessionEndAll(_ c: OperationContext, replica id: String, reason: String) async throws -> Int {
        try await run(
            c,
            """
            with gone as (
                delete from session where replica = $1
                returning id, endpoint, session_id, version_number, sandbox_id, replica, epoch, started_at, last_active_at
            )
            insert into session_history (id, account, region, runtime_id, endpoint_name, session_id, version_number, sandbox_id,
                replica, epoch, started_at, last_active_at, reason)
            select g.id, e.account, e.region, e.runtime_id, e.name, g.session_id, g.version_number, g.sandbox_id,
                g.replica, g.epoch, g.started_at, g.last_active_at, $2
            from gone g join endpoint_detail e on e.id = g.endpoint
            """, [.text(id), .text(reason)]
        ).affectedRows
    }

    /// Everything that a replica owns, whatever its epoch: for adoption at start.
    public func sessionListOwned(_ c: OperationContext, replica id: String) async throws -> [SessionOpening] {
        let result = try await runList(
            c,
            """
            select s.id as session_row, s.endpoint, s.session_id, s.version as version_row, s.version_number, s.sandbox_id,
                s.replica, s.epoch, s.started_at, s.stop_requested_at is not null as stop_requested, s.stop_reason,
                s.age_seconds, s.idle_seconds,
                v.id, v.runtime, v.runtime_id, v.account, v.region, v.runtime_name, v.version, v.configuration,
                v.environment_ciphertext, v.environment_key_id, v.artifact, v.artifact_sha256, v.artifact_size, v.status,
                v.failure_reason, v.preparation, v.prepared_at, v.created_at, v.updated_at, v.image_id,
                v.image_source
            from session_detail s join version_detail v on v.id = s.version where s.replica = $1 order by s.id
            """, [.text(id)])
        return try decoding {
            try result.rows.map { SessionOpening(session: try SessionRecord($0), version: try versionRecord($0), isNew: false) }
        }
    }

    /// The session's sandbox was found running: this owner goes on with it. Throws `.conflict` when a
    /// later epoch of the owner has it, or it is not live.
    public func sessionAdopt(_ c: OperationContext, session: Int64, owner: ReplicaIdentity) async throws {
        let result = try await run(
            c, "update session set replica = $2, epoch = $3 where id = $1 and (replica <> $2 or epoch <= $3)",
            [.int(session), .text(owner.id), .int(owner.epoch)])
        if result.affectedRows == 0 { throw SignalboxError.conflict("Session \(session) is not to be adopted.") }
    }

    /// Sessions of this owner that somebody wants stopped.
    public func sessionListStopRequested(_ c: OperationContext, owner: ReplicaIdentity) async throws -> [SessionRecord] {
        let result = try await run(
            c,
            """
            select id as session_row, endpoint, runtime, session_id, version as version_row, version_number, sandbox_id, replica,
                epoch, started_at, true as stop_requested, stop_reason, age_seconds, idle_seconds
            from session_detail where replica = $1 and stop_requested_at is not null order by id
            """, [.text(owner.id)])
        return try decoding { try result.rows.map(SessionRecord.init) }
    }

    /// Asks the owner to stop a session. False: not live.
    public func sessionRequestStop(_ c: OperationContext, endpoint: Int64, sessionID: String) async throws -> Bool {
        try await run(
            c,
            """
            update session set stop_requested_at = coalesce(stop_requested_at, now()), stop_reason = coalesce(stop_reason, $3)
            where endpoint = $1 and session_id = $2
            """, [.int(endpoint), .text(sessionID), .text(SessionEnd.stopped.code)]
        ).affectedRows > 0
    }

    /// All of a runtime's sessions; how many were asked now. Misses none when the fences of its
    /// endpoints are held.
    @discardableResult
    public func sessionRequestStop(
        _ c: OperationContext, in tx: PostgresTransaction, runtime: Int64, reason: SessionEnd
    ) async throws -> Int {
        try await tx.query(
            """
            update session set stop_requested_at = now(), stop_reason = $2 where id in (
                select id from session where runtime = $1 and stop_requested_at is null order by id for no key update
            )
            """,
            [.int(runtime), .text(reason.code)]
        ).affectedRows
    }

    /// All of an endpoint's sessions.
    @discardableResult
    public func sessionRequestStop(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, reason: SessionEnd
    ) async throws -> Int {
        try await tx.query(
            """
            update session set stop_requested_at = now(), stop_reason = $2 where id in (
                select id from session where endpoint = $1 and stop_requested_at is null order by id for no key update
            )
            """,
            [.int(endpoint), .text(reason.code)]
        ).affectedRows
    }

    /// An endpoint's sessions pinned to one version: a rollback that stops them.
    @discardableResult
    public func sessionRequestStop(
        _ c: OperationContext, in tx: PostgresTransaction, endpoint: Int64, version: Int, reason: SessionEnd = .stopped
    ) async throws -> Int {
        try await tx.query(
            """
            update session set stop_requested_at = now(), stop_reason = $3 where id in (
                select id from session where endpoint = $1 and version_number = $2 and stop_requested_at is null
                order by id for no key update
            )
            """, [.int(endpoint), .int(version), .text(reason.code)]
        ).affectedRows
    }

    /// Live sessions of a runtime.
    public func sessionCount(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, runtime: Int64
    ) async throws -> Int {
        try await count(run(c, in: executor, "select count(*) from session where runtime = $1", [.int(runtime)]))
    }

    /// Live sessions of an endpoint, of one version when given.
    public func sessionCount(
        _ c: OperationContext, in executor: (any PostgresExecutor)? = nil, endpoint: Int64, version: Int? = nil
    ) async throws -> Int {
        try await count(
            run(
                c, in: executor,
                """
                select count(*) from session where endpoint = $1 and ($2::bigint is null or version_number = $2)
                """, [.int(endpoint), .int(version)]))
    }
}
