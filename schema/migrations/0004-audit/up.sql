-- Who changed what, when, from where. Written in the transaction of the change itself; the ends of changes,
-- which the reconcilers reach, are written by a trigger of endpoint_history.
create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    -- Whose resource it is.
    account text not null,
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
