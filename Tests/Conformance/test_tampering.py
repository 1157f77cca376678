"""Credentials that were changed on their way: every byte of a session token, of a signature, and of a presigned URL counts."""

import base64
import json
import string
import urllib.parse

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from signing import Signer

PATH = "/_signalbox/v1/interpreters"


@pytest.fixture(scope="module")
def session(server):
    return json.loads(server.run("key", "session", "--duration", "15m", "--output", "json").stdout)


def signer(server, session, token=None):
    made = Signer(server.url, server.environment)
    made.credentials = Credentials(session["AccessKeyId"], session["SecretAccessKey"], token or session["SessionToken"])
    return made


def other(character):
    """Another character of the same kind."""
    for kind in (string.digits, "abcdef", string.ascii_lowercase, string.ascii_uppercase):
        if character in kind:
            return kind[(kind.index(character) + 1) % len(kind)]
    return "_" if character != "_" else "-"


def changes(text):
    """The text with each of its characters changed in turn."""
    for index, character in enumerate(text):
        yield text[:index] + other(character) + text[index + 1:]


def test_every_byte_of_a_session_token(server, session):
    token = session["SessionToken"]
    assert signer(server, session).send("GET", PATH).status == 200
    sealed = base64.b64decode(token)
    tampered = [sealed[:index] + bytes([byte ^ 1]) + sealed[index + 1:] for index, byte in enumerate(sealed)]
    tampered += [sealed[:-1], sealed + b"\0", sealed[1:], sealed * 2]
    for number, data in enumerate(tampered):
        reply = signer(server, session, base64.b64encode(data).decode()).send("GET", PATH)
        assert (reply.status, reply.error) == (403, "UnrecognizedClientException"), (number, reply)
    # And the good one goes on, also when it's known to the server.
    assert signer(server, session).send("GET", PATH).status == 200


def test_a_token_goes_with_its_key(server, session):
    """Two good sessions: the token of one with id and secret of the other, or with its secret alone."""
    more = json.loads(server.run("key", "session", "--duration", "15m", "--output", "json").stdout)
    assert signer(server, more).send("GET", PATH).status == 200
    reply = signer(server, session, more["SessionToken"]).send("GET", PATH)
    assert (reply.status, reply.error) == (403, "UnrecognizedClientException"), reply
    reply = signer(server, {**session, "SecretAccessKey": more["SecretAccessKey"]}).send("GET", PATH)
    assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply


def test_every_digit_of_a_signature(server, session):
    made = signer(server, session)
    headers = made.headers("GET", PATH)
    assert made.send_with("GET", PATH, b"", headers).status == 200
    before, signature = dict(headers)["Authorization"].split("Signature=")
    for changed in [*changes(signature), signature[:-1], signature + "0", ""]:
        altered = [(name, f"{before}Signature={changed}" if name == "Authorization" else value) for name, value in headers]
        reply = made.send_with("GET", PATH, b"", altered)
        assert reply.status in (400, 403) and reply.error in (
            "InvalidSignatureException", "IncompleteSignatureException"), (changed, reply)
        assert len(changed) != 64 or reply.error == "InvalidSignatureException", (changed, reply)


def presigned(server, session, service, path, lifetime=60):
    """Path and query of a URL with all that authenticates it."""
    request = AWSRequest(method="GET", url=server.url + path)
    auth = botocore.auth.S3SigV4QueryAuth if service == "s3" else botocore.auth.SigV4QueryAuth
    auth(Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]), service,
         server.environment["AWS_REGION"], expires=lifetime).add_auth(request)
    parts = urllib.parse.urlsplit(request.url)
    return parts.path, [tuple(pair.split("=", 1)) for pair in parts.query.split("&")]


def get(server, path, query, method="GET", host=None):
    target = f"{path}?" + "&".join("=".join(pair) for pair in query)
    made = Signer(server.url, server.environment)
    return made.send_with(method, target, b"", [("Host", host or made.host)])


@pytest.fixture(scope="module", params=["bedrock-agentcore", "s3"])
def url(request, server, session):
    """(path, query) of a good URL."""
    if request.param == "s3":
        s3 = server.clients.s3
        s3.create_bucket(Bucket="tampered-bucket")
        s3.put_object(Bucket="tampered-bucket", Key="key", Body=b"content")
        return presigned(server, session, "s3", "/_s3/tampered-bucket/key?response-content-type=text%2Fplain", 600)
    return presigned(server, session, "bedrock-agentcore", "/_signalbox/v1/audit?maxResults=1", 600)


def is_refused(reply, what):
    assert reply.status in (400, 403), (what, reply)
    assert b"content" != reply.body and b"events" not in reply.body, (what, reply)


def test_every_character_of_a_presigned_url(server, url):
    path, query = url
    assert get(server, path, query).status == 200
    tried = 0
    for index, (name, value) in enumerate(query):
        for changed in changes(value):
            is_refused(get(server, path, [*query[:index], (name, changed), *query[index + 1:]]), (name, changed))
            tried += 1
    assert tried > 300
    assert get(server, path, query).status == 200


def test_what_a_presigned_url_is_for(server, url):
    """Its time, its parameters, its path, its method and its host."""
    path, query = url
    for expires in ("601", "6000", "604800", "0600", "+600", "604801"):
        is_refused(get(server, path, [(name, expires if name == "X-Amz-Expires" else value) for name, value in query]), expires)
    for index, (name, value) in enumerate(query):
        is_refused(get(server, path, [*query[:index], *query[index + 1:]]), f"without {name}")
        is_refused(get(server, path, [*query, (name, value)]), f"twice {name}")
    is_refused(get(server, path, [*query, ("more", "1")]), "a parameter more")
    is_refused(get(server, path[:-1] + other(path[-1]), query), "another path")
    is_refused(get(server, path, query, host="elsewhere:1"), "another host")
    for method in ("PUT", "POST", "DELETE", "HEAD"):
        assert get(server, path, query, method=method).status in (400, 403, 405), method
    assert get(server, path, query).status == 200
