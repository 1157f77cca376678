"""Every route of the document, and what strangers and other tenants get from it.

The one list of routes: one that the document has and this table has not, or the other way round, fails.
"""

import json
import urllib.parse
from typing import NamedTuple

import pytest

from document import Document
from runtimes import Workshop, unique
from server import ACCOUNT
from signing import SESSION
from tenants import STRANGER

DOCUMENT = Document.load()


class Route(NamedTuple):
    #: Without a signature.
    unsigned: str
    #: With good credentials of another account, about what is not its own.
    stranger: str
    #: Whether it changes something: then the audit trail has to tell of it.
    changes: bool


SIGNED = "403 MissingAuthenticationTokenException"
#: Like what does not exist.
UNKNOWN = "404 ResourceNotFoundException"
#: An empty answer: nothing of ours.
NOTHING = "nothing"
#: It acts in the stranger's own account, or names no tenant's things.
OWN = "own"
OPEN = "open"

ROUTES = {
    "CreateAgentRuntime": Route(SIGNED, OWN, True),
    "GetAgentRuntime": Route(SIGNED, UNKNOWN, False),
    "UpdateAgentRuntime": Route(SIGNED, UNKNOWN, True),
    "DeleteAgentRuntime": Route(SIGNED, UNKNOWN, True),
    "ListAgentRuntimes": Route(SIGNED, NOTHING, False),
    "ListAgentRuntimeVersions": Route(SIGNED, UNKNOWN, False),
    "CreateAgentRuntimeEndpoint": Route(SIGNED, UNKNOWN, True),
    "GetAgentRuntimeEndpoint": Route(SIGNED, UNKNOWN, False),
    "UpdateAgentRuntimeEndpoint": Route(SIGNED, UNKNOWN, True),
    "DeleteAgentRuntimeEndpoint": Route(SIGNED, UNKNOWN, True),
    "ListAgentRuntimeEndpoints": Route(SIGNED, NOTHING, False),
    "TagResource": Route(SIGNED, UNKNOWN, True),
    "UntagResource": Route(SIGNED, UNKNOWN, True),
    "ListTagsForResource": Route(SIGNED, UNKNOWN, False),
    "PutResourcePolicy": Route(SIGNED, UNKNOWN, True),
    "GetResourcePolicy": Route(SIGNED, UNKNOWN, False),
    "DeleteResourcePolicy": Route(SIGNED, UNKNOWN, True),
    "CreateWorkloadIdentity": Route(SIGNED, OWN, True),
    "GetWorkloadIdentity": Route(SIGNED, UNKNOWN, False),
    "UpdateWorkloadIdentity": Route(SIGNED, UNKNOWN, True),
    "DeleteWorkloadIdentity": Route(SIGNED, UNKNOWN, True),
    "ListWorkloadIdentities": Route(SIGNED, NOTHING, False),
    "InvokeAgentRuntime": Route(SIGNED, UNKNOWN, False),
    "StopRuntimeSession": Route(SIGNED, UNKNOWN, True),
    "RollbackAgentRuntimeEndpoint": Route(SIGNED, UNKNOWN, True),
    "GetVersionPreparation": Route(SIGNED, UNKNOWN, False),
    "ListInterpreters": Route(SIGNED, OWN, False),
    "GetOpenAPIDocument": Route(SIGNED, OWN, False),
    "GetReference": Route(SIGNED, OWN, False),
    "GetMetrics": Route(SIGNED, OWN, False),
    "GetStatus": Route(SIGNED, OWN, False),
    "ListAuditEvents": Route(SIGNED, OWN, False),
    "GetSessionHistory": Route(SIGNED, NOTHING, False),
    "ListAccessKeys": Route(SIGNED, OWN, False),
    "CreateAccessKey": Route(SIGNED, OWN, True),
    "DisableAccessKey": Route(SIGNED, UNKNOWN, True),
    "EnableAccessKey": Route(SIGNED, UNKNOWN, True),
    "RotateAccessKey": Route(SIGNED, UNKNOWN, True),
    "DeleteAccessKey": Route(SIGNED, UNKNOWN, True),
    "CreateSessionToken": Route(SIGNED, OWN, False),
    "Health": Route(OPEN, OPEN, False),
    "Readiness": Route(OPEN, OPEN, False),
}


#: Operations on what an ARN names, which has an account in it.
BY_ARN = {name for name, operation in DOCUMENT.operations.items() if {"agentRuntimeArn", "resourceArn"} & {
    p["name"] for p in operation.parameters if p["in"] == "path"}}
#: A session that the owner has, in case somebody asks for one.
SESSION_ID = "8f14e45f-ceea-467f-9b5a-1c9f4a1d2b3c"


def test_every_route_is_here():
    assert set(ROUTES) == set(DOCUMENT.operations)
    assert {name: route.changes for name, route in ROUTES.items()} == {
        name: operation.changes for name, operation in DOCUMENT.operations.items()}
    assert {name for name, route in ROUTES.items() if route.unsigned == OPEN} == {
        name for name, operation in DOCUMENT.operations.items() if not operation.is_signed}


def request(operation, arn="arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/a-0123456789", identity="an-identity",
            endpoint="prod", key="AKIAIOSFODNN7EXAMPLE"):
    """Target, body and headers of a good call about one runtime."""
    runtime_id = arn.rsplit("/", 1)[1]
    values = {"agentRuntimeId": runtime_id, "agentRuntimeArn": arn, "resourceArn": arn, "endpointName": endpoint,
              "accessKeyId": key, "runtimeSessionId": SESSION_ID}
    target = operation.target(**{p["name"]: values[p["name"]] for p in operation.parameters if p["in"] == "path"})
    query = [(p["name"], p["example"]) for p in operation.parameters if p["in"] == "query" and p["required"]]
    if query:
        target += "?" + urllib.parse.urlencode(query, doseq=True)
    headers = [(p["name"], SESSION_ID if p["name"] == SESSION else p["example"])
               for p in operation.parameters if p["in"] == "header" and p["required"]]
    content = operation.data.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return target, b"", headers
    body = content["example"]
    if operation.name.endswith("WorkloadIdentity"):
        body = {**body, "name": identity}
    if operation.name == "PutResourcePolicy":
        body = {"policy": body["policy"].replace("arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-AbC123dEf9", arn)}
    return target, json.dumps(body).encode(), [*headers, ("Content-Type", "application/json")]


@pytest.mark.parametrize("name", ROUTES)
def test_without_a_signature(signer, name):
    operation = DOCUMENT.operations[name]
    target, body, headers = request(operation)
    reply = signer.send_with(operation.method, target, body, [
        ("Host", signer.host), *headers, *([("Content-Length", str(len(body)))] if body or operation.method != "GET" else [])])
    if ROUTES[name].unsigned == OPEN:
        assert reply.status == 200, reply
        return
    assert f"{reply.status} {reply.error}" == ROUTES[name].unsigned, reply
    assert reply.json == {"message": "Missing Authentication Token"}
    assert "www-authenticate" not in reply.headers and reply.headers["x-amzn-requestid"]


@pytest.fixture(scope="module")
def owned(tenants):
    """Of the first account: a runtime with an endpoint and a session, one with a policy, and an identity."""
    workshop = Workshop(tenants.clients("admin"))
    runtime = workshop.runtime(name="hello", tags={"team": "search"})
    runtime.endpoint("prod", description="before")
    identity = unique("identity")
    workshop.control.create_workload_identity(name=identity)
    # With a policy it's another rule that keeps strangers out.
    shared = workshop.runtime()
    workshop.control.put_resource_policy(resourceArn=shared.arn, policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "bedrock-agentcore:GetAgentCard",
        "Resource": shared.arn}]}))
    before = runtime.invoke(session=SESSION_ID)
    yield runtime, shared, identity
    after = runtime.invoke(session=SESSION_ID)
    assert (after["incarnation"], after["calls"]) == (before["incarnation"], before["calls"] + 1), "somebody was in the session"
    workshop.control.delete_workload_identity(name=identity)
    workshop.close()


def state(control, runtime, shared, identity):
    """All that a stranger might have changed."""
    calls = [
        lambda: control.get_agent_runtime(agentRuntimeId=runtime.id), lambda: control.list_agent_runtime_versions(agentRuntimeId=runtime.id),
        lambda: control.list_agent_runtime_endpoints(agentRuntimeId=runtime.id),
        lambda: control.list_tags_for_resource(resourceArn=runtime.arn), lambda: control.get_workload_identity(name=identity),
        lambda: control.get_resource_policy(resourceArn=shared.arn),
        control.list_agent_runtimes,
    ]
    return [{key: value for key, value in call().items() if key != "ResponseMetadata"} for call in calls]


@pytest.mark.local
@pytest.mark.parametrize("name", ROUTES)
def test_of_another_account(tenants, owned, name):
    runtime, identity = owned[1 if "ResourcePolicy" in name else 0], owned[2]
    control = tenants.clients("admin").control
    operation, expected = DOCUMENT.operations[name], ROUTES[name].stranger
    before = state(control, *owned)
    key = tenants.signer("admin").credentials.access_key
    target, body, headers = request(operation, runtime.arn, identity, key=key)
    stranger = tenants.signer(f"{STRANGER}/admin")
    reply = stranger.send(operation.method, target, body, headers)
    assert state(control, *owned) == before
    for secret in (runtime.id, runtime.arn, identity, key):
        if expected != UNKNOWN:
            # A 404 may repeat what the caller wrote.
            # The stranger's own trail tells of the identity of that name that it made.
            assert name == "CreateWorkloadIdentity" or (name, secret) == ("ListAuditEvents", identity) or (
                secret.encode() not in reply.body), reply
    if expected == UNKNOWN:
        assert f"{reply.status} {reply.error}" == expected, reply
        # The same as for what never was.
        nobody, body, headers = request(operation, runtime.arn[:-10] + "0000000000", "nobody", "nowhere")
        assert f"{(never := stranger.send(operation.method, nobody, body, headers)).status} {never.error}" == expected, never
    elif expected == NOTHING:
        assert reply.status == 200 and list(reply.json.values()) == [[]], reply
    elif name == "CreateAgentRuntime":
        # The archive is one of the other account's: it does not exist.
        assert f"{reply.status} {reply.error}" == "400 ValidationException", reply
    else:
        assert reply.status == operation.success, reply
    if name in BY_ARN:
        # What is another's under an ARN of one's own account.
        for mine in (runtime.arn.replace(ACCOUNT, STRANGER), f"{runtime.id}?accountId={STRANGER}"):
            target, body, headers = request(operation, mine if mine.startswith("arn:") else runtime.arn, identity, key=key)
            if not mine.startswith("arn:"):
                path, _, query = target.partition("?")
                target = f"{path.replace(urllib.parse.quote(runtime.arn, safe=''), runtime.id)}?accountId={STRANGER}" + (
                    f"&{query}" if query else "")
            reply = stranger.send(operation.method, target, body, headers)
            assert 400 <= reply.status < 500 and reply.error in ("ResourceNotFoundException", "ValidationException"), (mine, reply)
            assert reply.error == "ResourceNotFoundException" or not mine.startswith("arn:"), (mine, reply)
        assert state(control, *owned) == before
    if name == "CreateWorkloadIdentity":
        tenants.clients(f"{STRANGER}/admin").control.delete_workload_identity(name=identity)
