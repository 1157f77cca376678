-- The whole schema of Signalbox, as a new database has it after every migration.
--
-- Change it together with a new folder under migrations/; a test compares the catalogs that both
-- give. Rules (docs/architecture.md, decisions 1-4): bigint keys inside, wire ids unique outside;
-- times from the database's clock; history and audit tables have no foreign keys.

---------------------------------------------------------------------------------------------------
-- Migrations

create table schema_migration (
    number integer primary key,
    name text not null,
    -- Of the migration's SQL text.
    checksum bytea not null check (octet_length(checksum) = 32),
    applied_at timestamptz not null default now()
);

---------------------------------------------------------------------------------------------------
-- Accounts and access keys

create table account (
    id bigint generated always as identity primary key,
    -- The twelve digits that stand in ARNs.
    number text not null unique check (number ~ '^[0-9]{12}$'),
    name text not null default '',
    created_at timestamptz not null default now(),
    -- Since then none of its keys is good.
    disabled_at timestamptz
);

create table access_key (
    id bigint generated always as identity primary key,
    key_id text not null unique,
    account text not null references account (number),
    role text not null check (role in ('admin', 'operator', 'invoker', 'viewer')),
    -- Sealed: SigV4 needs the secret itself, so a hash would not do.
    secret_ciphertext bytea not null,
    secret_key_id text not null,
    disabled_at timestamptz,
    created_at timestamptz not null default now(),
    -- From then on it is not good any more: set when it was rotated.
    expires_at timestamptz,
    -- Id of the key that took its place.
    replaced_by text
);
create index access_key_account on access_key (account, id);
create index access_key_sealed on access_key (secret_key_id, id);

-- Which master key seals and which ones are only read with; the keys themselves are in files.
create table master_key (
    key_id text primary key check (key_id ~ '^[0-9a-f]{16}$'),
    created_at timestamptz not null default now(),
    -- When it began to seal; null while the replicas are still being given it.
    current_at timestamptz,
    -- When the next one took its place.
    replaced_at timestamptz,
    -- When it was given up: nothing is sealed under it any more.
    retired_at timestamptz
);
create unique index master_key_current on master_key ((true)) where current_at is not null and replaced_at is null;

create function master_key_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('signalbox_master_key', new.key_id);
    return null;
end $$;
create trigger master_key_changed after insert or update on master_key
    for each row execute function master_key_notify();

---------------------------------------------------------------------------------------------------
-- Artifacts: uploaded bytes under their hash

create table artifact (
    id bigint generated always as identity primary key,
    state text not null default 'uploading' check (state in ('uploading', 'complete')),
    sha256 bytea unique check (octet_length(sha256) = 32),
    -- Bytes; those written so far while uploading.
    size bigint not null default 0 check (size >= 0),
    created_at timestamptz not null default now(),
    check ((state = 'complete') = (sha256 is not null))
);
create index artifact_uploading on artifact (created_at) where state = 'uploading';

create table artifact_chunk (
    artifact bigint not null references artifact (id) on delete cascade,
    -- From 0, without gaps.
    position integer not null check (position >= 0),
    data bytea not null check (octet_length(data) between 1 and 1048576),
    primary key (artifact, position)
);
-- Archives are compressed already.
alter table artifact_chunk alter column data set storage external;

create table bucket (
    id bigint generated always as identity primary key,
    account text not null references account (number),
    region text not null,
    name text not null unique,
    created_at timestamptz not null default now()
);
create index bucket_account on bucket (account, name);

create table bucket_object (
    id bigint generated always as identity primary key,
    bucket bigint not null references bucket (id),
    -- Byte order, as S3 lists it.
    key text collate "C" not null,
    artifact bigint not null references artifact (id),
    size bigint not null check (size >= 0),
    etag text not null,
    content_type text not null default 'binary/octet-stream',
    -- x-amz-meta-* without the prefix.
    metadata jsonb not null default '{}',
    version_id text not null,
    created_at timestamptz not null default now(),
    unique (bucket, key)
);
create index bucket_object_artifact on bucket_object (artifact);

create table multipart_upload (
    id bigint generated always as identity primary key,
    upload_id text not null unique,
    bucket bigint not null references bucket (id),
    key text collate "C" not null,
    content_type text not null default 'binary/octet-stream',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now()
);
create index multipart_upload_bucket on multipart_upload (bucket, key);

create table multipart_part (
    upload bigint not null references multipart_upload (id) on delete cascade,
    part_number integer not null check (part_number between 1 and 10000),
    artifact bigint not null references artifact (id),
    size bigint not null check (size >= 0),
    etag text not null,
    created_at timestamptz not null default now(),
    primary key (upload, part_number)
);
create index multipart_part_artifact on multipart_part (artifact);

-- What a version pins must stay what it was.
create function artifact_refuse_change() returns trigger language plpgsql as $$
begin
    if old.state = 'complete' then
        raise exception 'artifact % is complete and never changes', old.id using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;
create trigger artifact_immutable before update on artifact
    for each row execute function artifact_refuse_change();

create function artifact_chunk_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'chunk % of artifact % never changes', old.position, old.artifact
        using errcode = 'integrity_constraint_violation';
end $$;
create trigger artifact_chunk_immutable before update on artifact_chunk
    for each row execute function artifact_chunk_refuse_change();

---------------------------------------------------------------------------------------------------
-- Runtimes and versions

create table agent_runtime (
    id bigint generated always as identity primary key,
    -- agentRuntimeId on the wire: <name>-<10 alphanumerics>.
    runtime_id text not null unique,
    account text not null references account (number),
    region text not null,
    name text not null,
    status text not null
        check (status in ('CREATING', 'CREATE_FAILED', 'UPDATING', 'UPDATE_FAILED', 'READY', 'DELETING', 'DELETE_FAILED')),
    failure_reason text,
    -- The newest version's number; a number is never given twice.
    last_version integer not null default 0 check (last_version between 0 and 99999),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    tags jsonb not null default '{}' check (jsonb_typeof(tags) = 'object'),
    -- Resource policy, as it was put.
    policy text,
    -- Rows leave when deletion has finished, which frees the name.
    constraint agent_runtime_name unique (account, region, name)
);
create index agent_runtime_page on agent_runtime (account, region, created_at desc, id desc);
create index agent_runtime_status on agent_runtime (account, region, status);
create index agent_runtime_tags on agent_runtime using gin (tags jsonb_path_ops);

create table agent_runtime_version (
    id bigint generated always as identity primary key,
    runtime bigint not null references agent_runtime (id) on delete cascade,
    version integer not null check (version between 1 and 99999),
    -- Canonical JSON of everything but the environment's values.
    configuration bytea not null,
    configuration_sha256 bytea not null,
    -- Sealed JSON object of the environment variables; null when there are none.
    environment_ciphertext bytea,
    environment_key_id text,
    -- The bytes that the artifact's key stood for when the version was made.
    artifact bigint references artifact (id),
    -- Access key id.
    created_by text not null,
    created_at timestamptz not null default now(),
    unique (runtime, version),
    constraint agent_runtime_version_hash check (sha256(configuration) = configuration_sha256),
    check ((environment_ciphertext is null) = (environment_key_id is null))
);
create index agent_runtime_version_artifact on agent_runtime_version (artifact);
create index agent_runtime_version_sealed on agent_runtime_version (environment_key_id, id)
    where environment_key_id is not null;

-- What may change about a version.
create table version_status (
    version bigint primary key references agent_runtime_version (id) on delete cascade,
    status text not null
        check (status in ('CREATING', 'CREATE_FAILED', 'UPDATING', 'UPDATE_FAILED', 'READY', 'DELETING', 'DELETE_FAILED')),
    failure_reason text,
    -- A sentence on what is being done now, for people.
    preparation text,
    prepared_at timestamptz,
    updated_at timestamptz not null default now()
);

-- The image that a container version's reference stood for when the version was prepared.
create table version_image (
    version bigint primary key references agent_runtime_version (id) on delete cascade,
    -- Hash of the image's configuration, the same on every host.
    image_id text not null check (image_id ~ '^sha256:[0-9a-f]{64}$'),
    -- name@sha256:...: where other hosts pull it from; null for one that is in no registry.
    source text check (source ~ '@sha256:[0-9a-f]{64}$'),
    -- As in linux/amd64.
    platform text not null,
    -- Bytes, unpacked.
    size bigint not null check (size >= 0),
    pinned_at timestamptz not null default now()
);

create function version_image_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the image of a version never changes' using errcode = 'integrity_constraint_violation';
end $$;
create trigger version_image_immutable before update on version_image
    for each row execute function version_image_refuse_change();

-- What is sealed may be sealed anew under another key, and nothing else of a version changes with it.
create function agent_runtime_version_refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        -- A cascade comes after its runtime is gone; one version alone must be marked first.
        if not exists (select from agent_runtime where id = old.runtime)
            or exists (select from version_status where version = old.id and status = 'DELETING') then
            return old;
        end if;
        raise exception 'version % of runtime % is not marked for deletion', old.version, old.runtime
            using errcode = 'integrity_constraint_violation';
    end if;
    if tg_op = 'UPDATE' and coalesce(current_setting('signalbox.reseal', true), '') = 'on' then
        if old.environment_ciphertext is not null and new.environment_ciphertext is not null then
            old.environment_ciphertext := new.environment_ciphertext;
            old.environment_key_id := new.environment_key_id;
            if old is not distinct from new then
                return new;
            end if;
        end if;
    end if;
    raise exception 'a version never changes' using errcode = 'integrity_constraint_violation';
end $$;
create trigger agent_runtime_version_immutable before update or delete on agent_runtime_version
    for each row execute function agent_runtime_version_refuse_change();
create trigger agent_runtime_version_truncate before truncate on agent_runtime_version
    for each statement execute function agent_runtime_version_refuse_change();

---------------------------------------------------------------------------------------------------
-- Endpoints

create table runtime_endpoint (
    id bigint generated always as identity primary key,
    runtime bigint not null references agent_runtime (id) on delete cascade,
    -- id on the wire: <name>-<10 alphanumerics>.
    endpoint_id text not null unique,
    name text not null,
    -- Serves now; null until the first READY.
    live_version integer,
    -- [{"version": 2, "weight": 100}]: one entry until weighted rollouts come.
    target jsonb not null check (jsonb_typeof(target) = 'array' and jsonb_array_length(target) between 1 and 10),
    status text not null
        check (status in ('CREATING', 'CREATE_FAILED', 'UPDATING', 'UPDATE_FAILED', 'READY', 'DELETING', 'DELETE_FAILED')),
    failure_reason text,
    description text,
    -- Rises with every change of target, live version or status.
    generation bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    tags jsonb not null default '{}' check (jsonb_typeof(tags) = 'object'),
    -- Resource policy, as it was put.
    policy text,
    -- Rises with every change of this policy or of the runtime's.
    policy_revision bigint not null default 0,
    constraint runtime_endpoint_name unique (runtime, name),
    foreign key (runtime, live_version) references agent_runtime_version (runtime, version)
);

create table endpoint_history (
    id bigint generated always as identity primary key,
    account text not null,
    region text not null,
    runtime bigint not null,
    runtime_id text not null,
    endpoint bigint not null,
    endpoint_name text not null,
    -- `rolled_back` is a flip that a rollback asked for.
    kind text not null check (kind in ('requested', 'flipped', 'failed', 'created', 'deleted', 'rolled_back')),
    -- The endpoint's generation after the change.
    generation bigint not null,
    from_version integer,
    to_version integer,
    -- The earlier version that a rollback returns to; on DEFAULT, to_version is a copy of it.
    rollback_to integer,
    -- Of a request: when it goes live, sessions pinned to the version left are asked to stop.
    stop_sessions boolean not null default false,
    -- Access key id, or `signalbox`.
    actor text not null,
    request_id text not null,
    reason text,
    at timestamptz not null default now()
);
create index endpoint_history_endpoint on endpoint_history (endpoint, id);
create index endpoint_history_runtime on endpoint_history (runtime_id, id);

-- Every change that the route caches must see, whoever makes it.
create function runtime_endpoint_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('signalbox_endpoint', coalesce(new.id, old.id)::text);
    return null;
end $$;
create trigger runtime_endpoint_appeared after insert or delete on runtime_endpoint
    for each row execute function runtime_endpoint_notify();
create trigger runtime_endpoint_changed after update on runtime_endpoint
    for each row when (old.generation <> new.generation or old.live_version is distinct from new.live_version
        or old.status <> new.status or old.policy_revision <> new.policy_revision)
    execute function runtime_endpoint_notify();

-- Policies travel with the routes of the endpoints that they bind.
create function runtime_endpoint_revise() returns trigger language plpgsql as $$
begin
    new.policy_revision := old.policy_revision + 1;
    return new;
end $$;
create trigger runtime_endpoint_policy before update of policy on runtime_endpoint
    for each row when (old.policy is distinct from new.policy) execute function runtime_endpoint_revise();

create function agent_runtime_revise() returns trigger language plpgsql as $$
begin
    update runtime_endpoint set policy_revision = policy_revision + 1 where runtime = new.id;
    return null;
end $$;
create trigger agent_runtime_policy after update of policy on agent_runtime
    for each row when (old.policy is distinct from new.policy) execute function agent_runtime_revise();

---------------------------------------------------------------------------------------------------
-- Workload identities

create table workload_identity (
    id bigint generated always as identity primary key,
    account text not null references account (number),
    region text not null,
    name text collate "C" not null,
    -- The runtime that it was made for, and goes with.
    runtime bigint unique references agent_runtime (id) on delete cascade,
    return_urls text[] not null default '{}',
    tags jsonb not null default '{}' check (jsonb_typeof(tags) = 'object'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint workload_identity_name unique (account, region, name)
);

-- Every runtime has one, whichever release of the server made it.
create function agent_runtime_identify() returns trigger language plpgsql as $$
begin
    insert into workload_identity (account, region, name, runtime) values (new.account, new.region, new.runtime_id, new.id);
    return null;
end $$;
create trigger agent_runtime_identity after insert on agent_runtime
    for each row execute function agent_runtime_identify();

---------------------------------------------------------------------------------------------------
-- Replicas and sessions

create table replica (
    id bigint generated always as identity primary key,
    -- UUID kept under the replica's home.
    replica_id text not null unique,
    host text not null,
    -- Rises at each start.
    epoch bigint not null default 1,
    started_at timestamptz not null default now(),
    heartbeat_at timestamptz not null default now(),
    -- Master keys that its home holds.
    master_keys text[] not null default '{}'
);

-- Live sessions only.
create table session (
    id bigint generated always as identity primary key,
    endpoint bigint not null references runtime_endpoint (id),
    runtime bigint not null references agent_runtime (id),
    session_id text not null,
    -- The version it started on, for as long as it lives.
    version bigint not null references agent_runtime_version (id),
    version_number integer not null,
    sandbox_id text not null unique,
    replica text not null references replica (replica_id),
    epoch bigint not null,
    started_at timestamptz not null default now(),
    last_active_at timestamptz not null default now(),
    stop_requested_at timestamptz,
    stop_reason text,
    unique (endpoint, session_id)
);
create index session_replica on session (replica, id);
create index session_runtime on session (runtime);
create index session_version on session (version);

create table session_history (
    -- The session row's id.
    id bigint primary key,
    account text not null,
    region text not null,
    runtime_id text not null,
    endpoint_name text not null,
    session_id text not null,
    version_number integer not null,
    sandbox_id text not null,
    replica text not null,
    epoch bigint not null,
    started_at timestamptz not null,
    last_active_at timestamptz not null,
    ended_at timestamptz not null default now(),
    reason text not null
);
create index session_history_runtime on session_history (runtime_id, ended_at desc);
create index session_history_session on session_history (account, session_id, started_at desc);

create function session_notify_stop() returns trigger language plpgsql as $$
begin
    perform pg_notify('signalbox_session', new.replica);
    return null;
end $$;
create trigger session_stop_requested after update on session
    for each row when (old.stop_requested_at is null and new.stop_requested_at is not null)
    execute function session_notify_stop();

-- The lock that orders session starts (shared) and changes of the endpoint (exclusive).
create function endpoint_lock_key(endpoint bigint) returns bigint language sql immutable
    return (endpoint << 8) | 1;

-- Opens the session (endpoint, session_id), or returns the live one. Outcomes: 'opened', 'exists',
-- 'none' (no such endpoint, nothing live, or being deleted), 'limit' (the replica is full).
--
-- The fence of promise 4: the version is read under the shared lock by a statement that started
-- after the lock was had, and every change of the endpoint holds the lock exclusively to its
-- commit. So whoever has read READY knows that no session of an earlier version can still appear,
-- and a rollback that stops sessions misses none. A row lock would not do: a steady stream of
-- shared holders starves the writer, whereas the queue for an advisory lock is fair. The timeout is
-- for a writer that was stopped in mid-transaction: others share this connection.
create function session_open(
    for_endpoint bigint, for_session text, for_sandbox text, for_replica text, for_epoch bigint, replica_limit bigint,
    out outcome text, out opened session, out live integer
) language plpgsql set lock_timeout = '2s' as $$
begin
    for attempt in 1..3 loop
        select * into opened from session s where s.endpoint = for_endpoint and s.session_id = for_session;
        if found then
            outcome := 'exists';
            return;
        end if;
        if attempt = 1 then
            perform pg_advisory_xact_lock_shared(endpoint_lock_key(for_endpoint));
            -- Exact to the number of statements that one replica runs at the same time.
            select count(*) into live from (select from session s where s.replica = for_replica limit replica_limit) as owned;
        end if;
        if live >= replica_limit then
            outcome := 'limit';
            return;
        end if;
        insert into session (endpoint, runtime, session_id, version, version_number, sandbox_id, replica, epoch)
            select e.id, e.runtime, for_session, v.id, v.version, for_sandbox, for_replica, for_epoch
            from runtime_endpoint e
            join agent_runtime r on r.id = e.runtime and r.status not in ('DELETING', 'DELETE_FAILED')
            join agent_runtime_version v on v.runtime = e.runtime and v.version = e.live_version
            where e.id = for_endpoint and e.status not in ('DELETING', 'DELETE_FAILED')
            on conflict (endpoint, session_id) do nothing
            returning * into opened;
        if found then
            outcome := 'opened';
            return;
        end if;
        -- Nothing live, or somebody else was first: the next round tells.
    end loop;
    outcome := 'none';
end $$;

-- As session_open, but the endpoint's account may have no more than account_limit live sessions in the
-- endpoint's region, on all replicas together: whoever opens one waits for the others that do. Null: no
-- limit, and nobody waits. Further outcome: 'account_limit'.
create function session_open_within(
    account_limit bigint, for_endpoint bigint, for_session text, for_sandbox text, for_replica text, for_epoch bigint,
    replica_limit bigint, out outcome text, out opened session, out live integer
) language plpgsql set lock_timeout = '2s' as $$
declare
    owner agent_runtime;
    taken bigint;
    answer record;
begin
    if account_limit is not null
        and not exists (select from session s where s.endpoint = for_endpoint and s.session_id = for_session) then
        select r.* into owner from runtime_endpoint e join agent_runtime r on r.id = e.runtime where e.id = for_endpoint;
        if found then
            -- Locks of endpoints end in byte 1.
            perform pg_advisory_xact_lock((hashtextextended(owner.account || ' ' || owner.region, 0) << 8) | 2);
            select count(*) into taken from (
                select from agent_runtime r join session s on s.runtime = r.id
                where r.account = owner.account and r.region = owner.region limit account_limit
            ) as counted;
            if taken >= account_limit
                and not exists (select from session s where s.endpoint = for_endpoint and s.session_id = for_session) then
                outcome := 'account_limit';
                return;
            end if;
        end if;
    end if;
    select * into answer from session_open(for_endpoint, for_session, for_sandbox, for_replica, for_epoch, replica_limit);
    outcome := answer.outcome;
    opened := answer.opened;
    live := answer.live;
end $$;

create function access_key_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('signalbox_key', old.key_id);
    return null;
end $$;
create trigger access_key_changed after update on access_key
    for each row when ((old.account, old.role, old.disabled_at, old.expires_at)
        is distinct from (new.account, new.role, new.disabled_at, new.expires_at))
    execute function access_key_notify();
create trigger access_key_deleted after delete on access_key
    for each row execute function access_key_notify();

create function account_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('signalbox_key', key_id) from access_key where account = new.number;
    return null;
end $$;
create trigger account_changed after update on account
    for each row when (old.disabled_at is distinct from new.disabled_at) execute function account_notify();

---------------------------------------------------------------------------------------------------
-- What the store reads: one row with everything that identifies it on the wire

create view version_detail as
    select v.id, v.runtime, r.runtime_id, r.account, r.region, r.name as runtime_name, r.last_version, v.version,
        v.configuration, v.environment_ciphertext, v.environment_key_id,
        v.artifact, encode(a.sha256, 'hex') as artifact_sha256, a.size as artifact_size,
        s.status, s.failure_reason, s.preparation, s.prepared_at, s.updated_at, v.created_by, v.created_at,
        i.image_id, i.source as image_source
    from agent_runtime_version v
    join agent_runtime r on r.id = v.runtime
    join version_status s on s.version = v.id
    left join artifact a on a.id = v.artifact
    left join version_image i on i.version = v.id;

create view endpoint_detail as
    select e.id, e.runtime, r.runtime_id, r.account, r.region, r.name as runtime_name, e.endpoint_id, e.name,
        e.live_version, (e.target -> 0 ->> 'version')::integer as target_version, e.target,
        e.status, e.failure_reason, e.description, e.generation, e.created_at, e.updated_at,
        e.policy, r.policy as runtime_policy, e.policy_revision, e.tags
    from runtime_endpoint e
    join agent_runtime r on r.id = e.runtime;

create view session_detail as
    select s.id, s.endpoint, s.runtime, s.session_id, s.version, s.version_number, s.sandbox_id, s.replica, s.epoch,
        s.started_at, s.last_active_at, s.stop_requested_at, s.stop_reason,
        extract(epoch from clock_timestamp() - s.started_at)::double precision as age_seconds,
        extract(epoch from clock_timestamp() - s.last_active_at)::double precision as idle_seconds
    from session s;

---------------------------------------------------------------------------------------------------
-- Work for the reconcilers

-- One for all rows, so that a token is never given twice.
create sequence work_fencing_token;

create table work (
    id bigint generated always as identity primary key,
    kind text not null,
    -- Key of what the work is about, such as a row id.
    subject text not null,
    due_at timestamptz not null default now(),
    lease_until timestamptz,
    holder text,
    fencing_token bigint not null default 0,
    -- Rises with every enqueue; work asked for again while it is being done is done again.
    requested bigint not null default 1,
    claimed bigint not null default 0,
    attempts integer not null default 0,
    last_error text,
    created_at timestamptz not null default now(),
    constraint work_subject unique (kind, subject)
);
create index work_due on work (kind, due_at);
create index work_holder on work (holder) where holder is not null;

create function work_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('signalbox_work', new.kind);
    return null;
end $$;
create trigger work_requested after insert or update of requested on work
    for each row execute function work_notify();

---------------------------------------------------------------------------------------------------
-- Audit trail

-- Who changed what, when, from where. Written in the transaction of the change itself; the ends of changes,
-- which the reconcilers reach, are written by a trigger of endpoint_history.
create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    -- Whose resource it is.
    account text not null,
    -- Empty for what lies in none, such as keys: shown in each.
    region text not null,
    -- agentRuntimeId, of what is a runtime or belongs to one.
    runtime_id text,
    -- ARN, or another name where there is none.
    resource text not null,
    -- Of the API, or what a reconciler brought to its end: EndpointReady, ...
    operation text not null,
    outcome text not null check (outcome in ('ok', 'failed', 'denied')),
    -- Access key id, or `signalbox`.
    actor text not null,
    actor_account text,
    actor_role text,
    source_address text,
    user_agent text,
    request_id text not null,
    -- {"from": ..., "to": ..., "reason": ...}: never a secret.
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object')
);
create index audit_page on audit (account, region, at desc, id desc);
create index audit_runtime on audit (account, region, runtime_id, at desc, id desc) where runtime_id is not null;
create index audit_actor on audit (account, region, actor, at desc, id desc);
create index audit_operation on audit (account, region, operation, at desc, id desc);
-- For pruning: rows come in the order of their age.
create index audit_age on audit using brin (at) with (pages_per_range = 16);

-- Only what audit_prune is taking away may go.
create function audit_refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        if old.at < nullif(current_setting('signalbox.audit_prune_before', true), '')::timestamptz then
            return old;
        end if;
    end if;
    raise exception 'the audit trail is only added to' using errcode = 'integrity_constraint_violation';
end $$;
create trigger audit_immutable before update or delete on audit
    for each row execute function audit_refuse_change();
create trigger audit_truncate before truncate on audit
    for each statement execute function audit_refuse_change();

-- Removes at most so many rows that are older than `keep`, and says how many. Less than a day is refused: nobody is to
-- hide what was done just now.
create function audit_prune(keep interval, at_most bigint) returns bigint language plpgsql as $$
declare
    cutoff timestamptz := now() - keep;
    gone bigint;
begin
    if keep is null or keep < interval '1 day' then
        raise exception 'the audit trail is kept for a day at least' using errcode = 'invalid_parameter_value';
    end if;
    perform set_config('signalbox.audit_prune_before', cutoff::text, true);
    delete from audit where id in (select id from audit where at < cutoff limit at_most);
    get diagnostics gone = row_count;
    perform set_config('signalbox.audit_prune_before', '', true);
    return gone;
end $$;

create function endpoint_history_audit() returns trigger language plpgsql as $$
begin
    insert into audit (at, account, region, runtime_id, resource, operation, outcome, actor, request_id, details)
    values (
        new.at, new.account, new.region, new.runtime_id,
        format('arn:aws:bedrock-agentcore:%s:%s:runtime/%s/runtime-endpoint/%s', new.region, new.account, new.runtime_id,
            new.endpoint_name),
        case new.kind when 'flipped' then 'EndpointReady' when 'rolled_back' then 'EndpointRolledBack'
            when 'failed' then 'EndpointFailed' else 'EndpointDeleted' end,
        case new.kind when 'failed' then 'failed' else 'ok' end, new.actor, new.request_id,
        jsonb_strip_nulls(jsonb_build_object(
            'from', case when new.from_version is not null then jsonb_build_object('liveVersion', new.from_version::text) end,
            'to', case when new.to_version is not null then jsonb_build_object('liveVersion', new.to_version::text) end,
            'reason', new.reason)));
    return null;
end $$;
create trigger endpoint_history_audited after insert on endpoint_history
    for each row when (new.kind in ('flipped', 'rolled_back', 'failed', 'deleted'))
    execute function endpoint_history_audit();

---------------------------------------------------------------------------------------------------
-- Client tokens

create table idempotency (
    account text not null,
    region text not null,
    operation text not null,
    -- The resource that the request names; empty for none.
    target text not null,
    token text not null,
    request_sha256 bytea not null check (octet_length(request_sha256) = 32),
    -- Null only inside the transaction that makes the row.
    response_status integer,
    response_body bytea,
    created_at timestamptz not null default now(),
    primary key (account, region, operation, target, token)
);
create index idempotency_age on idempotency (created_at);
