"""The story of the README: deploy, version, switch, roll back and invoke the AgentCore SDK's agent.

Told twice, with boto3 and with the AWS CLI. Both know the server by environment variables alone.
"""

import json
import os
import urllib.parse

import boto3
import pytest

import bundles
import places
from clients import endpoint_gone, gone, ready_endpoint, ready_runtime
from runtimes import ROLE, events, session_id, unique


@pytest.fixture(scope="module")
def hello():
    return bundles.example("hello")


@pytest.fixture
def artifact(images, hello):
    """The agent in a bucket, or in an image when --agents says so."""
    if images:
        return lambda bucket: images.artifact(hello)
    return lambda bucket: {"codeConfiguration": {
        "code": {"s3": {"bucket": bucket, "prefix": "hello.zip"}}, "runtime": places.PYTHON_RUNTIME, "entryPoint": ["main.py"]}}


@pytest.fixture
def environment(server, monkeypatch):
    """`eval "$(signalbox env)"`."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


def test_with_boto3(environment, hello, artifact, signer):
    s3 = boto3.client("s3")
    control = boto3.client("bedrock-agentcore-control")
    data = boto3.client("bedrock-agentcore")
    bucket = unique("story").replace("_", "-")
    name = unique("hello")

    # Upload and create: version 1.
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="hello.zip", Body=hello)
    complete = dict(
        agentRuntimeArtifact=artifact(bucket), roleArn=ROLE, networkConfiguration={"networkMode": "PUBLIC"},
        description="Says hello")
    created = control.create_agent_runtime(agentRuntimeName=name, **complete)
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert created["status"] == "CREATING" and created["agentRuntimeVersion"] == "1"
    runtime_id, arn = created["agentRuntimeId"], created["agentRuntimeArn"]
    assert arn == f"arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{runtime_id}"
    assert created["workloadIdentityDetails"]["workloadIdentityArn"].startswith("arn:aws:bedrock-agentcore:us-east-1:")
    runtime = ready_runtime(control, runtime_id)
    assert runtime["description"] == "Says hello"
    assert runtime["lifecycleConfiguration"] == {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800}
    assert ready_endpoint(control, runtime_id, "DEFAULT", 1)["agentRuntimeEndpointArn"] == f"{arn}/runtime-endpoint/DEFAULT"

    def invoke(payload, **members):
        members.setdefault("runtimeSessionId", session_id())
        return data.invoke_agent_runtime(agentRuntimeArn=arn, payload=json.dumps(payload), **members)

    # Invoke: JSON, then server-sent events.
    session = session_id()
    answer = invoke({"name": "Ada"}, runtimeSessionId=session)
    assert answer["statusCode"] == 200 and answer["contentType"] == "application/json"
    assert answer["runtimeSessionId"] == session
    assert json.loads(answer["response"].read()) == {"result": "Hello, Ada"}
    answer = invoke({"name": "Ada", "stream": True}, accept="text/event-stream")
    assert answer["contentType"].startswith("text/event-stream")
    assert list(events(answer)) == [{"word": "Hello,"}, {"word": "Ada"}]

    # prod is pinned to 1 and stays there when version 2 comes; DEFAULT follows.
    made = control.create_agent_runtime_endpoint(agentRuntimeId=runtime_id, name="prod", agentRuntimeVersion="1")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202 and made["targetVersion"] == "1"
    ready_endpoint(control, runtime_id, "prod", 1)
    updated = control.update_agent_runtime(
        agentRuntimeId=runtime_id, environmentVariables={"GREETING": "Good day"}, **complete)
    assert updated["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert updated["agentRuntimeVersion"] == "2" and updated["status"] == "UPDATING"
    assert ready_runtime(control, runtime_id)["agentRuntimeVersion"] == "2"
    ready_endpoint(control, runtime_id, "DEFAULT", 2)
    ready_endpoint(control, runtime_id, "prod", 1)
    greets = lambda qualifier: json.loads(invoke({"name": "Ada"}, qualifier=qualifier)["response"].read())["result"]
    assert greets("DEFAULT") == "Good day, Ada" and greets("prod") == "Hello, Ada"

    # Each version is kept as it was.
    assert "environmentVariables" not in control.get_agent_runtime(agentRuntimeId=runtime_id, agentRuntimeVersion="1")
    assert control.get_agent_runtime(
        agentRuntimeId=runtime_id, agentRuntimeVersion="2")["environmentVariables"] == {"GREETING": "Good day"}

    # prod moves to 2 while a stream runs: the stream ends on version 1, whole; new sessions are on 2.
    old = session_id()
    stream = events(invoke({"name": "Ada " * 20, "stream": True}, qualifier="prod", runtimeSessionId=old))
    assert next(stream) == {"word": "Hello,"}
    switched = control.update_agent_runtime_endpoint(agentRuntimeId=runtime_id, endpointName="prod", agentRuntimeVersion="2")
    assert switched["ResponseMetadata"]["HTTPStatusCode"] == 202 and switched["targetVersion"] == "2"
    ready_endpoint(control, runtime_id, "prod", 2)
    assert greets("prod") == "Good day, Ada"
    assert list(stream) == [{"word": "Ada"}] * 20
    assert json.loads(invoke({}, qualifier="prod", runtimeSessionId=old)["response"].read())["result"] == "Hello, World"

    # Roll back over REST.
    rolled = signer.send("POST", f"/_signalbox/v1/runtimes/{runtime_id}/runtime-endpoints/prod/rollback")
    assert rolled.status == 202, rolled
    ready_endpoint(control, runtime_id, "prod", 1)
    assert greets("prod") == "Hello, Ada"

    # Lists.
    mine = [r for page in control.get_paginator("list_agent_runtimes").paginate() for r in page["agentRuntimes"]
            if r["agentRuntimeId"] == runtime_id]
    assert [(r["agentRuntimeName"], r["agentRuntimeVersion"], r["status"]) for r in mine] == [(name, "2", "READY")]
    versions = control.list_agent_runtime_versions(agentRuntimeId=runtime_id)["agentRuntimes"]
    assert [v["agentRuntimeVersion"] for v in versions] == ["2", "1"]
    endpoints = control.list_agent_runtime_endpoints(agentRuntimeId=runtime_id)["runtimeEndpoints"]
    assert [(e["name"], e["liveVersion"]) for e in endpoints] == [("DEFAULT", "2"), ("prod", "1")]

    # Stop a session, delete the endpoint, delete the runtime: 404 afterwards.
    assert data.stop_runtime_session(agentRuntimeArn=arn, runtimeSessionId=old, qualifier="prod")["statusCode"] == 200
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.stop_runtime_session(agentRuntimeArn=arn, runtimeSessionId=old, qualifier="prod")
    deleted = control.delete_agent_runtime_endpoint(agentRuntimeId=runtime_id, endpointName="prod")
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202 and deleted["status"] == "DELETING"
    endpoint_gone(control, runtime_id, "prod")
    deleted = control.delete_agent_runtime(agentRuntimeId=runtime_id)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202 and deleted["status"] == "DELETING"
    gone(control, runtime_id)
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        invoke({"name": "Ada"})
    assert control.list_agent_runtime_endpoints(agentRuntimeId=runtime_id)["runtimeEndpoints"] == []


def test_with_the_aws_cli(aws, hello, artifact, tmp_path, server):
    control = lambda *arguments: aws("bedrock-agentcore-control", *arguments)
    bucket = unique("cli").replace("_", "-")
    name = unique("hello")
    (tmp_path / "hello.zip").write_bytes(hello)
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "cp", "--no-progress", str(tmp_path / "hello.zip"), f"s3://{bucket}/hello.zip")
    assert "hello.zip" in aws("s3", "ls", f"s3://{bucket}/")

    complete = [
        "--agent-runtime-artifact", json.dumps(artifact(bucket)), "--role-arn", ROLE,
        "--network-configuration", '{"networkMode": "PUBLIC"}',
    ]
    created = control("create-agent-runtime", "--agent-runtime-name", name, *complete)
    assert created["status"] == "CREATING"
    runtime_id, arn = created["agentRuntimeId"], created["agentRuntimeArn"]
    ready_runtime(server.clients.control, runtime_id)

    def invoke(payload, *options):
        (tmp_path / "payload.json").write_text(json.dumps(payload))
        out = tmp_path / "answer"
        told = aws("bedrock-agentcore", "invoke-agent-runtime", "--agent-runtime-arn", arn,
                   "--payload", f"fileb://{tmp_path}/payload.json", *options, str(out))
        assert told["statusCode"] == 200
        return out.read_text()

    assert json.loads(invoke({"name": "Ada"})) == {"result": "Hello, Ada"}
    assert invoke({"name": "Ada", "stream": True}) == 'data: {"word": "Hello,"}\n\ndata: {"word": "Ada"}\n\n'

    of_runtime = ["--agent-runtime-id", runtime_id]
    prod = [*of_runtime, "--endpoint-name", "prod"]
    control("create-agent-runtime-endpoint", *of_runtime, "--name", "prod", "--agent-runtime-version", "1")
    updated = control("update-agent-runtime", *of_runtime, *complete, "--environment-variables", "GREETING=Howdy")
    assert updated["agentRuntimeVersion"] == "2"
    ready_runtime(server.clients.control, runtime_id)
    assert json.loads(invoke({"name": "Ada"}, "--qualifier", "prod")) == {"result": "Hello, Ada"}
    control("update-agent-runtime-endpoint", *prod, "--agent-runtime-version", "2")
    ready_endpoint(server.clients.control, runtime_id, "prod", 2)
    assert json.loads(invoke({"name": "Ada"}, "--qualifier", "prod")) == {"result": "Howdy, Ada"}
    control("update-agent-runtime-endpoint", *prod, "--agent-runtime-version", "1")
    ready_endpoint(server.clients.control, runtime_id, "prod", 1)

    assert name in [r["agentRuntimeName"] for r in control("list-agent-runtimes")["agentRuntimes"]]
    assert [v["agentRuntimeVersion"] for v in control("list-agent-runtime-versions", *of_runtime)["agentRuntimes"]] == ["2", "1"]
    assert [e["name"] for e in control("list-agent-runtime-endpoints", *of_runtime)["runtimeEndpoints"]] == ["DEFAULT", "prod"]
    assert control("get-agent-runtime-endpoint", *prod)["liveVersion"] == "1"

    assert control("delete-agent-runtime", *of_runtime)["status"] == "DELETING"
    gone(server.clients.control, runtime_id)
    refused = aws.attempt("bedrock-agentcore-control", "get-agent-runtime", *of_runtime)
    assert refused.returncode != 0 and "ResourceNotFoundException" in refused.stderr


def test_the_arn_as_a_url_holds_it(probe, signer):
    """Encoded, as SDKs send it; as it stands, as people with curl do; and the bare id with the account."""
    for target in (
        f"/runtimes/{urllib.parse.quote(probe.arn, safe='')}/invocations",
        f"/runtimes/{probe.arn}/invocations",
        f"/runtimes/{urllib.parse.quote(probe.arn, safe=':')}/invocations?qualifier=DEFAULT",
        f"/runtimes/{probe.id}/invocations?accountId=123456789012",
        f"/runtimes/{probe.id}/invocations?qualifier=DEFAULT&accountId=123456789012",
    ):
        reply = signer.send("POST", target, b"{}", [("Content-Type", "application/json")])
        assert reply.status == 200 and reply.json["version"] == "1", (target, reply)
        # No session id was sent: one is made and returned.
        assert 33 <= len(reply.headers["x-amzn-bedrock-agentcore-runtime-session-id"]) <= 256
