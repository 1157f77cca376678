"""Resource policies, asked by both planes (contract §15, docs/adr/0005-resource-policies.md).

A server of their own: they need access keys of other roles and of another account.
"""

import json

import pytest
from botocore.exceptions import ClientError

import places
from clients import Clients
from processes import wait_for
from runtimes import Workshop, session_id
from server import ACCOUNT, ServeServer, environment_of

pytestmark = pytest.mark.local
STRANGER = "210987654321"


class Shared:
    """A server with clients of every role, and of another account."""

    def __init__(self, server):
        self.server = server
        self.admin = server.clients
        self.keys = {}
        self._clients = {}
        self.workshop = Workshop(self.admin)

    def __getitem__(self, name):
        """Clients by `role` or `account/role`."""
        if name not in self._clients:
            account, role = name.split("/") if "/" in name else (ACCOUNT, name)
            key = json.loads(self.server.run("key", "create", "--account", account, "--role", role, "--output", "json").stdout)
            self.keys[name] = key["AccessKeyId"]
            self._clients[name] = Clients(environment_of(
                self.server.url, key["AccessKeyId"], key["SecretAccessKey"], "us-east-1"))
        return self._clients[name]


@pytest.fixture(scope="module")
def shared(scratch, postgres):
    database = postgres.create_database()
    with ServeServer(f"{scratch}/policies", postgres.url(database), log=places.log("policies")) as server:
        shared = Shared(server)
        yield shared
        shared.workshop.close()


@pytest.fixture(scope="module")
def runtime(shared):
    runtime = shared.workshop.runtime()
    runtime.endpoint("prod")
    return runtime


@pytest.fixture(autouse=True)
def no_policies_left(shared, runtime):
    yield
    for arn in (runtime.arn, f"{runtime.arn}/runtime-endpoint/prod"):
        shared.admin.control.delete_resource_policy(resourceArn=arn)
    wait_for(lambda: invoke(shared["invoker"], runtime) == 200, 30, "a policy is still in force")


def statement(arn, effect="Allow", principal="*", action="bedrock-agentcore:*", **members):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": arn, **members}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def put(shared, arn, *statements):
    text = policy(*(statement(arn, **s) for s in statements))
    answer = shared.admin.control.put_resource_policy(resourceArn=arn, policy=text)
    assert answer["policy"] == text and answer["ResponseMetadata"]["HTTPStatusCode"] == 201


def outcome(call):
    """200, or the code of the error."""
    try:
        call()
        return 200
    except ClientError as error:
        return error.response["Error"]["Code"]


def invoke(clients, runtime, **members):
    return outcome(lambda: clients.data.invoke_agent_runtime(
        agentRuntimeArn=runtime.arn, qualifier="prod", payload=b"{}", runtimeSessionId=members.pop("session", session_id()),
        **members)["response"].read())


def becomes(expected, call):
    wait_for(lambda: call() == expected, 30, lambda: f"{call()} instead of {expected}")


def test_life(shared, runtime):
    control = shared.admin.control
    for arn in (runtime.arn, f"{runtime.arn}/runtime-endpoint/prod"):
        with pytest.raises(control.exceptions.ResourceNotFoundException, match="has no policy"):
            control.get_resource_policy(resourceArn=arn)
        put(shared, arn, {"action": "bedrock-agentcore:GetAgentCard"})
        text = policy(statement(arn, sid="x") | {"Sid": "Second"})
        with pytest.raises(control.exceptions.ValidationException, match="sid is not supported"):
            control.put_resource_policy(resourceArn=arn, policy=text)
        assert json.loads(control.get_resource_policy(resourceArn=arn)["policy"])["Statement"][0]["Action"].endswith("GetAgentCard")
        for _ in range(2):
            assert control.delete_resource_policy(resourceArn=arn)["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize("change,message", [
    ({"Action": "s3:GetObject"}, "no operation that a policy can name"), ({"NotAction": "x"}, "NotAction is not supported"),
    ({"Principal": {"Service": "lambda.amazonaws.com"}}, "Service is not supported"), ({"Resource": "*"}, "Resource must be the ARN"),
    ({"Principal": {"AWS": "arn:aws:iam::123456789012:role/Admin"}}, "names no role"),
    ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, "'Bool' is not supported"),
    ({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, "'aws:SourceVpc' is not supported"),
])
def test_what_is_not_understood_is_refused(shared, runtime, change, message):
    control = shared.admin.control
    with pytest.raises(control.exceptions.ValidationException, match=message) as refusal:
        control.put_resource_policy(resourceArn=runtime.arn, policy=policy(statement(runtime.arn) | change))
    assert refusal.value.response["reason"] == "FieldValidationFailed"
    assert {field["name"] for field in refusal.value.response["fieldList"]} == {"policy"}
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.get_resource_policy(resourceArn=runtime.arn)


def test_documents(shared, runtime):
    control = shared.admin.control
    for text in ("x", "[]", "{}", json.dumps({"Version": "2008-10-17", "Statement": [statement(runtime.arn)]}),
                 policy(statement(runtime.arn, Sid="a" * 20_480))):
        with pytest.raises(control.exceptions.ValidationException):
            control.put_resource_policy(resourceArn=runtime.arn, policy=text)


def test_unknown_resources(shared, runtime):
    control = shared.admin.control
    identity = control.get_agent_runtime(agentRuntimeId=runtime.id)["workloadIdentityDetails"]["workloadIdentityArn"]
    for arn in (runtime.arn.replace(ACCOUNT, STRANGER), runtime.arn[:-10] + "0123456789", f"{runtime.arn}/runtime-endpoint/none", identity):
        for call in (
            lambda: control.get_resource_policy(resourceArn=arn),
            lambda: control.put_resource_policy(resourceArn=arn, policy=policy(statement(arn))),
            lambda: control.delete_resource_policy(resourceArn=arn),
        ):
            assert outcome(call) in ("ResourceNotFoundException", "ValidationException")


def test_both_forms_of_an_endpoints_arn(shared, runtime):
    control = shared.admin.control
    long, short = f"{runtime.arn}/runtime-endpoint/prod", f"{runtime.arn}/endpoint/prod"
    control.put_resource_policy(resourceArn=short, policy=policy(statement(long, action="bedrock-agentcore:GetAgentCard")))
    assert control.get_resource_policy(resourceArn=long)["policy"]
    control.put_resource_policy(resourceArn=long, policy=policy(statement(short, action="bedrock-agentcore:GetAgentCard")))


@pytest.mark.parametrize("where", ["", "/runtime-endpoint/prod"])
def test_a_deny_stops_live_sessions_and_wins(shared, runtime, where):
    invoker, session = shared["invoker"], session_id()
    assert invoke(invoker, runtime, session=session) == 200
    put(shared, runtime.arn + where, {}, {"effect": "Deny", "action": ["bedrock-agentcore:InvokeAgentRuntime", "bedrock-agentcore:Stop*"]})
    becomes("AccessDeniedException", lambda: invoke(invoker, runtime, session=session))
    assert invoke(shared.admin, runtime) == "AccessDeniedException"
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        invoker.data.stop_runtime_session(agentRuntimeArn=runtime.arn, runtimeSessionId=session, qualifier="prod")
    if where:
        # The other endpoint is not meant.
        assert runtime.invoke()["calls"] == 1
    shared.admin.control.delete_resource_policy(resourceArn=runtime.arn + where)
    becomes(200, lambda: invoke(invoker, runtime, session=session))
    invoker.data.stop_runtime_session(agentRuntimeArn=runtime.arn, runtimeSessionId=session, qualifier="prod")


def test_one_key_one_role_one_address(shared, runtime):
    invoker, operator = shared["invoker"], shared["operator"]
    me = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{shared.keys['invoker']}"}
    put(shared, runtime.arn, {"effect": "Deny", "principal": me})
    becomes("AccessDeniedException", lambda: invoke(invoker, runtime))
    assert invoke(operator, runtime) == 200
    put(shared, runtime.arn, {"effect": "Deny", "principal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/operator"]}})
    becomes("AccessDeniedException", lambda: invoke(operator, runtime))
    becomes(200, lambda: invoke(invoker, runtime))
    put(shared, runtime.arn, {"effect": "Deny", "Condition": {"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1"]}}})
    becomes(200, lambda: invoke(operator, runtime))
    put(shared, runtime.arn, {"effect": "Deny", "Condition": {"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1"]}}})
    becomes("AccessDeniedException", lambda: invoke(operator, runtime))
    assert outcome(lambda: operator.control.get_agent_runtime(agentRuntimeId=runtime.id)) == "AccessDeniedException"


def test_control_plane(shared, runtime):
    control, operator = shared.admin.control, shared["operator"].control
    put(shared, runtime.arn, {"effect": "Deny", "action": "bedrock-agentcore:Update*"})
    # At once, on every replica: the use case asks the database.
    assert outcome(lambda: control.update_agent_runtime_endpoint(
        agentRuntimeId=runtime.id, endpointName="prod", description="x")) == "AccessDeniedException"
    assert outcome(lambda: runtime.update()) == "AccessDeniedException"
    assert outcome(lambda: shared.server.run(
        "endpoint", "list", runtime.id)) == 200
    put(shared, runtime.arn, {"effect": "Deny", "principal": {"AWS": ACCOUNT}})
    for call in (
        lambda: operator.get_agent_runtime(agentRuntimeId=runtime.id),
        lambda: operator.list_agent_runtime_versions(agentRuntimeId=runtime.id),
        lambda: operator.list_agent_runtime_endpoints(agentRuntimeId=runtime.id),
        lambda: operator.get_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="prod"),
        lambda: operator.create_agent_runtime_endpoint(agentRuntimeId=runtime.id, name="more"),
        lambda: operator.delete_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="prod"),
        lambda: operator.delete_agent_runtime(agentRuntimeId=runtime.id),
        lambda: operator.list_tags_for_resource(resourceArn=runtime.arn),
        lambda: operator.tag_resource(resourceArn=f"{runtime.arn}/runtime-endpoint/prod", tags={"a": "b"}),
        lambda: operator.get_resource_policy(resourceArn=runtime.arn),
        lambda: operator.delete_resource_policy(resourceArn=runtime.arn),
        lambda: control.get_agent_runtime(agentRuntimeId=runtime.id),
    ):
        assert outcome(call) == "AccessDeniedException"
    # Who wrote it can mend it.
    assert outcome(lambda: control.get_resource_policy(resourceArn=runtime.arn)) == 200


def test_an_allow_gives_a_role_more(shared, runtime):
    viewer = shared["viewer"]
    assert invoke(viewer, runtime) == "AccessDeniedException"
    me = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/viewer"}
    put(shared, runtime.arn, {"principal": me})
    assert outcome(lambda: viewer.control.tag_resource(resourceArn=runtime.arn, tags={"by": "viewer"})) == 200
    assert outcome(lambda: viewer.control.update_agent_runtime_endpoint(
        agentRuntimeId=runtime.id, endpointName="prod", description="x")) == "AccessDeniedException"
    put(shared, f"{runtime.arn}/runtime-endpoint/prod", {"principal": me})
    assert outcome(lambda: viewer.control.update_agent_runtime_endpoint(
        agentRuntimeId=runtime.id, endpointName="prod", description="x")) == 200
    becomes(200, lambda: invoke(viewer, runtime))
    assert outcome(lambda: viewer.control.list_agent_runtimes()) == 200
    assert outcome(lambda: viewer.control.create_workload_identity(name="of-a-viewer")) == "AccessDeniedException"


def test_only_admins_change_policies(shared, runtime):
    for role in ("operator", "invoker", "viewer"):
        control = shared[role].control
        assert outcome(lambda: control.put_resource_policy(
            resourceArn=runtime.arn, policy=policy(statement(runtime.arn)))) == "AccessDeniedException"
        assert outcome(lambda: control.delete_resource_policy(resourceArn=runtime.arn)) == "AccessDeniedException"


class TestAnotherAccount:
    def test_sees_nothing_until_both_policies_allow(self, shared, runtime):
        stranger = shared[f"{STRANGER}/invoker"]
        assert invoke(stranger, runtime) == "ResourceNotFoundException"
        put(shared, runtime.arn, {"principal": {"AWS": STRANGER}})
        assert invoke(stranger, runtime) == "ResourceNotFoundException"
        put(shared, f"{runtime.arn}/runtime-endpoint/prod", {"principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}})
        session = session_id()
        becomes(200, lambda: invoke(stranger, runtime, session=session))
        # Its own role must allow it as well.
        assert invoke(shared[f"{STRANGER}/viewer"], runtime) == "AccessDeniedException"
        # DEFAULT is not shared.
        with pytest.raises(stranger.data.exceptions.ResourceNotFoundException):
            stranger.data.invoke_agent_runtime(agentRuntimeArn=runtime.arn, payload=b"{}")
        # By id, with the account.
        answer = stranger.data.invoke_agent_runtime(agentRuntimeArn=runtime.id, accountId=ACCOUNT, qualifier="prod", payload=b"{}")
        assert answer["statusCode"] == 200
        stranger.data.stop_runtime_session(agentRuntimeArn=runtime.arn, runtimeSessionId=session, qualifier="prod")
        put(shared, runtime.arn, {"principal": {"AWS": STRANGER}}, {"effect": "Deny", "principal": {"AWS": STRANGER}})
        becomes("ResourceNotFoundException", lambda: invoke(stranger, runtime, session=session))

    def test_never_reaches_the_control_plane(self, shared, runtime):
        control = shared[f"{STRANGER}/admin"].control
        for arn in (runtime.arn, f"{runtime.arn}/runtime-endpoint/prod"):
            put(shared, arn, {})
        for call in (
            lambda: control.get_agent_runtime(agentRuntimeId=runtime.id),
            lambda: control.list_tags_for_resource(resourceArn=runtime.arn),
            lambda: control.get_resource_policy(resourceArn=runtime.arn),
            lambda: control.delete_resource_policy(resourceArn=runtime.arn),
        ):
            assert outcome(call) == "ResourceNotFoundException"


def test_a_policy_goes_with_its_resource(shared):
    control = shared.admin.control
    runtime = shared.workshop.runtime()
    runtime.endpoint("prod")
    put(shared, f"{runtime.arn}/runtime-endpoint/prod", {"effect": "Deny", "action": "bedrock-agentcore:InvokeAgentRuntime"})
    becomes("AccessDeniedException", lambda: invoke(shared["invoker"], runtime))
    control.delete_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="prod")
    becomes("ResourceNotFoundException", lambda: outcome(
        lambda: control.get_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="prod")))
    runtime.endpoint("prod")
    becomes(200, lambda: invoke(shared["invoker"], runtime))
