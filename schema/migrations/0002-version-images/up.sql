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

create or replace view version_detail as
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
