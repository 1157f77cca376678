"""A database with as many rows as a large installation has, and a server on it whose statements are explained."""

import pytest

import places
from plans import explained
from population import Population
from processes import wait_for
from runtimes import Workshop
from server import ACCOUNT, ServeServer

RUNTIMES = 20_000


class Crowd:
    """The server, one runtime with many versions and endpoints among many runtimes, and the plans of what is sent."""

    def __init__(self, server, postgres, database, runtime, workshop, plans):
        self.server, self.postgres, self.database = server, postgres, database
        self.runtime, self.plans = runtime, plans
        self.bucket, self.request = workshop.bucket, workshop.request()

    def query(self, sql):
        return self.postgres.query(sql, self.database)

    def settled(self):
        wait_for(lambda: not self.query("select from work where subject not like 'crowd%'"), 60, "the reconcilers do not come to an end")


@pytest.fixture(scope="module")
def crowd(scratch, postgres):
    database = postgres.create_database()

    def server():
        return ServeServer(f"{scratch}/crowd", postgres.url(database), log=places.log("crowd"), keys=f"{scratch}/crowd-keys")

    with server() as first:
        workshop = Workshop(first.clients)
        runtime = workshop.runtime("probe")
        runtime.endpoint("prod", version="1")
    Population(postgres, database, runtime.id, ACCOUNT, RUNTIMES, pinned="prod")
    _crowd(lambda sql: postgres.query(sql, database), runtime.id)
    with explained(postgres) as plans, server() as second:
        yield Crowd(second, postgres, database, runtime, workshop, plans)


def _crowd(query, runtime):
    """Many rows in every other table, and in one runtime."""
    [[row]] = query(f"select id from agent_runtime where runtime_id = '{runtime}'")
    query(f"""
        insert into agent_runtime_version (runtime, version, configuration, configuration_sha256, artifact, created_by)
        select runtime, n, configuration, configuration_sha256, artifact, created_by
        from agent_runtime_version, generate_series(2, 3000) n where runtime = {row} and version = 1;
        insert into version_status (version, status, prepared_at)
        select id, 'READY', now() from agent_runtime_version where runtime = {row} and version > 1;
        update agent_runtime set last_version = 3000 where id = {row};
        insert into runtime_endpoint (runtime, endpoint_id, name, live_version, target, status)
        select runtime, 'e' || n || '-0000000000', 'e' || n, 1, target, status
        from runtime_endpoint, generate_series(1, 90) n where runtime = {row} and name = 'prod';
        insert into replica (replica_id, host, heartbeat_at) values ('00000000-0000-4000-8000-000000000000', 'elsewhere', now() + interval '1 day');
        insert into session (endpoint, runtime, session_id, version, version_number, sandbox_id, replica, epoch)
        select e.id, e.runtime, 'session-of-the-crowd-with-a-name-' || e.id, v.id, 1, 'crowd-' || e.id, '00000000-0000-4000-8000-000000000000', 1
        from runtime_endpoint e join agent_runtime_version v on v.runtime = e.runtime and v.version = 1 where e.name = 'prod' and e.runtime % 10 <> 9;
        insert into session_history (id, account, region, runtime_id, endpoint_name, session_id, version_number, sandbox_id, replica, epoch,
            started_at, last_active_at, reason)
        select -s.id, r.account, r.region, r.runtime_id, 'prod', s.session_id, 1, s.sandbox_id, s.replica, 1, now(), now(), 'idle'
        from session s join agent_runtime r on r.id = s.runtime;
        insert into endpoint_history (account, region, runtime, runtime_id, endpoint, endpoint_name, kind, generation, to_version, actor, request_id)
        select r.account, r.region, r.id, r.runtime_id, e.id, e.name, 'created', 1, 1, 'crowd', 'crowd'
        from runtime_endpoint e join agent_runtime r on r.id = e.runtime;
        insert into idempotency (account, region, operation, target, token, request_sha256, response_status, response_body)
        select '{ACCOUNT}', 'us-east-1', 'CreateAgentRuntime', '', 'crowd-' || n, sha256(n::text::bytea), 202, '' from generate_series(1, 20000) n;
        insert into work (kind, subject, due_at) select 'settle-endpoint', 'crowd-' || n, now() + interval '1 day' from generate_series(1, 20000) n;
        insert into bucket (account, region, name) select '{ACCOUNT}', 'us-east-1', 'crowd-' || n from generate_series(1, 5000) n;
        insert into bucket_object (bucket, key, artifact, size, etag, version_id)
        select bucket, 'crowd/' || n, artifact, size, etag, version_id || n from (select * from bucket_object limit 1) one, generate_series(1, 20000) n;
        insert into access_key (key_id, account, role, secret_ciphertext, secret_key_id)
        select 'SGXCROWD' || n, account, role, secret_ciphertext, secret_key_id from (select * from access_key limit 1) one, generate_series(1, 5000) n;
        """)
    query("vacuum analyze")
