"""What a request costs does not grow with what others have stored: the plan of each statement that it sends is looked at."""

import json

import pytest

from crowds import CROWDED, ROWS, is_looked_at

#: In the planner's units. Reading the smallest crowded table whole, or sorting a few thousand rows, costs more.
COST = 400


def too_dear(plans):
    # An estimate for many rows is none of a price when there are none.
    return [str(plan) for plan in plans if is_looked_at(plan) and (
        plan.rows > ROWS or plan.scanned & CROWDED or (plan.cost > COST and plan.rows))]


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
    crowd.plans()
    crowd.look_up_and_change()
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
