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

create index session_history_session on session_history (account, session_id, started_at desc);

-- What the history of endpoints knows from before.
insert into audit (at, account, region, runtime_id, resource, operation, outcome, actor, request_id, details)
select h.at, h.account, h.region, h.runtime_id,
    format('arn:aws:bedrock-agentcore:%s:%s:runtime/%s/runtime-endpoint/%s', h.region, h.account, h.runtime_id, h.endpoint_name),
    case h.kind
        when 'flipped' then 'EndpointReady' when 'rolled_back' then 'EndpointRolledBack' when 'failed' then 'EndpointFailed'
        when 'deleted' then 'EndpointDeleted'
        when 'created' then case h.endpoint_name when 'DEFAULT' then 'CreateAgentRuntime' else 'CreateAgentRuntimeEndpoint' end
        else case when h.rollback_to is not null then 'RollbackAgentRuntimeEndpoint'
            when h.endpoint_name = 'DEFAULT' then 'UpdateAgentRuntime' else 'UpdateAgentRuntimeEndpoint' end
    end,
    case h.kind when 'failed' then 'failed' else 'ok' end, h.actor, h.request_id,
    jsonb_strip_nulls(jsonb_build_object(
        'from', case when h.from_version is not null then jsonb_build_object('liveVersion', h.from_version::text) end,
        'to', case when h.to_version is null then null
            when h.kind in ('requested', 'created') then jsonb_build_object('targetVersion', h.to_version::text)
            else jsonb_build_object('liveVersion', h.to_version::text) end,
        'reason', h.reason))
from endpoint_history h order by h.id;

-- The list of an account's failed runtimes must not read those that are well.

create index agent_runtime_status on agent_runtime (account, region, status);

-- Accounts and keys that are switched off, keys that end by themselves, master keys that change, and a
-- limit for the sessions of an account.

alter table account add column disabled_at timestamptz;
alter table access_key add column expires_at timestamptz;
alter table access_key add column replaced_by text;

drop trigger access_key_changed on access_key;
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

-- Master keys that the replica's home holds.
alter table replica add column master_keys text[] not null default '{}';

create function master_key_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('signalbox_master_key', new.key_id);
    return null;
end $$;
create trigger master_key_changed after insert or update on master_key
    for each row execute function master_key_notify();

-- What is sealed may be sealed anew under another key, and nothing else of a version changes with it.
create or replace function agent_runtime_version_refuse_change() returns trigger language plpgsql as $$
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

-- Rows still sealed under a key that is to be retired.
create index agent_runtime_version_sealed on agent_runtime_version (environment_key_id, id)
    where environment_key_id is not null;
create index access_key_sealed on access_key (secret_key_id, id);

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

-- A lane looks at its own kinds only.
drop index work_due;
create index work_due on work (kind, due_at);
