"""A database with as many rows as a large installation has, and a server on it whose statements are explained."""

import json
import uuid

import places
from population import Population, runtime_id
from processes import wait_for
from runtimes import session_id
from server import ACCOUNT, ServeServer
from signing import SESSION, invocation_target, stop_target

#: Rows that one statement may look at. A page of a hundred reads each row and the few that belong to it.
ROWS = 700
#: Tables that hold thousands of rows.
CROWDED = {
    "agent_runtime", "agent_runtime_version", "version_status", "runtime_endpoint", "workload_identity", "session", "session_history",
    "endpoint_history", "idempotency", "work", "bucket", "bucket_object", "access_key"}
RUNTIMES = 20_000


#: Of statements that are not a request's: the tests' own, and the one that compares all routes now and then.
OTHERS = ("'crowd%'", "id % 10 = 9", "array_agg(generation)")


def is_looked_at(plan):
    return not any(text in plan.sql for text in OTHERS)


class Crowd:
    """The server, one runtime with many versions and endpoints among many runtimes, and the plans of what is sent."""

    def __init__(self, server, postgres, database, runtime, workshop, plans):
        self.server, self.postgres, self.database = server, postgres, database
        self.runtime, self.plans = runtime, plans
        self.bucket, self.request = workshop.bucket, workshop.request()

    def query(self, sql):
        return self.postgres.query(sql, self.database)

    def settled(self):
        wait_for(lambda: not self.query("select id from work where subject not like 'crowd%'"), 60, "the reconcilers do not come to an end")

    def noticed(self):
        """The server has read the routes that have changed."""
        wait_for(lambda: not any("endpoint_detail" in plan.sql for plan in self.plans()), 60, "routes are read again and again")

    def look_up_and_change(self):
        """Every kind of read and change of one runtime, an invocation and its end, and all that goes on behind them."""
        control, runtime = self.server.clients.control, self.runtime
        signer = self.server.signer()
        control.get_agent_runtime(agentRuntimeId=runtime.id)
        control.get_agent_runtime(agentRuntimeId=runtime.id, agentRuntimeVersion="17")
        control.get_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="e50")
        control.list_tags_for_resource(resourceArn=runtime.arn)
        control.tag_resource(resourceArn=runtime.arn, tags={"team": "search"})
        control.untag_resource(resourceArn=runtime.arn, tagKeys=["team"])
        control.get_workload_identity(name=runtime.id)
        # Like a client that sends the same twice.
        token = str(uuid.uuid4())
        for _ in range(2):
            control.update_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="e7", agentRuntimeVersion="2", clientToken=token)
        session = session_id()
        target = invocation_target(runtime.arn, "prod")
        reply = signer.send("POST", target, b"{}", [(SESSION, session), ("Content-Type", "application/json")])
        assert reply.status == 200, reply
        stop = json.dumps({"runtimeSessionId": session, "clientToken": str(uuid.uuid4())}).encode()
        assert signer.send("POST", stop_target(runtime.arn, "prod"), stop, [(SESSION, session), ("Content-Type", "application/json")]).status == 200
        other = runtime_id(77, ACCOUNT)
        control.create_agent_runtime_endpoint(agentRuntimeId=other, name="fresh", agentRuntimeVersion="1")
        self.settled()
        control.delete_agent_runtime_endpoint(agentRuntimeId=other, endpointName="fresh")
        control.update_agent_runtime(agentRuntimeId=runtime_id(78, ACCOUNT), **self.request)
        self.settled()
        # One in ten has no session on a host that never ends it.
        [[idle]] = self.query("select min(runtime_id) from agent_runtime where id % 10 = 9")
        control.delete_agent_runtime(agentRuntimeId=idle)
        self.settled()


def server_on(scratch, postgres, database, name):
    return lambda: ServeServer(f"{scratch}/{name}", postgres.url(database), log=places.log(name), keys=f"{scratch}/{name}-keys")


def populate(postgres, database, runtime):
    """Nothing is analysed yet afterwards."""
    Population(postgres, database, runtime.id, ACCOUNT, RUNTIMES, pinned="prod", is_analyzed=False)
    _crowd(lambda sql: postgres.query(sql, database), runtime.id)


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
