-- Tags and resource policies of runtimes and endpoints; workload identities, one for each runtime there is.

alter table agent_runtime add column tags jsonb not null default '{}' check (jsonb_typeof(tags) = 'object');
alter table runtime_endpoint add column tags jsonb not null default '{}' check (jsonb_typeof(tags) = 'object');
create index agent_runtime_tags on agent_runtime using gin (tags jsonb_path_ops);

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

insert into workload_identity (account, region, name, runtime, created_at, updated_at)
    select account, region, runtime_id, id, created_at, created_at from agent_runtime order by id;

alter table agent_runtime add column policy text;
alter table runtime_endpoint add column policy text;
alter table runtime_endpoint add column policy_revision bigint not null default 0;

drop trigger runtime_endpoint_changed on runtime_endpoint;
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

create or replace view endpoint_detail as
    select e.id, e.runtime, r.runtime_id, r.account, r.region, r.name as runtime_name, e.endpoint_id, e.name,
        e.live_version, (e.target -> 0 ->> 'version')::integer as target_version, e.target,
        e.status, e.failure_reason, e.description, e.generation, e.created_at, e.updated_at,
        e.policy, r.policy as runtime_policy, e.policy_revision, e.tags
    from runtime_endpoint e
    join agent_runtime r on r.id = e.runtime;
