"""The eleven operations: what they accept, refuse, return and list (contract §2, §3, §4, §7)."""

import uuid

import pytest

import places
from clients import endpoint_gone, gone, ready_endpoint, ready_runtime, settled_runtime
from runtimes import ROLE, unique


def put(signer, target, document):
    import json

    return signer.send("PUT", target, json.dumps(document).encode(), [("Content-Type", "application/json")])


def refused(reply, *names):
    """Asserts a ValidationException that names the members."""
    assert (reply.status, reply.error) == (400, "ValidationException"), reply
    body = reply.json
    assert body["reason"] == "FieldValidationFailed" and body["message"], body
    listed = [field["name"] for field in body.get("fieldList", [])]
    assert all(field["message"] for field in body.get("fieldList", []))
    for name in names:
        assert any(name in field for field in listed), (name, body)


@pytest.fixture
def good(shared_workshop):
    return {"agentRuntimeName": unique(), **shared_workshop.request("probe")}


class TestValidation:
    @pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "ä", "a" * 49, "_a", None, 7])
    def test_runtime_name(self, signer, good, name):
        refused(put(signer, "/runtimes/", {**good, "agentRuntimeName": name}), "agentRuntimeName")

    @pytest.mark.parametrize("member", ["agentRuntimeName", "agentRuntimeArtifact", "roleArn"])
    def test_missing(self, signer, good, member):
        refused(put(signer, "/runtimes/", {k: v for k, v in good.items() if k != member}), member)

    def test_everything_wrong_is_told_at_once(self, signer):
        reply = put(signer, "/runtimes/", {"agentRuntimeName": "no-hyphens", "roleArn": "nobody"})
        refused(reply, "agentRuntimeName", "agentRuntimeArtifact", "roleArn")

    def test_constraints_and_rules_are_told_together(self, signer, good):
        reply = put(signer, "/runtimes/", {
            **good, "agentRuntimeName": "no-hyphens", "lifecycleConfiguration": {"idleRuntimeSessionTimeout": 900, "maxLifetime": 600},
            "tags": {"aws:x": "y"}, "environmentVariables": {"K": "v" * 4096}})
        refused(reply, "agentRuntimeName", "lifecycleConfiguration.idleRuntimeSessionTimeout", "tags", "environmentVariables")

    @pytest.mark.parametrize("change,names", [
        ({"roleArn": "arn:aws:iam::1:user/x"}, ["roleArn"]),
        ({"networkConfiguration": {"networkMode": "HOST"}}, ["networkMode"]),
        ({"networkConfiguration": {}}, ["networkMode"]),
        ({"protocolConfiguration": {"serverProtocol": "SMTP"}}, ["serverProtocol"]),
        ({"lifecycleConfiguration": {"idleRuntimeSessionTimeout": 59}}, ["idleRuntimeSessionTimeout"]),
        ({"lifecycleConfiguration": {"maxLifetime": 28801}}, ["maxLifetime"]),
        ({"lifecycleConfiguration": {"idleRuntimeSessionTimeout": "900"}}, ["idleRuntimeSessionTimeout"]),
        ({"description": ""}, ["description"]),
        ({"description": "x" * 4097}, ["description"]),
        ({"clientToken": "short"}, ["clientToken"]),
        ({"environmentVariables": {f"K{i}": "v" for i in range(51)}}, ["environmentVariables"]),
        ({"environmentVariables": {"K": "v" * 5001}}, ["environmentVariables"]),
    ])
    def test_members(self, signer, good, change, names):
        refused(put(signer, "/runtimes/", {**good, **change}), *names)

    def test_idle_longer_than_life(self, signer, good):
        reply = put(signer, "/runtimes/", {**good, "lifecycleConfiguration": {"idleRuntimeSessionTimeout": 900, "maxLifetime": 600}})
        assert reply.status == 400 and "idleRuntimeSessionTimeout must be less than or equal to maxLifetime" in reply.json["message"]

    def test_union_needs_exactly_one(self, signer, good):
        both = {**good["agentRuntimeArtifact"], "containerConfiguration": {"containerUri": "public.ecr.aws/a/b:1"}}
        refused(put(signer, "/runtimes/", {**good, "agentRuntimeArtifact": both}), "agentRuntimeArtifact")
        refused(put(signer, "/runtimes/", {**good, "agentRuntimeArtifact": {}}), "agentRuntimeArtifact")

    @pytest.mark.parametrize("change", [
        {"runtime": "PYTHON_2_7"}, {"entryPoint": []}, {"entryPoint": ["a", "b", "c"]}, {"entryPoint": ["x" * 129]},
        {"code": {}}, {"code": {"s3": {"bucket": "UPPER", "prefix": "a"}}}, {"code": {"s3": {"bucket": "abc"}}},
    ])
    def test_code_configuration(self, signer, good, change):
        code = {**good["agentRuntimeArtifact"]["codeConfiguration"], **change}
        refused(put(signer, "/runtimes/", {**good, "agentRuntimeArtifact": {"codeConfiguration": code}}), "codeConfiguration")

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b'{"a":1}x', b"\xef\xbb\xbf{}", b'{"a":NaN}',
                                      b'{"agentRuntimeName":"\\ud800"}', b'{"a":1,"a":2}', b"[" * 10000, b'{"a":' * 10000])
    def test_body_that_is_not_json(self, signer, body):
        reply = signer.send("PUT", "/runtimes/", body, [("Content-Type", "application/json")])
        assert (reply.status, reply.error) == (400, "ValidationException"), reply
        assert reply.json["reason"] in ("CannotParse", "FieldValidationFailed") and reply.json["message"]

    def test_unknown_members_are_ignored(self, workshop, signer, good):
        reply = put(signer, "/runtimes/", {**good, "someDay": {"perhaps": [1, 2]}})
        assert reply.status == 202, reply
        workshop._made.append(reply.json["agentRuntimeId"])

    @pytest.mark.parametrize("runtime_id", ["nohyphen", "a-short", "1a-0123456789", "a-01234567890"])
    def test_malformed_ids(self, signer, good, runtime_id):
        assert signer.send("GET", f"/runtimes/{runtime_id}/").status == 400
        body = {k: v for k, v in good.items() if k != "agentRuntimeName"}
        assert put(signer, f"/runtimes/{runtime_id}/", body).status == 400
        # DeleteAgentRuntime models no ValidationException.
        reply = signer.send("DELETE", f"/runtimes/{runtime_id}/")
        assert (reply.status, reply.error) == (404, "ResourceNotFoundException"), reply

    @pytest.mark.parametrize("version", ["0", "01", "100000", "x", "-1"])
    def test_malformed_versions(self, signer, probe, version):
        assert signer.send("GET", f"/runtimes/{probe.id}/?version={version}").status == 400
        refused(put(signer, f"/runtimes/{probe.id}/runtime-endpoints/", {"name": "prod", "agentRuntimeVersion": version}),
                "agentRuntimeVersion")

    @pytest.mark.parametrize("query", ["maxResults=0", "maxResults=101", "maxResults=x", "nextToken=forged", "nextToken="])
    def test_paging_parameters(self, signer, query):
        reply = signer.send("POST", f"/runtimes/?{query}")
        assert (reply.status, reply.error) == (400, "ValidationException"), reply

    def test_unknown_routes_and_methods(self, signer, probe):
        reply = signer.send("GET", "/nothing/here")
        assert (reply.status, reply.error) == (404, "UnknownOperationException"), reply
        reply = signer.send("PATCH", f"/runtimes/{probe.id}/", b"{}")
        assert reply.status == 405 and reply.headers["allow"], reply

    def test_every_reply_is_dated_and_numbered(self, signer, probe):
        for method, target in (("GET", f"/runtimes/{probe.id}/"), ("GET", "/nothing/here"), ("POST", "/runtimes/?maxResults=0")):
            reply = signer.send(method, target)
            assert uuid.UUID(reply.headers["x-amzn-requestid"]) and reply.headers["date"]
            assert reply.headers["content-type"].startswith("application/json")

    def test_trailing_slash_is_optional(self, signer, probe):
        for target in (f"/runtimes/{probe.id}", f"/runtimes/{probe.id}/", f"/runtimes/{probe.id}/runtime-endpoints/DEFAULT"):
            assert signer.send("GET", target).status == 200, target


class TestCreate:
    def test_duplicate_name(self, control, workshop):
        created = workshop.create()
        name = created["agentRuntimeId"].rsplit("-", 1)[0]
        with pytest.raises(control.exceptions.ConflictException):
            workshop.create(name=name)

    def test_name_is_free_again_after_deletion(self, control, workshop):
        name = unique()
        first = workshop.runtime(name=name)
        first.delete()
        second = workshop.runtime(name=name)
        assert second.id != first.id

    def test_container_artifact(self, control, workshop):
        artifact = {"containerConfiguration": {"containerUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/agent:1"}}
        created = workshop.create(artifact)
        assert created["status"] == "CREATING"
        runtime = settled_runtime(control, created["agentRuntimeId"])
        assert runtime["agentRuntimeArtifact"] == artifact
        # This server has no container engine (Tests/Containers has servers with one).
        assert runtime["status"] == "CREATE_FAILED" and "--docker-host off" in runtime["failureReason"]

    def test_without_the_object(self, control, workshop):
        for key, bucket in (("no/such/key.zip", None), ("key.zip", "no-such-bucket")):
            artifact = workshop.artifact(key=key)
            if bucket:
                artifact["codeConfiguration"]["code"]["s3"]["bucket"] = bucket
            with pytest.raises(control.exceptions.ValidationException) as refusal:
                workshop.create(artifact)
            message = refusal.value.response["Error"]["Message"]
            assert (bucket or key) in message, message

    def test_same_token_same_answer(self, control, workshop):
        token = f"{uuid.uuid4()}-token"
        name = unique()
        first = workshop.create(name=name, clientToken=token)
        again = workshop.create(name=name, clientToken=token)
        assert again["agentRuntimeId"] == first["agentRuntimeId"] and again["createdAt"] == first["createdAt"]
        with pytest.raises(control.exceptions.ValidationException) as refusal:
            workshop.create(name=name, clientToken=token, description="something else")
        assert refusal.value.response["reason"] == "IdempotentParameterMismatchException"

    def test_what_was_sent_is_what_is_kept(self, workshop):
        sent = dict(
            description="All of it", environment={"A": "1", "B": "ü"}, protocolConfiguration={"serverProtocol": "HTTP"},
            lifecycleConfiguration={"idleRuntimeSessionTimeout": 120, "maxLifetime": 600},
            requestHeaderConfiguration={"requestHeaderAllowlist": ["X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team"]})
        runtime = workshop.runtime(**sent)
        kept = runtime.control.get_agent_runtime(agentRuntimeId=runtime.id)
        for member, value in sent.items():
            assert kept["environmentVariables" if member == "environment" else member] == value
        assert kept["roleArn"] == ROLE and kept["networkConfiguration"] == {"networkMode": "PUBLIC"}
        assert kept["agentRuntimeArtifact"]["codeConfiguration"]["entryPoint"] == ["main.py"]
        assert "failureReason" not in kept and kept["createdAt"] <= kept["lastUpdatedAt"]

    def test_lifetime_alone_bounds_the_idle_time(self, workshop):
        runtime = workshop.runtime(lifecycleConfiguration={"maxLifetime": 300})
        kept = runtime.control.get_agent_runtime(agentRuntimeId=runtime.id)["lifecycleConfiguration"]
        assert kept == {"idleRuntimeSessionTimeout": 300, "maxLifetime": 300}


class TestVersions:
    def test_update_replaces_everything(self, control, workshop):
        runtime = workshop.runtime(description="first", environment={"A": "1"})
        assert runtime.update(environment={"B": "2"}) == "2"
        newest = control.get_agent_runtime(agentRuntimeId=runtime.id)
        assert "description" not in newest and newest["environmentVariables"] == {"B": "2"}
        first = control.get_agent_runtime(agentRuntimeId=runtime.id, agentRuntimeVersion="1")
        assert first["description"] == "first" and first["environmentVariables"] == {"A": "1"}
        assert first["agentRuntimeVersion"] == "1" and first["agentRuntimeArn"] == newest["agentRuntimeArn"]
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            control.get_agent_runtime(agentRuntimeId=runtime.id, agentRuntimeVersion="3")

    def test_what_is_overwritten_later_changes_no_version(self, workshop):
        """The key is resolved when the change is accepted."""
        import bundles

        key = f"{unique()}.zip"
        workshop.upload(bundles.archive({"main.py": (places.AGENTS / "probe.py").read_text()}), key)
        runtime = workshop.runtime(workshop.artifact(key=key), environment={"AGENT_VERSION": "kept"})
        workshop.s3.put_object(Bucket=workshop.bucket, Key=key, Body=b"not even a zip")
        assert runtime.invoke()["version"] == "kept"
        workshop.s3.delete_object(Bucket=workshop.bucket, Key=key)
        assert runtime.invoke()["version"] == "kept"

    def test_an_update_while_updating_is_a_conflict(self, control, workshop):
        runtime = workshop.runtime()
        runtime.update(wait=False, environment={"PROBE_START": "late:3"})
        with pytest.raises(control.exceptions.ConflictException):
            runtime.update(wait=False)
        runtime.ready(version="2")

    def test_unknown_runtime(self, control, workshop):
        unknown = {"agentRuntimeId": "nobody-0123456789"}
        for call in (
            lambda: control.get_agent_runtime(**unknown),
            lambda: control.update_agent_runtime(**unknown, **workshop.request()),
            lambda: control.delete_agent_runtime(**unknown),
            lambda: control.list_agent_runtime_versions(**unknown),
            lambda: control.create_agent_runtime_endpoint(**unknown, name="prod"),
            lambda: control.get_agent_runtime_endpoint(**unknown, endpointName="DEFAULT"),
            lambda: control.update_agent_runtime_endpoint(**unknown, endpointName="prod", agentRuntimeVersion="1"),
            lambda: control.delete_agent_runtime_endpoint(**unknown, endpointName="prod"),
        ):
            with pytest.raises(control.exceptions.ResourceNotFoundException):
                call()
        assert control.list_agent_runtime_endpoints(**unknown)["runtimeEndpoints"] == []


class TestLists:
    def test_pages(self, control, workshop):
        runtimes = [workshop.create() for _ in range(5)]
        for runtime in runtimes:
            ready_runtime(control, runtime["agentRuntimeId"])
        pages = list(control.get_paginator("list_agent_runtimes").paginate(PaginationConfig={"PageSize": 2}))
        assert all(len(page["agentRuntimes"]) <= 2 for page in pages)
        listed = [r["agentRuntimeId"] for page in pages for r in page["agentRuntimes"]]
        assert len(listed) == len(set(listed))
        # Newest first.
        assert [i for i in listed if i in {r["agentRuntimeId"] for r in runtimes}] == [
            r["agentRuntimeId"] for r in reversed(runtimes)]

    def test_pages_of_versions_and_endpoints(self, control, workshop):
        runtime = workshop.runtime(description="one")
        for number in range(2, 5):
            assert runtime.update(description=f"number {number}") == str(number)
        for name in ("b", "a", "c"):
            runtime.endpoint(name, 1)
        of = {"agentRuntimeId": runtime.id}
        versions = [v for page in control.get_paginator("list_agent_runtime_versions").paginate(
            **of, PaginationConfig={"PageSize": 3}) for v in page["agentRuntimes"]]
        assert [(v["agentRuntimeVersion"], v.get("description")) for v in versions] == [
            ("4", "number 4"), ("3", "number 3"), ("2", "number 2"), ("1", "one")]
        endpoints = [e for page in control.get_paginator("list_agent_runtime_endpoints").paginate(
            **of, PaginationConfig={"PageSize": 1}) for e in page["runtimeEndpoints"]]
        assert [e["name"] for e in endpoints] == ["DEFAULT", "a", "b", "c"]
        assert [e["liveVersion"] for e in endpoints] == ["4", "1", "1", "1"]
        assert all(e["id"].startswith(f"{e['name']}-") and e["status"] == "READY" for e in endpoints)

    def test_a_page_token_of_another_list_is_refused(self, control, workshop):
        workshop.create()
        workshop.create()
        token = control.list_agent_runtimes(maxResults=1)["nextToken"]
        runtime = workshop.runtime()
        with pytest.raises(control.exceptions.ValidationException):
            control.list_agent_runtime_versions(agentRuntimeId=runtime.id, nextToken=token)


class TestDelete:
    def test_takes_endpoints_and_sessions_along(self, control, data, workshop):
        runtime = workshop.runtime()
        runtime.endpoint("prod")
        runtime.invoke(qualifier="prod")
        assert control.delete_agent_runtime(agentRuntimeId=runtime.id)["status"] == "DELETING"
        gone(control, runtime.id)
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            runtime.get_endpoint("prod")
        with pytest.raises(data.exceptions.ResourceNotFoundException):
            runtime.invoke(qualifier="prod")

    def test_default_stays(self, control, workshop):
        runtime = workshop.runtime()
        with pytest.raises(control.exceptions.ConflictException):
            control.delete_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="DEFAULT")
        ready_endpoint(control, runtime.id, "DEFAULT", 1)

    def test_endpoint(self, control, data, workshop):
        runtime = workshop.runtime()
        runtime.endpoint("prod")
        control.delete_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="prod")
        endpoint_gone(control, runtime.id, "prod")
        with pytest.raises(data.exceptions.ResourceNotFoundException):
            runtime.invoke(qualifier="prod")
        assert runtime.invoke()["calls"] == 1

    def test_of_a_failed_creation_frees_the_name(self, control, workshop):
        created = workshop.create(environment={"PROBE_START": "exit"})
        assert settled_runtime(control, created["agentRuntimeId"])["status"] == "CREATE_FAILED"
        name = created["agentRuntimeId"].rsplit("-", 1)[0]
        with pytest.raises(control.exceptions.ConflictException):
            workshop.create(name=name)
        control.delete_agent_runtime(agentRuntimeId=created["agentRuntimeId"])
        gone(control, created["agentRuntimeId"])
        workshop.runtime(name=name)


@pytest.fixture(scope="module")
def filtered(shared_workshop):
    """A common prefix, and five runtimes that have it."""
    prefix = unique("filtered")
    runtimes = [
        shared_workshop.create(name=f"{prefix}_{number}", tags={"batch": prefix, "parity": str(number % 2)})
        for number in range(5)]
    for runtime in runtimes:
        ready_runtime(shared_workshop.control, runtime["agentRuntimeId"])
    return prefix, [runtime["agentRuntimeId"] for runtime in runtimes]


class TestFilters:
    """Query parameters of our own; AWS's clients don't send them and don't miss them."""

    def walk(self, signer, path, member, **query):
        from urllib.parse import quote, urlencode

        found, token = [], None
        while True:
            parameters = [("maxResults", 2), *query.items()]
            if token:
                parameters.append(("nextToken", token))
            reply = signer.send("POST", f"{path}?{urlencode(sorted(parameters), quote_via=quote, safe='')}")
            assert reply.status == 200, reply
            found += reply.json[member]
            token = reply.json.get("nextToken")
            if not token:
                return found

    def runtimes(self, signer, **query):
        return [r["agentRuntimeId"] for r in self.walk(signer, "/runtimes/", "agentRuntimes", **query)]

    def test_runtimes(self, signer, filtered):
        prefix, ids = filtered
        newest_first = ids[::-1]
        assert self.runtimes(signer, namePrefix=prefix) == newest_first
        assert self.runtimes(signer, **{"tag:batch": prefix}) == newest_first
        assert self.runtimes(signer, **{"tag:batch": prefix, "tag:parity": "1"}) == [ids[3], ids[1]]
        assert self.runtimes(signer, namePrefix=prefix, status="READY", **{"tag:parity": "0"}) == [ids[4], ids[2], ids[0]]
        assert self.runtimes(signer, namePrefix=prefix, status="CREATE_FAILED") == []
        assert self.runtimes(signer, namePrefix=f"{prefix}_3", noSuchFilter="x") == [ids[3]]

    def test_endpoints(self, signer, filtered, shared_workshop):
        runtime_id = filtered[1][0]
        for name in ("prod_a", "prod_b", "beta"):
            shared_workshop.control.create_agent_runtime_endpoint(agentRuntimeId=runtime_id, name=name, tags={"stage": name[:4]})
            ready_endpoint(shared_workshop.control, runtime_id, name)

        def names(**query):
            return [e["name"] for e in self.walk(signer, f"/runtimes/{runtime_id}/runtime-endpoints/", "runtimeEndpoints", **query)]

        assert names(namePrefix="prod") == ["prod_a", "prod_b"]
        assert names(status="READY") == ["DEFAULT", "beta", "prod_a", "prod_b"]
        assert names(**{"tag:stage": "beta"}) == ["beta"]

    def test_a_token_belongs_to_its_filter(self, signer, filtered):
        prefix, _ = filtered
        token = signer.send("POST", f"/runtimes/?maxResults=1&namePrefix={prefix}").json["nextToken"]
        for query in (f"nextToken={token}", f"namePrefix=other&nextToken={token}", f"namePrefix={prefix}&nextToken={token}&status=READY"):
            reply = signer.send("POST", f"/runtimes/?{query}")
            assert (reply.status, reply.error) == (400, "ValidationException"), reply
        assert signer.send("POST", f"/runtimes/?namePrefix={prefix}&nextToken={token}").status == 200

    @pytest.mark.parametrize("query,member", [
        ("namePrefix=a-b", "namePrefix"), ("status=ready", "status"), ("tag%3Aa=%21", "tags"), ("tag%3A=a", "tags"),
    ])
    def test_rules(self, signer, query, member):
        refused(signer.send("POST", f"/runtimes/?{query}"), member)

    @pytest.mark.local
    def test_command_line(self, server, filtered):
        import json

        prefix, ids = filtered
        listed = json.loads(server.run(
            "runtime", "list", "--output", "json", "--name-prefix", prefix, "--status", "ready", "--tag", "parity=1").stdout)
        assert [r["agentRuntimeId"] for r in listed["agentRuntimes"]] == [ids[3], ids[1]]
        assert server.run("runtime", "list", "--status", "done", check=False).returncode == 64
