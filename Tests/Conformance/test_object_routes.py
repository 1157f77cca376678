"""Every operation of the object API: without a signature, from another account, in the audit trail, and too often.

The one list of them: one that the program has and this table has not, or the other way round, fails.
"""

import json
import re
import uuid
from typing import NamedTuple

import pytest

import places
from processes import wait_for
from server import DevServer
from tenants import STRANGER

SOURCE = places.ROOT / "Sources/AgentCoreModel/Operations/ObjectOperation.swift"
DENIED = "403 AccessDenied"


class Route(NamedTuple):
    method: str
    #: Below the bucket.
    target: str
    body: str = ""
    #: With good credentials of another account, about what is not its own.
    stranger: str = DENIED
    #: Whether it changes something: then the audit trail has to tell of it.
    changes: bool = False


ROUTES = {
    "ListBuckets": Route("GET", None, stranger="200"),
    "CreateBucket": Route("PUT", "", stranger="409 BucketAlreadyExists", changes=True),
    "HeadBucket": Route("HEAD", "", stranger="403"),
    "GetBucketLocation": Route("GET", "?location"),
    "ListObjects": Route("GET", "?list-type=2"),
    "PutObject": Route("PUT", "/key", "body", changes=True),
    "GetObject": Route("GET", "/key"),
    "HeadObject": Route("HEAD", "/key", stranger="403"),
    "CreateMultipartUpload": Route("POST", "/big?uploads", changes=True),
    "UploadPart": Route("PUT", "/big?partNumber=1&uploadId={upload}", "part"),
    "ListMultipartUploads": Route("GET", "?uploads"),
    "ListParts": Route("GET", "/big?uploadId={upload}"),
    "CompleteMultipartUpload": Route(
        "POST", "/big?uploadId={upload}",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>", changes=True),
    "AbortMultipartUpload": Route("DELETE", "/other?uploadId={other}", changes=True),
    "DeleteObjects": Route("POST", "?delete", "<Delete><Object><Key>key</Key></Object></Delete>", changes=True),
    "DeleteObject": Route("DELETE", "/big", changes=True),
    "DeleteBucket": Route("DELETE", "", changes=True),
}


def send(signer, bucket, route, values=None):
    values = values or {"upload": "u", "other": "o", "etag": "e"}
    target = "/_s3/" if route.target is None else f"/_s3/{bucket}{route.target}".format(**values)
    return signer.send(route.method, target, route.body.format(**values).encode())


def outcome(reply):
    found = re.search(rb"<Code>(\w+)</Code>", reply.body)
    return f"{reply.status} {found.group(1).decode()}" if found else str(reply.status)


def element(reply, name):
    return re.search(rf"<{name}>([^<]+)</{name}>".encode(), reply.body).group(1).decode()


def objects_of(tenants, name):
    signer = tenants.signer(name)
    signer.service = "s3"
    return signer


def test_every_operation_is_here():
    assert set(ROUTES) == set(re.findall(r'^    case \w+ = "(\w+)"$', SOURCE.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", ROUTES)
def test_without_a_signature(signer, name):
    route = ROUTES[name]
    target = "/_s3/" if route.target is None else f"/_s3/a-bucket{route.target}"
    reply = signer.send_with(route.method, target, b"", [("Host", signer.host), ("Content-Length", "0")])
    assert outcome(reply) == ("403" if route.method == "HEAD" else DENIED), reply


@pytest.mark.local
def test_what_changes_is_in_the_trail_and_strangers_change_nothing(tenants):
    owner, stranger = objects_of(tenants, "admin"), objects_of(tenants, f"{STRANGER}/admin")
    bucket = f"routes-{uuid.uuid4()}"
    values = {}

    def trail(name, who="admin"):
        page = tenants.signer(who).send("GET", f"/_signalbox/v1/audit?operation={name}&maxResults=100").json["events"]
        return [event for event in page if event["resource"].startswith(f"arn:aws:s3:::{bucket}")]

    for name, route in ROUTES.items():
        if name == "AbortMultipartUpload":
            values["other"] = element(send(owner, bucket, Route("POST", "/other?uploads"), values), "UploadId")
        known = {"upload": "u", "other": "o", "etag": "e", **values}
        if name != "CreateBucket":
            reply = send(stranger, bucket, route, known)
            assert outcome(reply) == route.stranger, (name, reply)
            assert route.stranger != "200" or bucket.encode() not in reply.body
            if route.changes:
                wait_for(lambda name=name: [event["outcome"] for event in trail(name, f"{STRANGER}/admin")] == ["denied"], 30,
                         lambda name=name: f"the refused {name} is not in the trail")
            assert not [event for event in trail(name) if event["actor"] == stranger.credentials.access_key]
        before = len(trail(name))
        reply = send(owner, bucket, route, known)
        assert 200 <= reply.status < 300, (name, reply)
        assert len(trail(name)) == before + route.changes, name
        if name == "CreateBucket":
            assert outcome(send(stranger, bucket, route, known)) == route.stranger
        elif name == "CreateMultipartUpload":
            values["upload"] = element(reply, "UploadId")
        elif name == "UploadPart":
            values["etag"] = reply.headers["etag"]
        if route.changes:
            event = trail(name)[0]
            assert event["requestId"] == reply.headers["x-amz-request-id"] and event["outcome"] == "ok", event
            assert event["actor"] == owner.credentials.access_key and event["sourceAddress"] == "127.0.0.1", event
    printed = tenants.server.run("audit", "--operation", "DeleteBucket", "--output", "json").stdout
    assert f"arn:aws:s3:::{bucket}" in [event["resource"] for event in json.loads(printed)["events"]]


@pytest.fixture(scope="module")
def limited(scratch):
    with DevServer(f"{scratch}/limited-objects", arguments=["--throttle", "*=0.001"], log=places.log("limited-objects")) as server:
        yield server


@pytest.mark.local
@pytest.mark.parametrize("name", ROUTES)
def test_the_second_call_is_too_many(limited, name):
    first, second = (send(limited.signer(service="s3"), "a-bucket", ROUTES[name]) for _ in range(2))
    assert first.status != 503, first
    assert outcome(second) == ("503" if ROUTES[name].method == "HEAD" else "503 SlowDown"), second
    assert int(second.headers["retry-after"]) >= 1
