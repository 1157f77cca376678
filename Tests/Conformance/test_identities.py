"""Workload identities (contract §2, §3)."""

import datetime

import pytest

from clients import gone
from runtimes import unique


@pytest.fixture
def identity(control):
    made = []

    def make(**members):
        created = control.create_workload_identity(**{"name": unique("identity"), **members})
        made.append(created["name"])
        return created

    yield make
    for name in made:
        try:
            control.delete_workload_identity(name=name)
        except control.exceptions.ResourceNotFoundException:
            pass


def names(control, **paging):
    pages = control.get_paginator("list_workload_identities").paginate(PaginationConfig=paging)
    return [item["name"] for page in pages for item in page["workloadIdentities"]]


def test_life(control, identity):
    created = identity(allowedResourceOauth2ReturnUrls=["https://example.com/back", "myapp://callback"])
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    name = created["name"]
    assert created["workloadIdentityArn"] == (
        f"arn:aws:bedrock-agentcore:us-east-1:123456789012:workload-identity-directory/default/workload-identity/{name}")
    kept = control.get_workload_identity(name=name)
    assert kept["allowedResourceOauth2ReturnUrls"] == ["https://example.com/back", "myapp://callback"]
    age = datetime.datetime.now(datetime.timezone.utc) - kept["createdTime"]
    assert abs(age) < datetime.timedelta(minutes=5) and kept["lastUpdatedTime"] == kept["createdTime"]
    updated = control.update_workload_identity(name=name, allowedResourceOauth2ReturnUrls=["https://example.com/other"])
    assert updated["allowedResourceOauth2ReturnUrls"] == ["https://example.com/other"]
    assert updated["lastUpdatedTime"] >= updated["createdTime"] == kept["createdTime"]
    assert name in names(control)
    assert control.delete_workload_identity(name=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (control.get_workload_identity, control.update_workload_identity, control.delete_workload_identity):
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            call(name=name)


def test_times_are_numbers(signer, identity):
    name = identity()["name"]
    body = f'{{"name":"{name}"}}'.encode()
    reply = signer.send("POST", "/identities/GetWorkloadIdentity", body, [("Content-Type", "application/json")])
    assert reply.status == 200 and isinstance(reply.json["createdTime"], (int, float)), reply.json


def test_duplicate_name(control, identity):
    name = identity()["name"]
    with pytest.raises(control.exceptions.ConflictException):
        identity(name=name)


@pytest.mark.parametrize("members,names", [
    ({"name": "a"}, ["name"]), ({"name": "a b c"}, ["name"]), ({"name": "a" * 256}, ["name"]), ({}, ["name"]),
    ({"name": "abc", "allowedResourceOauth2ReturnUrls": ["no scheme"]}, ["allowedResourceOauth2ReturnUrls"]),
    ({"name": "abc", "tags": {"aws:x": "y"}}, ["tags"]),
    ({"name": "é", "allowedResourceOauth2ReturnUrls": "https://a/b"}, ["name", "allowedResourceOauth2ReturnUrls"]),
])
def test_rules(signer, members, names):
    import json

    reply = signer.send("POST", "/identities/CreateWorkloadIdentity", json.dumps(members).encode())
    assert (reply.status, reply.error) == (400, "ValidationException"), reply
    listed = [field["name"] for field in reply.json["fieldList"]]
    for name in names:
        assert any(field.startswith(name) for field in listed), (name, reply.json)


def test_pages(control, identity):
    made = sorted(identity()["name"] for _ in range(5))
    for size in (1, 2, 20):
        listed = names(control, PageSize=size)
        assert listed == sorted(listed) and [name for name in listed if name in made] == made
    token = control.list_workload_identities(maxResults=1)["nextToken"]
    with pytest.raises(control.exceptions.ValidationException):
        control.list_workload_identities(maxResults=1, nextToken=token[:-1] + ("A" if token[-1] != "A" else "B"))
    with pytest.raises(control.exceptions.ValidationException):
        control.list_agent_runtimes(nextToken=token)


def test_page_size(signer):
    for size in (0, 21):
        reply = signer.send("POST", "/identities/ListWorkloadIdentities", f'{{"maxResults":{size}}}'.encode())
        assert (reply.status, reply.error) == (400, "ValidationException"), reply


def test_a_runtime_has_its_own(control, workshop):
    runtime = workshop.runtime()
    arn = control.get_agent_runtime(agentRuntimeId=runtime.id)["workloadIdentityDetails"]["workloadIdentityArn"]
    assert control.get_workload_identity(name=runtime.id)["workloadIdentityArn"] == arn
    assert runtime.id in names(control)
    control.update_workload_identity(name=runtime.id, allowedResourceOauth2ReturnUrls=["https://example.com/back"])
    with pytest.raises(control.exceptions.ValidationException, match="belongs to an agent runtime") as refusal:
        control.delete_workload_identity(name=runtime.id)
    assert refusal.value.response["reason"] == "ResourceConflict"
    control.delete_agent_runtime(agentRuntimeId=runtime.id)
    gone(control, runtime.id)
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.get_workload_identity(name=runtime.id)
