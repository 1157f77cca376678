public import Platform
import PostgresClient

extension Store {
    /// Opens a session, or returns the live one with `isNew` false: one statement on the pipelined
    /// lane, which reads the version from the endpoint's row as it inserts the session's (promise 4;
    /// `session_open` in the schema says how the fence works).
    ///
    /// - Parameters:
    ///   - sandboxID: used only when the session is new.
    ///   - limit: of live sessions of this owner. May be passed by as many as run at the same moment.
    /// - Returns: nil when there is no such endpoint, nothing is live on it, or it is being deleted.
    /// - Throws: `.quotaExceeded` at the limit, and at `accountSessionLimit`.
    public func sessionOpen(
        _ c: OperationContext, endpoint: Int64, sessionID: String, sandboxID: String, owner: ReplicaIdentity, limit: Int
    ) async throws -> SessionOpening? {
        let result = try await run(
            c,
            """
            select o.outcome, (o.opened).id as session_row, (o.opened).endpoint as endpoint, (o.opened).session_id as session_id,
                (o.opened).version as version_row, (o.opened).version_number as version_number,
                (o.opened).sandbox_id as sandbox_id, (o.opened).replica as replica, (o.opened).epoch as epoch,
                (o.opened).started_at as started_at, (o.opened).stop_requested_at is not null as stop_requested,
                (o.opened).stop_reason as stop_reason,
                extract(epoch from clock_timestamp() - (o.opened).started_at)::double precision as age_seconds,
                extract(epoch from clock_timestamp() - (o.opened).last_active_at)::double precision as idle_seconds,
                v.id, v.runtime, v.runtime_id, v.account, v.region, v.runtime_name, v.version, v.configuration,
                v.environment_ciphertext, v.environment_key_id, v.artifact, v.artifact_sha256, v.artifact_size, v.status,
                v.failure_reason, v.preparation, v.prepared_at, v.created_at, v.updated_at, v.image_id,
                v.image_source
            from session_open_within($7, $1, $2, $3, $4, $5, $6) o
            left join version_detail v on v.id = (o.opened).version
            """,
            [
                .int(endpoint), .text(sessionID), .text(sandboxID), .text(owner.id), .int(owner.epoch), .int(limit),
                .int(accountSessionLimit),
            ])
        guard let row = result.first else { throw SignalboxError.internal("session_open returned no row") }
        switch try decoding({ try row.text("outcome") }) {
        case "opened": return try await opening(c, row, isNew: true)
        case "exists": return try await opening(c, row, isNew: false)
        case "limit", "account_limit": throw SignalboxError.quotaExceeded("maxVms limit exceeded for account \(c.account)")
        default: return nil
        }
    }

    private func opening(_ c: OperationContext, _ row: Row, isNew: Bool) async throws -> SessionOpening {
        // The join sees the state from before the function ran. A version made and gone live while
        // the function waited is not in it.
        if try decoding({ try row.isNull("id") }) {
            let versionRow = try decoding { try row.int("version_row") }
            guard let version = try await versionFetch(c, id: versionRow),
                let session = try await sessionFetch(
                    c, endpoint: decoding { try row.int("endpoint") }, sessionID: decoding { try row.text("session_id") })
            else { throw SignalboxError(.retryableConflict, "Session operation in progress, please retry") }
            return SessionOpening(session: session, version: version, isNew: isNew)
        }
        return try decoding { SessionOpening(session: try SessionRecord(row), version: try versionRecord(row), isNew: isNew) }
    }
}
