public import Platform
import PostgresClient

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A master key as the database knows it: by its id.
public struct MasterKeyRecord: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        /// Being given to the replicas.
        case prepared
        /// Seals.
        case current
        /// Opens what was sealed with it.
        case replaced
        /// Nothing is sealed with it.
        case retired
    }

    /// Sixteen hex digits.
    public var id: String
    public var state: State
    public var createdAt: Date
    public var replacedAt: Date?
    /// Access keys whose secret it seals.
    public var accessKeys: Int
    /// Versions whose environment it seals.
    public var environments: Int
}

/// A live replica, and the master keys that its home holds.
public struct MasterKeyHolder: Sendable, Equatable {
    public var replica: String
    public var host: String
    public var keys: [String]
}

extension Store {
    /// Brings this process's keys in line with the database: reads the files again, seals with the key that is the
    /// current one, and says which keys are here. A database that names no current key
    /// takes the one that its newest access key is sealed with, an empty one this process's.
    ///
    /// - Parameter replica: nil: of a command.
    /// - Throws: `.internal` that names the current key when its file is not here; sealing goes on as before.
    public func masterKeySync(_ c: OperationContext, replica: String? = nil) async throws {
        _ = try await run(
            c,
            """
            insert into master_key (key_id, current_at)
            select coalesce((select secret_key_id from access_key order by id desc limit 1), $1), now()
            where not exists (select from master_key where current_at is not null and replaced_at is null)
            on conflict do nothing
            """, [.text(secrets.keyID)])
        let rows = try await run(
            c,
            """
            select key_id, retired_at is not null as is_retired, current_at is not null and replaced_at is null as is_current
            from master_key
            """, [])
        var current: String?
        var retired: Set<String> = []
        try decoding {
            for row in rows.rows {
                if try row.bool("is_retired") { retired.insert(try row.text("key_id")) }
                if try row.bool("is_current") { current = try row.text("key_id") }
            }
        }
        try secrets.ring.reload(retired: retired)
        let isHere = current.map { secrets.ring.use($0) } ?? true
        if let replica {
            _ = try await run(
                c, "update replica set master_keys = $2 where replica_id = $1 and master_keys <> $2",
                [.text(replica), .textArray(secrets.ring.ids)])
        }
        if !isHere, let current {
            throw SignalboxError(
                .internal,
                "The database's master key \(current) is not in this home (it has \(secrets.ring.ids.joined(separator: ", "))): "
                    + "copy it from another server's keys/master.key or keys/master/\(current).key.")
        }
    }

    /// Every key, oldest first, with what is sealed under it.
    public func masterKeyList(_ c: OperationContext) async throws -> [MasterKeyRecord] {
        let result = try await runList(
            c,
            """
            select m.key_id, m.created_at, m.replaced_at, case when m.retired_at is not null then 'retired'
                when m.replaced_at is not null then 'replaced' when m.current_at is not null then 'current' else 'prepared' end as state,
                (select count(*) from access_key where secret_key_id = m.key_id) as access_keys,
                (select count(*) from agent_runtime_version where environment_key_id = m.key_id) as environments
            from master_key m order by m.created_at, m.key_id
            """, [])
        return try decoding {
            try result.rows.map { row in
                let state = try row.text("state")
                guard let state = MasterKeyRecord.State(rawValue: state) else { throw PostgresError(.decoding, "unknown state '\(state)'") }
                return MasterKeyRecord(
                    id: try row.text("key_id"), state: state, createdAt: try row.timestamp("created_at"),
                    replacedAt: try row.timestampOrNil("replaced_at"), accessKeys: Int(try row.int("access_keys")),
                    environments: Int(try row.int("environments")))
            }
        }
    }

    /// Replicas that gave a sign of life in the last half minute.
    public func masterKeyHolders(_ c: OperationContext) async throws -> [MasterKeyHolder] {
        let result = try await runList(
            c,
            """
            select replica_id, host, master_keys from replica
            where heartbeat_at > now() - interval '30 seconds' order by host, replica_id
            """, [])
        return try decoding {
            try result.rows.map {
                MasterKeyHolder(replica: try $0.text("replica_id"), host: try $0.text("host"), keys: try $0.textArray("master_keys"))
            }
        }
    }

    /// Tells the replicas of a key that is to seal soon. Idempotent.
    public func masterKeyPrepare(_ c: OperationContext, id: String) async throws {
        _ = try await run(
            c, "insert into master_key (key_id) values ($1) on conflict (key_id) do update set created_at = master_key.created_at",
            [.text(id)])
    }

    /// Seals with a prepared key from now on. False: it is not prepared.
    public func masterKeyUse(_ c: OperationContext, id: String) async throws -> Bool {
        try await transaction(c) { tx in
            // Two who change it at once: one after the other.
            try await tx.query("lock table master_key in share row exclusive mode", [])
            let prepared = try await tx.query("select from master_key where key_id = $1 and current_at is null", [.text(id)])
            guard !prepared.rows.isEmpty else { return false }
            try await tx.query("update master_key set replaced_at = now() where current_at is not null and replaced_at is null", [])
            try await tx.query("update master_key set current_at = now() where key_id = $1", [.text(id)])
            return true
        }
    }

    /// Gives a key up. Throws `.conflict` while it seals, is being given out, or anything is sealed under it, or tokens made
    /// under it may be in use.
    ///
    /// - Parameter tokenSeconds: How long after its replacement tokens may live.
    public func masterKeyRetire(_ c: OperationContext, id: String, tokenSeconds: Int) async throws {
        try await transaction(c) { tx in
            let found = try await tx.query(
                """
                select current_at is not null and replaced_at is null as is_current, current_at is null as is_prepared,
                    coalesce(replaced_at > now() - make_interval(secs => $2::bigint::double precision), false) as is_recent,
                    exists (select from access_key where secret_key_id = key_id)
                        or exists (select from agent_runtime_version where environment_key_id = key_id) as is_used
                from master_key where key_id = $1 for update
                """, [.text(id), .int(tokenSeconds)])
            guard let row = found.first else { throw SignalboxError.notFound("There is no master key '\(id)'.") }
            if try row.bool("is_current") { throw SignalboxError.conflict("Master key '\(id)' is the current one.") }
            if try row.bool("is_used") {
                throw SignalboxError.conflict("Values are still sealed with master key '\(id)'; servers seal them anew.")
            }
            if try row.bool("is_recent"), try !row.bool("is_prepared") {
                throw SignalboxError.conflict("Session tokens made with master key '\(id)' may still be in use.")
            }
            try await tx.query(
                """
                update master_key set retired_at = coalesce(retired_at, now()), current_at = coalesce(current_at, now()),
                    replaced_at = coalesce(replaced_at, now())
                where key_id = $1
                """, [.text(id)])
        }
    }

    /// Seals anew, under the current key, up to `limit` access keys and `limit` environments that are under others.
    /// Rows that somebody else has locked are left for later. Returns how many it did.
    public func masterKeyReseal(_ c: OperationContext, limit: Int = 100) async throws -> Int {
        let current = secrets.keyID
        let others = try await run(
            c, "select key_id from master_key where key_id <> $1 and current_at is not null and retired_at is null", [.text(current)])
        let ids = try decoding { try others.rows.map { try $0.text("key_id") } }
        guard !ids.isEmpty else { return 0 }
        return try await transaction(c) { tx in
            try await resealAccessKeys(tx, ids, limit) + resealEnvironments(tx, ids, limit)
        }
    }

    private func resealAccessKeys(_ tx: PostgresTransaction, _ ids: [String], _ limit: Int) async throws -> Int {
        let found = try await tx.query(
            """
            select id, key_id, secret_ciphertext, secret_key_id from access_key
            where secret_key_id = any($1) order by secret_key_id, id limit $2 for no key update skip locked
            """, [.textArray(ids), .int(limit)])
        for row in found.rows {
            let binding = Self.binding(accessKey: try row.text("key_id"))
            let old = SealedSecret(ciphertext: try row.bytes("secret_ciphertext"), keyID: try row.text("secret_key_id"))
            let new = try secrets.seal(try secrets.open(old, binding: binding), binding: binding)
            try await tx.query(
                "update access_key set secret_ciphertext = $2, secret_key_id = $3 where id = $1",
                [.int(try row.int("id")), .bytes(new.ciphertext), .text(new.keyID)])
        }
        return found.rows.count
    }

    private func resealEnvironments(_ tx: PostgresTransaction, _ ids: [String], _ limit: Int) async throws -> Int {
        let found = try await tx.query(
            """
            select v.id, v.version, r.runtime_id, v.environment_ciphertext, v.environment_key_id
            from agent_runtime_version v join agent_runtime r on r.id = v.runtime
            where v.environment_key_id = any($1) order by v.environment_key_id, v.id limit $2 for no key update of v skip locked
            """, [.textArray(ids), .int(limit)])
        guard !found.rows.isEmpty else { return 0 }
        // The trigger that keeps versions as they are lets this one change pass, in this transaction.
        try await tx.query("select set_config('signalbox.reseal', 'on', true)", [])
        for row in found.rows {
            let binding = Self.binding(environmentOf: try row.text("runtime_id"), version: try row.number("version"))
            let old = SealedSecret(ciphertext: try row.bytes("environment_ciphertext"), keyID: try row.text("environment_key_id"))
            let new = try secrets.seal(try secrets.open(old, binding: binding), binding: binding)
            try await tx.query(
                "update agent_runtime_version set environment_ciphertext = $2, environment_key_id = $3 where id = $1",
                [.int(try row.int("id")), .bytes(new.ciphertext), .text(new.keyID)])
        }
        return found.rows.count
    }
}
