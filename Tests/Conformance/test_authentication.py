"""SigV4 on every route, and what a caller without a good signature is told (contract §1)."""

import urllib.parse

import pytest
from botocore.exceptions import ClientError

from clients import Clients
from runtimes import session_id
from signing import invocation_target

LIST = "/runtimes/"

# Every route that exists, one line each; a new one belongs here.
ROUTES = [
    ("PUT", "/runtimes/"),
    ("POST", "/runtimes/"),
    ("GET", "/runtimes/a-0123456789/"),
    ("PUT", "/runtimes/a-0123456789/"),
    ("DELETE", "/runtimes/a-0123456789/"),
    ("POST", "/runtimes/a-0123456789/versions/"),
    ("PUT", "/runtimes/a-0123456789/runtime-endpoints/"),
    ("POST", "/runtimes/a-0123456789/runtime-endpoints/"),
    ("GET", "/runtimes/a-0123456789/runtime-endpoints/prod/"),
    ("PUT", "/runtimes/a-0123456789/runtime-endpoints/prod/"),
    ("DELETE", "/runtimes/a-0123456789/runtime-endpoints/prod/"),
    ("POST", "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789/invocations"),
    ("POST", "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789/stopruntimesession"),
    ("POST", "/tags/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789"),
    ("GET", "/tags/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789"),
    ("DELETE", "/tags/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789?tagKeys=a"),
    ("PUT", "/resourcepolicy/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789"),
    ("GET", "/resourcepolicy/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789"),
    ("DELETE", "/resourcepolicy/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fa-0123456789"),
    ("POST", "/identities/CreateWorkloadIdentity"),
    ("POST", "/identities/GetWorkloadIdentity"),
    ("POST", "/identities/UpdateWorkloadIdentity"),
    ("POST", "/identities/DeleteWorkloadIdentity"),
    ("POST", "/identities/ListWorkloadIdentities"),
    ("POST", "/_signalbox/v1/runtimes/a-0123456789/runtime-endpoints/prod/rollback"),
    ("GET", "/_signalbox/v1/metrics"),
    ("GET", "/_signalbox/v1/status"),
    ("GET", "/_signalbox/v1/audit"),
    ("GET", "/_signalbox/v1/audit/sessions/8f14e45f-ceea-467f-9b5a-1c9f4a1d2b3c"),
    ("GET", "/_signalbox/v1/keys"),
    ("POST", "/_signalbox/v1/keys"),
    ("POST", "/_signalbox/v1/keys/AKIAIOSFODNN7EXAMPLE/disable"),
    ("POST", "/_signalbox/v1/keys/AKIAIOSFODNN7EXAMPLE/enable"),
    ("POST", "/_signalbox/v1/keys/AKIAIOSFODNN7EXAMPLE/rotate"),
    ("DELETE", "/_signalbox/v1/keys/AKIAIOSFODNN7EXAMPLE"),
    ("POST", "/_signalbox/v1/session-tokens"),
]


@pytest.mark.parametrize("method,target", ROUTES)
def test_no_signature(signer, method, target):
    reply = signer.send_with(method, target, b"", [("Host", signer.host), ("Content-Length", "0")])
    assert (reply.status, reply.error) == (403, "MissingAuthenticationTokenException"), reply
    assert reply.json["message"]
    assert "www-authenticate" not in reply.headers


@pytest.mark.parametrize("method,target", [
    ("GET", "/_s3/"), ("PUT", "/_s3/a-bucket"), ("GET", "/_s3/a-bucket?list-type=2"), ("PUT", "/_s3/a-bucket/key"),
    ("GET", "/_s3/a-bucket/key"), ("DELETE", "/_s3/a-bucket/key"), ("POST", "/_s3/a-bucket/key?uploads"),
])
def test_no_signature_on_objects(signer, method, target):
    reply = signer.send_with(method, target, b"", [("Host", signer.host), ("Content-Length", "0")])
    assert reply.status == 403, reply


def test_unknown_routes_are_not_told_apart_without_a_signature(signer):
    reply = signer.send_with("GET", "/_signalbox/v1/no-such-thing", b"", [("Host", signer.host)])
    assert reply.status in (403, 404), reply
    for open_route in ("/healthz", "/readyz"):
        assert signer.send_with("GET", open_route, b"", [("Host", signer.host)]).status == 200


def test_unknown_key(server):
    stranger = server.signer(key="AKIAIOSFODNN7EXAMPLE")
    reply = stranger.send("POST", LIST)
    assert (reply.status, reply.error) == (403, "UnrecognizedClientException"), reply


def test_wrong_secret(server):
    reply = server.signer(secret="wrong").send("POST", LIST)
    assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply
    # As SDK users see it.
    with pytest.raises(ClientError) as failure:
        Clients({**server.environment, "AWS_SECRET_ACCESS_KEY": "wrong"}).control.list_agent_runtimes()
    assert failure.value.response["Error"]["Code"] == "InvalidSignatureException"


@pytest.mark.parametrize("shift", [-301, -3600, 301, 3600])
def test_clock_skew(server, shift):
    reply = server.signer(shift=shift).send("POST", LIST)
    assert reply.status == 403 and reply.error in ("InvalidSignatureException", "ExpiredTokenException"), reply


@pytest.mark.parametrize("shift", [-240, 240])
def test_tolerated_clock_skew(server, shift):
    assert server.signer(shift=shift).send("POST", LIST).status == 200


def test_wrong_service(server):
    reply = server.signer(service="execute-api").send("POST", LIST)
    assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply
    # The object store's name signs nothing else.
    assert server.signer(service="s3").send("POST", LIST).status == 403


class TestTampering:
    """Nothing that the signature covers may be changed on the way."""

    def test_query(self, signer):
        reply = signer.send("POST", "/runtimes/?maxResults=2", signed_target="/runtimes/?maxResults=1")
        assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply

    def test_path(self, signer, probe):
        reply = signer.send("GET", f"/runtimes/{probe.id}/", signed_target="/runtimes/a-0123456789/")
        assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply

    def test_method(self, signer, probe):
        target = f"/runtimes/{probe.id}/"
        reply = signer.send_with("DELETE", target, b"", signer.headers("GET", target))
        assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply

    def test_control_body(self, signer, probe):
        target = f"/runtimes/{probe.id}/runtime-endpoints/"
        signed = b'{"name":"aaaa"}'
        headers = signer.headers("PUT", target, signed, [("Content-Type", "application/json")])
        reply = signer.send_with("PUT", target, b'{"name":"bbbb"}', headers)
        assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply

    def test_signed_header(self, signer, probe):
        target = invocation_target(probe.arn)
        name = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
        headers = signer.headers("POST", target, b"{}", [(name, session_id())])
        changed = [(n, session_id() if n == name else v) for n, v in headers]
        reply = signer.send_with("POST", target, b"{}", changed)
        assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply

    def test_invocation_body_never_reaches_the_agent(self, signer, probe):
        target = invocation_target(probe.arn)
        session = session_id()
        header = [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", session), ("Content-Type", "application/json")]
        before = probe.invoke({"do": "seen"}, session=session)["invocations"]
        headers = signer.headers("POST", target, b'{"do":"tell"}', header)
        reply = signer.send_with("POST", target, b'{"do":"seen"}', headers)
        assert (reply.status, reply.error) == (403, "InvalidSignatureException"), reply
        assert probe.invoke({"do": "seen"}, session=session)["invocations"] == before + 1

    def test_host_must_be_signed(self, signer):
        headers = dict(signer.headers("POST", LIST))
        headers["Authorization"] = headers["Authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
        assert signer.send_with("POST", LIST, b"", headers.items()).status == 403


@pytest.mark.parametrize("authorization", [
    "", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0",
    "AWS4-HMAC-SHA256 " + "x" * 5000, "Basic YTpi", "Bearer abc",
    "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/bedrock-agentcore/aws4_request, SignedHeaders=host;x-amz-date, Signature=zz",
])
def test_authorization_that_does_not_parse(signer, authorization):
    headers = [(n, authorization if n == "Authorization" else v) for n, v in signer.headers("POST", LIST)]
    reply = signer.send_with("POST", LIST, b"", headers)
    assert 400 <= reply.status < 404 and reply.error, reply


def test_declared_hash_is_checked_before_the_agent_sees_a_byte(signer, probe):
    """The JS SDK sends x-amz-content-sha256. It's part of the signature, and the body must match it."""
    target = invocation_target(probe.arn)
    session = session_id()
    name = "X-Amz-Content-SHA256"
    base = [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", session), ("Content-Type", "application/json")]
    import hashlib

    good = b'{"do":"seen"}'
    headers = signer.headers("POST", target, good, [*base, (name, hashlib.sha256(good).hexdigest())])
    assert signer.send_with("POST", target, good, headers).status == 200
    reply = signer.send_with("POST", target, b'{"do":"tell"}', headers)
    assert 400 <= reply.status < 404, reply
    assert probe.invoke({"do": "seen"}, session=session)["invocations"] == 2


def test_arn_of_another_account_or_region(signer, probe):
    for arn in (probe.arn.replace("123456789012", "210987654321"), probe.arn.replace("us-east-1", "eu-west-1")):
        reply = signer.send("POST", invocation_target(arn), b"{}")
        assert 400 <= reply.status <= 404 and reply.error in (
            "ResourceNotFoundException", "AccessDeniedException", "ValidationException"), reply
    other = signer.send("POST", f"/runtimes/{urllib.parse.quote(probe.id)}/invocations?accountId=210987654321", b"{}")
    assert 400 <= other.status <= 404, other
