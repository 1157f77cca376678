"""Rows as if many runtimes had been made, copied from one that was really made and prepared.

The copies share the original's artifact, so their versions are READY and can be switched to. Made while no server runs.
"""

def runtime_id(number, account):
    """agentRuntimeId of a copy. A number, or pgbench's words for one."""
    return f"copy_{number}-{account[:10]}"


class Population:
    """`count` copies of `original` (an agentRuntimeId) in `account`; with `pinned`, each has an endpoint of that name on version 1."""

    def __init__(self, postgres, database, original, account, count, *, pinned=None, is_analyzed=True):
        self.account, self.count, self.pinned = account, count, pinned
        query = lambda sql: postgres.query(sql, database)  # noqa: E731
        query(f"insert into account (number, name) values ('{account}', 'benchmark') on conflict do nothing")
        [[source]] = query(f"select id from agent_runtime where runtime_id = '{original}'")
        query(f"""
            insert into agent_runtime (runtime_id, account, region, name, status, last_version, created_at)
            select 'copy_' || n || '-{account[:10]}', '{account}', region, 'copy_' || n, 'READY', last_version,
                now() - n * interval '1 millisecond'
            from agent_runtime, generate_series(1, {count}) n where id = {source} order by n;
            insert into agent_runtime_version (runtime, version, configuration, configuration_sha256, artifact, created_by)
            select r.id, v.version, v.configuration, v.configuration_sha256, v.artifact, v.created_by
            from agent_runtime r, agent_runtime_version v where r.account = '{account}' and r.id <> {source} and v.runtime = {source}
            order by r.id, v.version;
            insert into version_status (version, status, prepared_at)
            select v.id, 'READY', now() from agent_runtime_version v join agent_runtime r on r.id = v.runtime
            where r.account = '{account}' and r.id <> {source};
            """)
        for name, version in [("DEFAULT", "r.last_version"), *([(pinned, "1")] if pinned else [])]:
            query(f"""
                insert into runtime_endpoint (runtime, endpoint_id, name, live_version, target, status)
                select r.id, '{name}-' || lpad(r.id::text, 10, '0'), '{name}', {version},
                    jsonb_build_array(jsonb_build_object('version', {version}, 'weight', 100)), 'READY'
                from agent_runtime r where r.account = '{account}' and r.id <> {source} order by r.id
                """)
        # Keys of copy K are these plus K.
        [[self.runtime_base]] = query(f"select min(id) - 1 from agent_runtime where account = '{account}' and id <> {source}")
        if pinned:
            [[self.endpoint_base]] = query(
                f"select min(e.id) - 1 from runtime_endpoint e join agent_runtime r on r.id = e.runtime "
                f"where r.account = '{account}' and e.name = '{pinned}' and r.id <> {source}")
        if is_analyzed:
            query("vacuum analyze")
