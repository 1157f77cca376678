"""Every operation, by boto3 and by the AWS CLI, against whatever endpoint the run is pointed at.

What each did is recorded by Tests/support/score.py; the last tests look there, so that an operation that nothing
drove fails. The other files try what these operations mean; these are the shortest way through all of them.
"""

import json
import uuid
from importlib.metadata import version

import boto3
import pytest

import score
from clients import endpoint_gone, gone, ready_endpoint, ready_runtime
from document import Document
from runtimes import session_id, unique

OPERATIONS = set(Document.load().of_aws)
CONTROL, DATA = "bedrock-agentcore-control", "bedrock-agentcore"
CLIENTS = {"boto3": f"boto3 {boto3.__version__}", "aws": f"AWS CLI {version('awscli')}"}


def allow(arn):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": arn}]})


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def test_by_boto3(control, data, shared_workshop):
    name = unique()
    created = control.create_agent_runtime(agentRuntimeName=name, **shared_workshop.request("probe"))
    runtime, arn = {"agentRuntimeId": created["agentRuntimeId"]}, created["agentRuntimeArn"]
    assert status(created) == 202 and created["agentRuntimeVersion"] == "1" and created["status"] == "CREATING"
    ready_runtime(control, **{"runtime_id": runtime["agentRuntimeId"]})
    updated = control.update_agent_runtime(**runtime, **shared_workshop.request("probe", description="second"))
    assert status(updated) == 202 and updated["agentRuntimeVersion"] == "2"
    ready_runtime(control, runtime["agentRuntimeId"])
    assert control.get_agent_runtime(**runtime)["description"] == "second"
    pages = control.get_paginator("list_agent_runtimes").paginate(PaginationConfig={"PageSize": 1})
    assert name in [line["agentRuntimeName"] for page in pages for line in page["agentRuntimes"]]
    pages = control.get_paginator("list_agent_runtime_versions").paginate(**runtime, PaginationConfig={"PageSize": 1})
    assert [line["agentRuntimeVersion"] for page in pages for line in page["agentRuntimes"]] == ["2", "1"]

    endpoint = {**runtime, "endpointName": "prod"}
    made = control.create_agent_runtime_endpoint(**runtime, name="prod", agentRuntimeVersion="1")
    assert status(made) == 202 and made["targetVersion"] == "1"
    ready_endpoint(control, runtime["agentRuntimeId"], "prod", "1")
    moved = control.update_agent_runtime_endpoint(**endpoint, agentRuntimeVersion="2", description="moved")
    assert status(moved) == 202 and moved["targetVersion"] == "2"
    ready_endpoint(control, runtime["agentRuntimeId"], "prod", "2")
    assert control.get_agent_runtime_endpoint(**endpoint)["description"] == "moved"
    pages = control.get_paginator("list_agent_runtime_endpoints").paginate(**runtime, PaginationConfig={"PageSize": 1})
    assert [line["name"] for page in pages for line in page["runtimeEndpoints"]] == ["DEFAULT", "prod"]

    session = session_id()
    answer = data.invoke_agent_runtime(
        agentRuntimeArn=arn, qualifier="prod", runtimeSessionId=session, contentType="application/json", payload=b"{}")
    assert status(answer) == 200 and answer["runtimeSessionId"] == session and json.loads(answer["response"].read())["calls"] == 1
    assert status(data.stop_runtime_session(agentRuntimeArn=arn, qualifier="prod", runtimeSessionId=session)) == 200

    assert status(control.tag_resource(resourceArn=arn, tags={"team": "search", "b": ""})) == 204
    assert status(control.untag_resource(resourceArn=arn, tagKeys=["b"])) == 204
    assert control.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "search"}

    put = control.put_resource_policy(resourceArn=arn, policy=allow(arn))
    assert status(put) == 201 and put["policy"] == allow(arn)
    assert control.get_resource_policy(resourceArn=arn)["policy"] == allow(arn)
    assert status(control.delete_resource_policy(resourceArn=arn)) == 204

    identity = unique("identity")
    urls = ["https://example.com/callback"]
    assert status(control.create_workload_identity(name=identity)) == 201
    assert control.update_workload_identity(name=identity, allowedResourceOauth2ReturnUrls=urls)["allowedResourceOauth2ReturnUrls"] == urls
    assert control.get_workload_identity(name=identity)["allowedResourceOauth2ReturnUrls"] == urls
    pages = control.get_paginator("list_workload_identities").paginate(PaginationConfig={"PageSize": 2})
    assert identity in [line["name"] for page in pages for line in page["workloadIdentities"]]
    assert status(control.delete_workload_identity(name=identity)) == 204

    assert status(control.delete_agent_runtime_endpoint(**endpoint)) == 202
    endpoint_gone(control, runtime["agentRuntimeId"], "prod")
    assert status(control.delete_agent_runtime(**runtime, clientToken=f"{uuid.uuid4()}-token")) == 202
    gone(control, runtime["agentRuntimeId"])
    assert score.OPERATIONS[CLIENTS["boto3"]] >= OPERATIONS


def test_by_the_aws_cli(aws, control, shared_workshop, tmp_path):
    name, role = unique(), shared_workshop.request("probe")["roleArn"]
    artifact = json.dumps(shared_workshop.artifact("probe"))
    network = '{"networkMode":"PUBLIC"}'
    created = aws(CONTROL, "create-agent-runtime", "--agent-runtime-name", name, "--agent-runtime-artifact", artifact,
                  "--role-arn", role, "--network-configuration", network)
    runtime_id, arn = created["agentRuntimeId"], created["agentRuntimeArn"]
    runtime = ("--agent-runtime-id", runtime_id)
    ready_runtime(control, runtime_id)
    updated = aws(CONTROL, "update-agent-runtime", *runtime, "--agent-runtime-artifact", artifact, "--role-arn", role,
                  "--network-configuration", network, "--environment-variables", "AGENT_VERSION=2")
    assert updated["agentRuntimeVersion"] == "2"
    ready_runtime(control, runtime_id)
    assert aws(CONTROL, "get-agent-runtime", *runtime)["environmentVariables"] == {"AGENT_VERSION": "2"}
    assert name in [line["agentRuntimeName"] for line in aws(CONTROL, "list-agent-runtimes")["agentRuntimes"]]
    assert len(aws(CONTROL, "list-agent-runtime-versions", *runtime)["agentRuntimes"]) == 2

    endpoint = (*runtime, "--endpoint-name", "prod")
    aws(CONTROL, "create-agent-runtime-endpoint", *runtime, "--name", "prod", "--agent-runtime-version", "1")
    ready_endpoint(control, runtime_id, "prod", "1")
    aws(CONTROL, "update-agent-runtime-endpoint", *endpoint, "--agent-runtime-version", "2")
    ready_endpoint(control, runtime_id, "prod", "2")
    assert aws(CONTROL, "get-agent-runtime-endpoint", *endpoint)["liveVersion"] == "2"
    assert [line["name"] for line in aws(CONTROL, "list-agent-runtime-endpoints", *runtime)["runtimeEndpoints"]] == ["DEFAULT", "prod"]

    called = ("--agent-runtime-arn", arn, "--qualifier", "prod", "--runtime-session-id", session_id())
    payload, answer = tmp_path / "payload", tmp_path / "answer"
    payload.write_text("{}")
    aws(DATA, "invoke-agent-runtime", *called, "--content-type", "application/json", "--payload", f"fileb://{payload}", str(answer))
    assert json.loads(answer.read_text())["version"] == "2"
    aws(DATA, "stop-runtime-session", *called)

    aws(CONTROL, "tag-resource", "--resource-arn", arn, "--tags", "team=search")
    assert aws(CONTROL, "list-tags-for-resource", "--resource-arn", arn)["tags"] == {"team": "search"}
    aws(CONTROL, "untag-resource", "--resource-arn", arn, "--tag-keys", "team")
    aws(CONTROL, "put-resource-policy", "--resource-arn", arn, "--policy", allow(arn))
    assert aws(CONTROL, "get-resource-policy", "--resource-arn", arn)["policy"] == allow(arn)
    aws(CONTROL, "delete-resource-policy", "--resource-arn", arn)

    identity = unique("identity")
    aws(CONTROL, "create-workload-identity", "--name", identity)
    # Version 1 of the CLI would look at what an http URL holds.
    aws(CONTROL, "update-workload-identity", "--name", identity, "--allowed-resource-oauth2-return-urls", "app://callback")
    assert len(aws(CONTROL, "get-workload-identity", "--name", identity)["allowedResourceOauth2ReturnUrls"]) == 1
    assert identity in [line["name"] for line in aws(CONTROL, "list-workload-identities")["workloadIdentities"]]
    aws(CONTROL, "delete-workload-identity", "--name", identity)

    aws(CONTROL, "delete-agent-runtime-endpoint", *endpoint)
    aws(CONTROL, "delete-agent-runtime", *runtime)
    gone(control, runtime_id)
    assert score.OPERATIONS[CLIENTS["aws"]] >= OPERATIONS


def test_errors_as_the_aws_cli_shows_them(aws):
    done = aws.attempt(CONTROL, "get-agent-runtime", "--agent-runtime-id", "nobody-0123456789")
    assert done.returncode in (254, 255) and "ResourceNotFoundException" in done.stderr and "nobody-0123456789" in done.stderr
    assert ("GetAgentRuntime", "ResourceNotFoundException") in score.ERRORS[CLIENTS["aws"]]


@pytest.mark.skipif(tuple(map(int, boto3.__version__.split(".")[:2])) < (1, 44), reason="members of newer releases")
class TestMembersOfNewerReleases:
    """Contract §6: what botocore 1.44 sends and 1.43 does not know."""

    def test_no_network_configuration(self, control, workshop):
        request = workshop.request("probe")
        del request["networkConfiguration"]
        created = control.create_agent_runtime(agentRuntimeName=unique(), **request)
        workshop._made.append(created["agentRuntimeId"])
        assert ready_runtime(control, created["agentRuntimeId"])["networkConfiguration"] == {"networkMode": "PUBLIC"}

    def test_they_are_stored_and_returned(self, control, workshop):
        newer = {
            "platformVersion": "V1", "allowedPorts": [{"port": 9000}, {"portRange": {"from": 9100, "to": 9200}}],
            "hooksConfiguration": {"build": {"warmup": {"action": {"httpPost": {"path": "/warm"}}}}},
        }
        runtime = workshop.runtime(**newer)
        kept = control.get_agent_runtime(agentRuntimeId=runtime.id)
        assert {name: kept[name] for name in newer} == newer

    def test_one_version_is_deleted(self, control, workshop):
        runtime = workshop.runtime()
        runtime.update(description="second")
        with pytest.raises(control.exceptions.ConflictException):
            control.delete_agent_runtime(agentRuntimeId=runtime.id, agentRuntimeVersion="2")
        going = control.delete_agent_runtime(agentRuntimeId=runtime.id, agentRuntimeVersion="1")
        assert going["status"] == "DELETING" and going["agentRuntimeVersion"] == "1"
        assert control.get_agent_runtime(agentRuntimeId=runtime.id)["agentRuntimeVersion"] == "2"

    def test_what_would_mislead_is_refused(self, control, workshop):
        with pytest.raises(control.exceptions.ValidationException, match="capacity providers are not available"):
            workshop.create(capacityProviderConfiguration={
                "capacityProviderArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:capacity-provider/a-0123456789"})
