-- Tags of runtimes and endpoints; workload identities, one for each runtime there is.

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
