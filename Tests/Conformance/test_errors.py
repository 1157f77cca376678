"""Every error of every operation, provoked through boto3 (contract §4).

PROVOKED holds one way to each error; what none leads to stands in Tests/support/reach.py with its reason. Together they are
exactly the errors of the document, so that an error that is added fails here until it is provoked.
"""

import concurrent.futures
import json
import re

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from clients import Clients
from document import Document
from processes import wait_for
from reach import NEVER, OUT_OF_REACH
from runtimes import session_id, unique

DOCUMENT = Document.load()
OPERATIONS = DOCUMENT.of_aws
NOBODY = "nobody-0123456789"
NO_ARN = f"arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{NOBODY}"
V, N, C, A, Q, R = ("ValidationException", "ResourceNotFoundException", "ConflictException", "AccessDeniedException",
                    "ServiceQuotaExceededException", "RetryableConflictException")
STATUS = {V: 400, Q: 402, A: 403, N: 404, C: 409, R: 409, "RuntimeClientError": 424}


class World:
    """One READY runtime whose next version never gets ready while the tests run, and what else calls need."""

    def __init__(self, server, workshop, good, busy, late, identity):
        self.workshop = workshop
        self.good, self.busy, self.late, self.identity = good, busy, late, identity
        # What botocore would refuse by itself has to reach the server.
        self.clients = Clients(server.environment, parameter_validation=False)
        self.bearer = Clients(server.environment)
        for client in (self.bearer.control, self.bearer.data):
            client.meta.events.register("before-send", self._as_bearer)

    @staticmethod
    def _as_bearer(request, **_):
        request.headers["Authorization"] = "Bearer abc"

    def call(self, clients, operation, members):
        plane = clients.control if OPERATIONS[operation].plane == "control" else clients.data
        return getattr(plane, xform_name(operation))(**members)

    def members(self, operation, **changes):
        """A good call's, with changes."""
        runtime, endpoint = {"agentRuntimeId": self.good.id}, {"agentRuntimeId": self.good.id, "endpointName": "prod"}
        arn, identity = {"resourceArn": self.good.arn}, {"name": self.identity}
        called = {"agentRuntimeArn": self.good.arn, "runtimeSessionId": session_id()}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "bedrock-agentcore:GetAgentCard",
            "Resource": changes.get("resourceArn", self.good.arn)}]})
        known = {
            "CreateAgentRuntime": {"agentRuntimeName": unique(), **self.workshop.request("probe")},
            "GetAgentRuntime": runtime, "UpdateAgentRuntime": {**runtime, **self.workshop.request("probe")},
            "DeleteAgentRuntime": runtime, "ListAgentRuntimes": {}, "ListAgentRuntimeVersions": runtime,
            "CreateAgentRuntimeEndpoint": {**runtime, "name": unique("e")}, "GetAgentRuntimeEndpoint": endpoint,
            "UpdateAgentRuntimeEndpoint": {**endpoint, "agentRuntimeVersion": "1"}, "DeleteAgentRuntimeEndpoint": endpoint,
            "ListAgentRuntimeEndpoints": runtime, "TagResource": {**arn, "tags": {"a": "b"}},
            "UntagResource": {**arn, "tagKeys": ["a"]}, "ListTagsForResource": arn, "PutResourcePolicy": {**arn, "policy": policy},
            "GetResourcePolicy": arn, "DeleteResourcePolicy": arn, "CreateWorkloadIdentity": {"name": unique("i")},
            "GetWorkloadIdentity": identity, "UpdateWorkloadIdentity": identity, "DeleteWorkloadIdentity": identity,
            "ListWorkloadIdentities": {}, "InvokeAgentRuntime": {**called, "payload": b"{}"}, "StopRuntimeSession": called,
        }
        return {**known[operation], **changes}


@pytest.fixture(scope="module")
def world(server, shared_workshop):
    good = shared_workshop.runtime()
    good.endpoint("prod")
    busy = shared_workshop.runtime()
    busy.endpoint("prod")
    late = shared_workshop.runtime(environment={"PROBE_START": "late:5"})
    identity = unique("identity")
    shared_workshop.control.create_workload_identity(name=identity)
    yield World(server, shared_workshop, good, busy, late, identity)
    shared_workshop.control.delete_workload_identity(name=identity)
    for runtime in (good, busy, late):
        shared_workshop._made.append(runtime.id)


def changed(**members):
    """A good call but for these members."""
    return lambda world, operation: world.call(world.clients, operation, world.members(operation, **members))


def with_bearer_token(world, operation):
    world.call(world.bearer, operation, world.members(operation))


def while_it_changes(world, operation):
    """The newest version is still being prepared."""
    control = world.workshop.control
    if control.get_agent_runtime(agentRuntimeId=world.busy.id)["status"] != "UPDATING":
        world.busy.update(environment={"PROBE_START": "never-bind"}, wait=False)
    world.call(world.clients, operation, world.members(operation, agentRuntimeId=world.busy.id))


def too_many_tags(world, operation):
    world.call(world.clients, operation, world.members(operation, tags={f"k{number}": "v" for number in range(50)}))
    world.call(world.clients, operation, world.members(operation, tags={"one more": "v"}))


def too_many_endpoints(world, operation):
    for number in range(100):
        world.call(world.clients, operation, world.members(operation, name=f"e{number}", agentRuntimeId=world.busy.id))


def of_the_same_name(world, operation):
    name = world.good.id.rsplit("-", 1)[0]
    world.call(world.clients, operation, world.members(operation, agentRuntimeName=name))


def by_an_agent_that_fails(world, operation):
    world.call(world.clients, operation, world.members(operation, payload=b'{"do":"no such thing"}'))


def stopped_while_it_starts(world, operation):
    """The session's agent takes its time, and somebody stops the session meanwhile."""
    members = world.members(operation, agentRuntimeArn=world.late.arn)

    def stop():
        try:
            return world.late.stop(members["runtimeSessionId"])
        except world.late.data.exceptions.ResourceNotFoundException:
            return None  # it isn't there yet

    with concurrent.futures.ThreadPoolExecutor(1) as other:
        stopped = other.submit(wait_for, stop, 60, "there is nothing to stop")
        try:
            world.call(world.clients, operation, members)
        finally:
            stopped.result()


SHORT = "Member must have length greater than or equal to"
PATTERN = "Member must satisfy regular expression pattern"
LEAST = "Member must have value greater than or equal to 1"
MISMATCH = "Authorization method mismatch"

# (operation, code): how, a pattern of the message, members of fieldList.
PROVOKED = {
    ("CreateAgentRuntime", V): (changed(agentRuntimeName="no-hyphens"), PATTERN, ["agentRuntimeName"]),
    ("CreateAgentRuntime", C): (of_the_same_name, "already exists", None),
    ("GetAgentRuntime", V): (changed(agentRuntimeId="nohyphen"), PATTERN, ["agentRuntimeId"]),
    ("GetAgentRuntime", N): (changed(agentRuntimeId=NOBODY), NOBODY, None),
    ("UpdateAgentRuntime", V): (changed(roleArn="nobody"), PATTERN, ["roleArn"]),
    ("UpdateAgentRuntime", N): (changed(agentRuntimeId=NOBODY), NOBODY, None),
    ("UpdateAgentRuntime", C): (while_it_changes, "UPDATING", None),
    ("DeleteAgentRuntime", N): (changed(agentRuntimeId=NOBODY), NOBODY, None),
    ("DeleteAgentRuntime", C): (while_it_changes, "UPDATING", None),
    ("ListAgentRuntimes", V): (changed(maxResults=0), LEAST, ["maxResults"]),
    ("ListAgentRuntimeVersions", V): (changed(maxResults=0), LEAST, ["maxResults"]),
    ("ListAgentRuntimeVersions", N): (changed(agentRuntimeId=NOBODY), NOBODY, None),
    ("CreateAgentRuntimeEndpoint", V): (changed(name="no-hyphens"), PATTERN, ["name"]),
    ("CreateAgentRuntimeEndpoint", N): (changed(agentRuntimeId=NOBODY), NOBODY, None),
    ("CreateAgentRuntimeEndpoint", C): (changed(name="prod"), "already exists", None),
    ("CreateAgentRuntimeEndpoint", Q): (too_many_endpoints, "limit of 100 endpoints", None),
    ("GetAgentRuntimeEndpoint", V): (changed(endpointName="no-hyphens"), PATTERN, ["endpointName"]),
    ("GetAgentRuntimeEndpoint", N): (changed(endpointName="none"), "none", None),
    ("UpdateAgentRuntimeEndpoint", V): (changed(agentRuntimeVersion="0"), PATTERN, ["agentRuntimeVersion"]),
    ("UpdateAgentRuntimeEndpoint", N): (changed(agentRuntimeVersion="7"), "7", None),
    ("UpdateAgentRuntimeEndpoint", C): (
        lambda world, operation: (world.good.update(description="second"), changed(endpointName="DEFAULT")(world, operation)),
        "DEFAULT", None),
    ("DeleteAgentRuntimeEndpoint", N): (changed(endpointName="none"), "none", None),
    ("DeleteAgentRuntimeEndpoint", C): (changed(endpointName="DEFAULT"), "DEFAULT", None),
    ("ListAgentRuntimeEndpoints", V): (changed(maxResults=0), LEAST, ["maxResults"]),
    ("TagResource", V): (changed(tags={"aws:x": "y"}), "aws:", ["tags"]),
    ("TagResource", N): (changed(resourceArn=NO_ARN), NOBODY, None),
    ("TagResource", Q): (too_many_tags, "limit of 50 tags", None),
    ("UntagResource", V): (changed(tagKeys=["!"]), PATTERN, ["tagKeys.1.member"]),
    ("UntagResource", N): (changed(resourceArn=NO_ARN), NOBODY, None),
    ("ListTagsForResource", V): (changed(resourceArn="x" * 20), PATTERN, ["resourceArn"]),
    ("ListTagsForResource", N): (changed(resourceArn=NO_ARN), NOBODY, None),
    ("PutResourcePolicy", V): (changed(policy="{"), "policy", None),
    ("PutResourcePolicy", N): (changed(resourceArn=NO_ARN), NOBODY, None),
    ("GetResourcePolicy", V): (changed(resourceArn="short"), SHORT, ["resourceArn"]),
    ("GetResourcePolicy", N): (changed(resourceArn=NO_ARN), NOBODY, None),
    ("DeleteResourcePolicy", V): (changed(resourceArn="short"), SHORT, ["resourceArn"]),
    ("DeleteResourcePolicy", N): (changed(resourceArn=NO_ARN), NOBODY, None),
    ("CreateWorkloadIdentity", V): (changed(name="x y z"), PATTERN, ["name"]),
    ("CreateWorkloadIdentity", C): (
        lambda world, operation: changed(name=world.identity)(world, operation), "already exists", None),
    ("GetWorkloadIdentity", V): (changed(name="x y z"), PATTERN, ["name"]),
    ("GetWorkloadIdentity", N): (changed(name="nobody"), "nobody", None),
    ("UpdateWorkloadIdentity", V): (changed(allowedResourceOauth2ReturnUrls=["x"]), PATTERN, ["allowedResourceOauth2ReturnUrls.1.member"]),
    ("UpdateWorkloadIdentity", N): (changed(name="nobody"), "nobody", None),
    ("DeleteWorkloadIdentity", V): (changed(name="x y z"), PATTERN, ["name"]),
    ("DeleteWorkloadIdentity", N): (changed(name="nobody"), "nobody", None),
    ("ListWorkloadIdentities", V): (changed(maxResults=0), LEAST, ["maxResults"]),
    ("InvokeAgentRuntime", V): (changed(runtimeSessionId="short"), SHORT, ["runtimeSessionId"]),
    ("InvokeAgentRuntime", N): (
        changed(agentRuntimeArn=NO_ARN), f"No endpoint or agent found with qualifier 'DEFAULT' for agent '{NO_ARN}'", None),
    ("InvokeAgentRuntime", R): (stopped_while_it_starts, "Session operation in progress, please retry", None),
    ("InvokeAgentRuntime", "RuntimeClientError"): (by_an_agent_that_fails, ".", None),
    ("StopRuntimeSession", V): (changed(runtimeSessionId="short"), SHORT, ["runtimeSessionId"]),
    ("StopRuntimeSession", N): (changed(agentRuntimeArn=NO_ARN), "No endpoint or agent found", None),
    **{(name, A): (with_bearer_token, MISMATCH, None) for name in OPERATIONS},
}


def test_every_documented_error_is_here():
    documented = {(name, code) for name, operation in OPERATIONS.items() for code, _ in operation.errors}
    never = {(name, code) for name, code in documented if code in NEVER}
    assert set(PROVOKED) | set(OUT_OF_REACH) | never == documented, (
        documented - set(PROVOKED) - set(OUT_OF_REACH) - never, (set(PROVOKED) | set(OUT_OF_REACH)) - documented)
    assert not set(PROVOKED) & (set(OUT_OF_REACH) | never) and not set(OUT_OF_REACH) & never


# The ones that wait for a version come last.
ORDER = sorted(PROVOKED, key=lambda pair: (pair[1] in (C, Q), list(PROVOKED).index(pair)))


@pytest.mark.parametrize("operation,code", ORDER)
def test_error(world, operation, code):
    how, message, fields = PROVOKED[operation, code]
    with pytest.raises(ClientError) as refusal:
        how(world, operation)
    answer = refusal.value.response
    assert answer["Error"]["Code"] == code and type(refusal.value).__name__ == code, answer
    assert re.search(re.escape(message) if message != "." else message, answer["Error"]["Message"]), answer
    metadata = answer["ResponseMetadata"]
    assert metadata["HTTPStatusCode"] == STATUS[code], answer
    headers = metadata["HTTPHeaders"]
    assert headers["x-amzn-errortype"] == code and headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["RequestId"])
    if code == V:
        assert answer["reason"] == "FieldValidationFailed", answer
        assert [field["name"] for field in answer.get("fieldList", [])] == (fields or [
            field["name"] for field in answer.get("fieldList", [])]), answer
    else:
        assert "reason" not in answer and "fieldList" not in answer, answer


# -- What no operation's model has

WITH_BODY = [name for name, operation in DOCUMENT.operations.items() if operation.body and name != "InvokeAgentRuntime"]


def raw(world, signer, name, body, content_type="application/json"):
    operation = DOCUMENT.operations[name]
    values = {"agentRuntimeId": world.good.id, "agentRuntimeArn": world.good.arn, "resourceArn": world.good.arn, "endpointName": "prod",
              "accessKeyId": "AKIAIOSFODNN7EXAMPLE"}
    target = operation.target(**{p["name"]: values[p["name"]] for p in operation.parameters if p["in"] == "path"})
    headers = [(p["name"], session_id()) for p in operation.parameters if p["in"] == "header" and p["required"]]
    return signer.send(operation.method, target, body, [*headers, *([("Content-Type", content_type)] if content_type else [])])


HOSTILE = {
    "10,000 levels": b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "10,000 lists": b"[" * 10_000, "65 levels": b'{"a":' * 65 + b"1" + b"}" * 65,
    "a member twice": b'{"a":1,"a":2}', "the same member, escaped": b'{"a":1,"\\u0061":2}',
    "a lone surrogate": b'{"a":"\\ud800"}', "surrogates in the wrong order": b'{"a":"\\udc00\\ud800"}',
    "bad UTF-8": b'{"a":"\xff"}', "an encoded surrogate": b'{"a":"\xed\xa0\x80"}', "NaN": b'{"a":NaN}', "infinity": b'{"a":-Infinity}',
    "a huge number": b'{"a":1e999}', "a huge integer": b'{"a":' + b"9" * 400 + b"}", "a leading zero": b'{"a":01}', "a hexadecimal": b'{"a":0x1}',
    "a byte order mark": b"\xef\xbb\xbf{}", "UTF-16": '{"a":1}'.encode("utf-16"), "trailing bytes": b"{}x", "two documents": b"{}{}",
    "a trailing comma": b'{"a":1,}', "a comment": b"{/**/}", "single quotes": b"{'a':1}", "a control character": b'{"a":"\n"}',
    "a NUL": b'{"a":"\0"}', "nothing but space": b"  ", "a list": b"[]", "null": b"null", "a text": b'"{}"', "half": b'{"a":',
}


@pytest.mark.parametrize("name", WITH_BODY)
def test_bodies_that_are_no_json_object(world, signer, name):
    for what, body in HOSTILE.items():
        reply = raw(world, signer, name, body)
        assert (reply.status, reply.error) == (400, "ValidationException"), (what, reply)
        assert reply.json["reason"] == "CannotParse" and set(reply.json) == {"message", "reason"}, (what, reply)


@pytest.mark.parametrize("name", WITH_BODY)
def test_bodies_in_other_formats(world, signer, name):
    for content_type in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        reply = raw(world, signer, name, b"{}", content_type)
        assert (reply.status, reply.error) == (415, "UnsupportedMediaTypeException"), (content_type, reply)
        assert set(reply.json) == {"message"}


@pytest.mark.parametrize("name", WITH_BODY)
def test_bodies_that_are_too_large(world, signer, name):
    reply = raw(world, signer, name, b'{"a":"' + b"x" * (2 << 20) + b'"}')
    assert (reply.status, reply.error) == (413, "ValidationException"), reply
    assert reply.json["reason"] == "FieldValidationFailed" and reply.json["message"]


@pytest.mark.parametrize("path", sorted(DOCUMENT.data["paths"]))
def test_methods_that_a_path_has_not(world, signer, path):
    known = {operation.method for operation in DOCUMENT.operations.values() if operation.path == path}
    target = re.sub(r"\{\w+\}", "a-0123456789", path)
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
        if method in known or method == "HEAD" and path in ("/healthz", "/readyz"):
            continue
        reply = signer.send(method, target)
        assert reply.status == 405 and reply.error == "UnknownOperationException", (method, reply)
        assert known <= set(reply.headers["allow"].split(", ")) <= known | {"HEAD"}, (method, reply.headers)
        assert method == "HEAD" or set(reply.json) == {"message"}


@pytest.mark.parametrize("target", [
    "/", "/runtimes", "/nothing", "/runtimes/a/b/c/d/e", "/runtimes//", "//runtimes/", "/tags/", "/tags", "/identities/", "/identities/None",
    "/_signalbox", "/_signalbox/v1", "/_signalbox/v2/reference", "/_signalbox/v1/nothing", "/RUNTIMES/", "/runtimes/../runtimes/",
])
def test_paths_that_are_none(signer, target):
    reply = signer.send("GET", target)
    expected = 405 if target == "/runtimes" else 404
    assert (reply.status, reply.error) == (expected, "UnknownOperationException"), reply
    assert set(reply.json) == {"message"}


ARNS = [
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/../runtime/{id}", "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/%2e%2e/{id}",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{id}/", "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime//{id}",
    "arn:azure:bedrock-agentcore:us-east-1:123456789012:runtime/{id}", "arn:aws:bedrock:us-east-1:123456789012:runtime/{id}",
    "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/{id}", "arn:aws:bedrock-agentcore::123456789012:runtime/{id}",
    "arn:aws:bedrock-agentcore:us-east-1:210987654321:runtime/{id}", "arn:aws:bedrock-agentcore:us-east-1:1:runtime/{id}",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:agent/{id}", "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{id}:1",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{id}\0", "ARN:AWS:BEDROCK-AGENTCORE:US-EAST-1:123456789012:RUNTIME/{id}",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/" + "a" * 10_000, "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/ä-0123456789",
    "x" * 20, ":" * 30, "../../../../../../etc/passwd", "' OR 1=1; --                ", "%2e%2e%2f%2e%2e%2f%2e%2e%2f",
]


@pytest.mark.parametrize("route", ["GET /tags/{}", "GET /resourcepolicy/{}", "POST /runtimes/{}/invocations",
                                   "POST /runtimes/{}/stopruntimesession", "GET /runtimes/{}/", "DELETE /runtimes/{}/"])
def test_arns_that_are_none(world, signer, route):
    from urllib.parse import quote

    method, path = route.split(" ")
    headers = [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", session_id())] if method == "POST" else []
    for pattern in ARNS:
        arn = pattern.replace("{id}", world.good.id)
        doubly = quote(quote(world.good.arn, safe=""), safe="")
        for form in (quote(arn, safe=""), quote(arn, safe="/:"), doubly):
            if form.endswith(f"runtime/{world.good.id}/"):
                continue  # a slash that ends a path may be there or not
            reply = signer.send(method, path.format(form), b"", headers)
            assert 400 <= reply.status < 500 and reply.error and reply.json["message"], (arn, form, reply)
            assert reply.error in (V, N, "UnknownOperationException"), (arn, form, reply)
    # And the right one, encoded once, is understood.
    if path.startswith("/tags"):
        assert signer.send(method, path.format(quote(world.good.arn, safe=""))).status == 200
