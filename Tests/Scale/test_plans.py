"""What a request costs does not grow with what others have stored: the plan of each statement that it sends is looked at."""

import json
import uuid

import pytest

from population import runtime_id
from runtimes import session_id
from server import ACCOUNT
from signing import SESSION, invocation_target, stop_target

#: Rows that one statement may look at. A page of a hundred reads each row and the few that belong to it.
ROWS = 700
#: In the planner's units. Reading the smallest crowded table whole, or sorting a few thousand rows, costs more.
COST = 400
#: Tables that hold thousands of rows.
CROWDED = {
    "agent_runtime", "agent_runtime_version", "version_status", "runtime_endpoint", "workload_identity", "session", "session_history",
    "endpoint_history", "idempotency", "work", "bucket", "bucket_object", "access_key"}


def too_dear(plans):
    # Where 'crowd%' stands, it's the test that asks.
    return [str(plan) for plan in plans
            if "'crowd%'" not in plan.sql and (plan.rows > ROWS or plan.scanned & CROWDED or plan.cost > COST)]


def walk(signer, method, target, body, pages=3):
    """The first pages of a list, as many as there are."""
    token = None
    for _ in range(pages):
        sent = body
        if token and body is None:
            sent_target = f"{target}&nextToken={token}"
        else:
            sent_target = target
            sent = json.dumps({**json.loads(body), **({"nextToken": token} if token else {})}).encode() if body else None
        reply = signer.send(method, sent_target, sent or b"")
        assert reply.status == 200, reply
        token = reply.json.get("nextToken")
        if not token:
            return


LISTS = {
    "runtimes": ("POST", "/runtimes/?maxResults=100", None),
    "runtimes whose name begins so": ("POST", "/runtimes/?maxResults=100&namePrefix=copy_1999", None),
    "runtimes of a name that no other has": ("POST", "/runtimes/?maxResults=100&namePrefix=copy_19999", None),
    "runtimes of a common status": ("POST", "/runtimes/?maxResults=100&status=READY", None),
    "runtimes of a rare status": ("POST", "/runtimes/?maxResults=100&status=CREATE_FAILED", None),
    "runtimes of a tag": ("POST", "/runtimes/?maxResults=100&tag%3Ateam=search", None),
    "versions": ("POST", "/runtimes/{id}/versions/?maxResults=100", None),
    "endpoints": ("POST", "/runtimes/{id}/runtime-endpoints/?maxResults=100", None),
    "endpoints whose name begins so": ("POST", "/runtimes/{id}/runtime-endpoints/?maxResults=100&namePrefix=e2", None),
    "workload identities": ("POST", "/identities/ListWorkloadIdentities", b'{"maxResults": 20}'),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists(crowd, name):
    method, target, body = LISTS[name]
    crowd.plans()
    walk(crowd.server.signer(), method, target.format(id=crowd.runtime.id), body)
    found = crowd.plans()
    assert found, "nothing was explained"
    assert not (dear := too_dear(found)), "\n".join(dear)


def test_object_lists(crowd):
    s3 = crowd.server.clients.s3
    crowd.plans()
    s3.list_objects_v2(Bucket=crowd.bucket, MaxKeys=100)
    s3.list_objects_v2(Bucket=crowd.bucket, MaxKeys=100, StartAfter="crowd/15000")
    s3.list_objects_v2(Bucket=crowd.bucket, MaxKeys=100, Prefix="crowd/199")
    found = [plan for plan in crowd.plans() if "bucket" in plan.sql]
    assert found
    assert not (dear := too_dear(found)), "\n".join(dear)


def test_lookups_and_changes(crowd):
    """Every kind of read and change of one runtime, an invocation and its end, and all that goes on behind them."""
    control, runtime = crowd.server.clients.control, crowd.runtime
    signer = crowd.server.signer()
    crowd.plans()
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
    crowd.settled()
    control.delete_agent_runtime_endpoint(agentRuntimeId=other, endpointName="fresh")
    control.update_agent_runtime(agentRuntimeId=runtime_id(78, ACCOUNT), **crowd.request)
    crowd.settled()
    # One in ten has no session on a host that never ends it.
    [[idle]] = crowd.query("select min(runtime_id) from agent_runtime where id % 10 = 9")
    control.delete_agent_runtime(agentRuntimeId=idle)
    crowd.settled()
    found = crowd.plans()
    assert any("session_open" in plan.sql for plan in found), "the invocation was not explained"
    assert not (dear := too_dear(found)), "\n".join(dear)


def test_a_missing_index_is_noticed(crowd):
    """The checks above can fail: without its index the list of runtimes is too dear."""
    crowd.query("drop index agent_runtime_page")
    try:
        crowd.plans()
        walk(crowd.server.signer(), "POST", "/runtimes/?maxResults=100", None)
        assert too_dear(crowd.plans())
    finally:
        crowd.query("create index agent_runtime_page on agent_runtime (account, region, created_at desc, id desc)")
