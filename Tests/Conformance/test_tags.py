"""TagResource, UntagResource, ListTagsForResource (contract §2, §3, §15)."""

import urllib.parse

import pytest

from runtimes import unique


def tags(control, arn):
    return control.list_tags_for_resource(resourceArn=arn)["tags"]


@pytest.fixture(scope="module")
def owned(shared_workshop):
    """ARNs of one resource of each kind."""
    runtime = shared_workshop.runtime(tags={"made": "with it"})
    control = shared_workshop.control
    endpoint = control.create_agent_runtime_endpoint(agentRuntimeId=runtime.id, name="tagged", tags={"made": "with it"})
    identity = control.create_workload_identity(name=unique("identity"), tags={"made": "with it"})
    yield {"runtime": runtime.arn, "endpoint": endpoint["agentRuntimeEndpointArn"], "identity": identity["workloadIdentityArn"]}
    control.delete_workload_identity(name=identity["name"])
    runtime.delete()


@pytest.mark.parametrize("kind", ["runtime", "endpoint", "identity"])
class TestEveryKind:
    def test_of_the_creation(self, control, owned, kind):
        assert tags(control, owned[kind])["made"] == "with it"

    def test_add_change_remove(self, control, owned, kind):
        arn = owned[kind]
        control.tag_resource(resourceArn=arn, tags={"team": "search", "Cost Center": "a.b:c/d=e+f@g-h_i"})
        control.tag_resource(resourceArn=arn, tags={"team": "", "made": "with it"})
        assert tags(control, arn) == {"team": "", "Cost Center": "a.b:c/d=e+f@g-h_i", "made": "with it"}
        control.untag_resource(resourceArn=arn, tagKeys=["team", "Cost Center", "never there"])
        assert tags(control, arn) == {"made": "with it"}

    def test_nothing_to_add(self, control, owned, kind):
        control.tag_resource(resourceArn=owned[kind], tags={})
        assert tags(control, owned[kind]) == {"made": "with it"}

    def test_at_most_fifty(self, control, owned, kind):
        arn = owned[kind]
        keys = [f"k{number}" for number in range(49)]
        control.tag_resource(resourceArn=arn, tags=dict.fromkeys(keys, "v"))
        with pytest.raises(control.exceptions.ServiceQuotaExceededException) as refusal:
            control.tag_resource(resourceArn=arn, tags={"one too many": ""})
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402
        control.tag_resource(resourceArn=arn, tags={"k0": "still mine"})
        control.untag_resource(resourceArn=arn, tagKeys=keys)
        assert tags(control, arn) == {"made": "with it"}

    @pytest.mark.parametrize("bad", [{"aws:x": "y"}, {"AWS:x": "y"}, {"k!": "v"}, {"k": "v!"}, {"": "v"}, {"k" * 129: "v"}, {"k": "v" * 257}])
    def test_rules(self, signer, owned, kind, bad):
        import json

        target = f"/tags/{urllib.parse.quote(owned[kind], safe='')}"
        reply = signer.send("POST", target, json.dumps({"tags": bad}).encode(), [("Content-Type", "application/json")])
        assert (reply.status, reply.error) == (400, "ValidationException"), reply
        assert [field["name"] for field in reply.json["fieldList"]] == ["tags"], reply.json


def test_success_has_no_body(signer, owned):
    for arn in owned.values():
        for path in (urllib.parse.quote(arn, safe=""), urllib.parse.quote(arn, safe="/:"), arn):
            reply = signer.send("POST", f"/tags/{path}", b'{"tags":{}}')
            assert reply.status == 204 and not reply.body and "content-type" not in reply.headers, reply
            reply = signer.send("DELETE", f"/tags/{path}?tagKeys=a&tagKeys=b")
            assert reply.status == 204 and not reply.body, reply
            assert signer.send("GET", f"/tags/{path}").json["tags"]["made"] == "with it"


def test_creations_obey_the_same_rules(control, workshop):
    for bad in ({"aws:x": "y"}, {f"k{n}": "v" for n in range(51)}, {"k": "ü"}):
        with pytest.raises(control.exceptions.ValidationException):
            workshop.create(tags=bad)
    with pytest.raises(control.exceptions.ValidationException):
        control.create_agent_runtime_endpoint(agentRuntimeId="nobody-0123456789", name="prod", tags={"aws:x": "y"})


def test_unknown_resources(control, owned):
    runtime = owned["runtime"]
    for arn in (
        runtime.replace("123456789012", "210987654321"), runtime.replace("us-east-1", "eu-west-1"),
        runtime[:-10] + "0123456789", runtime + "/runtime-endpoint/none", owned["identity"] + "x",
        "arn:aws:bedrock-agentcore:us-east-1:123456789012:gateway/some-gateway",
    ):
        for call in (
            lambda: control.list_tags_for_resource(resourceArn=arn),
            lambda: control.tag_resource(resourceArn=arn, tags={"a": "b"}),
            lambda: control.untag_resource(resourceArn=arn, tagKeys=["a"]),
        ):
            with pytest.raises(control.exceptions.ResourceNotFoundException):
                call()


def test_what_is_no_arn(control, signer):
    for arn in ("x" * 20, "arn:aws:iam::123456789012:role/agent"):
        with pytest.raises(control.exceptions.ValidationException):
            control.list_tags_for_resource(resourceArn=arn)
    reply = signer.send("DELETE", "/tags/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789")
    assert (reply.status, reply.error) == (400, "ValidationException"), reply  # no keys


def test_they_go_with_the_resource_and_stay_through_updates(control, workshop):
    name = unique()
    first = workshop.runtime(name=name, tags={"a": "b"})
    first.update(description="second")
    assert tags(control, first.arn) == {"a": "b"}
    first.endpoint("prod", tags={"c": "d"})
    first.delete()
    for arn in (first.arn, f"{first.arn}/runtime-endpoint/prod"):
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            tags(control, arn)
    second = workshop.runtime(name=name)
    second.endpoint("prod")
    assert tags(control, second.arn) == {} and tags(control, f"{second.arn}/runtime-endpoint/prod") == {}


def test_aws_cli(aws, owned):
    arn = owned["runtime"]
    service = "bedrock-agentcore-control"
    aws(service, "tag-resource", "--resource-arn", arn, "--tags", "from=cli")
    assert aws(service, "list-tags-for-resource", "--resource-arn", arn)["tags"]["from"] == "cli"
    aws(service, "untag-resource", "--resource-arn", arn, "--tag-keys", "from")
    assert "from" not in aws(service, "list-tags-for-resource", "--resource-arn", arn)["tags"]
