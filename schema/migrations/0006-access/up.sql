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
