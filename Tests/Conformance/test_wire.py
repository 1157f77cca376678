"""Bytes that no SDK sends. Whatever is ambiguous is refused; an agent sees exactly one request or none."""

import json
import re
import socket
import urllib.parse

import pytest

from processes import sockets_open, wait_for
from runtimes import session_id
from signing import SESSION, invocation_target


class Wire:
    """A signed invocation whose framing a test may spoil."""

    def __init__(self, signer, probe):
        self.signer = signer
        self.probe = probe
        self.session = session_id()
        probe.invoke({"do": "seen"}, session=self.session)
        self.sent = 1

    def headers(self, body, drop=("Content-Length",)):
        headers = self.signer.headers(
            "POST", invocation_target(self.probe.arn), body, [(SESSION, self.session), ("Content-Type", "application/json")])
        return b"".join(f"{n}: {v}\r\n".encode() for n, v in headers if n not in drop)

    def line(self, version=b"HTTP/1.1"):
        return b"POST " + invocation_target(self.probe.arn).encode() + b" " + version + b"\r\n"

    def exchange(self, data, answers=0):
        """What comes back: this many answers, and what follows until nothing comes for two seconds."""
        return self.signer.exchange(data, timeout=2, until=lambda received: len(statuses(received)) >= answers)

    def seen(self):
        """Invocations that the agent met besides those of this class."""
        self.sent += 1
        return self.probe.invoke({"do": "seen"}, session=self.session)["invocations"] - self.sent


@pytest.fixture
def wire(signer, probe):
    return Wire(signer, probe)


BODY = b'{"do":"tell"}'
CHUNKED = b"d\r\n" + BODY + b"\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 13\r\n"
SMUGGLED = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


AMBIGUOUS = {
    "length and chunked": (LENGTH + b"Transfer-Encoding: chunked\r\n", CHUNKED + SMUGGLED),
    "chunked and length": (b"Transfer-Encoding: chunked\r\n" + LENGTH, CHUNKED + SMUGGLED),
    "two lengths": (LENGTH + b"Content-Length: 3\r\n", BODY + SMUGGLED),
    "lengths in one field": (b"Content-Length: 13, 14\r\n", BODY + SMUGGLED),
    "signed length": (b"Content-Length: +13\r\n", BODY),
    "negative length": (b"Content-Length: -1\r\n", BODY),
    "hexadecimal length": (b"Content-Length: 0xd\r\n", BODY),
    "length with a space inside": (b"Content-Length: 1 3\r\n", BODY),
    "huge length": (b"Content-Length: 99999999999999999999\r\n", BODY),
    "chunked twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNKED),
    "chunked, then identity": (b"Transfer-Encoding: chunked, identity\r\n", CHUNKED),
    "another coding": (b"Transfer-Encoding: xchunked\r\n", CHUNKED),
    "coding after a tab": (b"Transfer-Encoding:\x0bchunked\r\n", CHUNKED),
    "space before the colon": (b"Content-Length : 13\r\n", BODY),
    "bare line feed": (b"Content-Length: 13\nX-A: b\r\n", BODY),
    "bare carriage return": (b"X-A: b\rContent-Length: 3\r\n" + LENGTH, BODY),
    "folded line": (b"X-A: b\r\n c\r\n" + LENGTH, BODY),
    "NUL in a value": (b"X-A: b\x00c\r\n" + LENGTH, BODY),
    "NUL in a name": (b"X-\x00A: b\r\n" + LENGTH, BODY),
    "empty name": (b": b\r\n" + LENGTH, BODY),
    "no colon": (b"nonsense\r\n" + LENGTH, BODY),
    "second host": (b"Host: elsewhere\r\n" + LENGTH, BODY),
    "chunk size with sign": (b"Transfer-Encoding: chunked\r\n", b"+d\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size too big": (b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk size that is none": (b"Transfer-Encoding: chunked\r\n", b"z\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk longer than said": (b"Transfer-Encoding: chunked\r\n", b"c\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk ends in line feed": (b"Transfer-Encoding: chunked\r\n", b"d\n" + BODY + b"\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("fields,body", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_framing_is_refused(wire, fields, body):
    answer = wire.exchange(wire.line() + wire.headers(BODY) + fields + b"\r\n" + body)
    # One refusal, and the connection is of no more use.
    found = statuses(answer)
    assert len(found) <= 1 and all(400 <= status < 500 or status == 501 for status in found), answer[:500]
    assert wire.seen() == 0


@pytest.mark.parametrize("line", [
    b"POST %s HTTP/1.1 \r\n", b"POST %s HTTP/2.0\r\n", b"POST %s\r\n",
    b" POST %s HTTP/1.1\r\n", b"PO\x00ST %s HTTP/1.1\r\n", b"POST %s\x00 HTTP/1.1\r\n", b"POST\t%s\tHTTP/1.1\r\n",
    b"POST http://elsewhere%s HTTP/1.1\r\n",
])
def test_request_lines_that_are_none(wire, line):
    answer = wire.exchange(line % invocation_target(wire.probe.arn).encode() + wire.headers(BODY, drop=()) + b"\r\n" + BODY)
    found = statuses(answer)
    assert len(found) <= 1 and all(400 <= status < 600 and status != 500 for status in found), answer[:500]
    assert wire.seen() == 0


@pytest.mark.parametrize("line", [b"POST  %s HTTP/1.1\r\n", b"POST %s  HTTP/1.1\r\n"])
def test_runs_of_spaces_in_a_request_line_separate_like_one(wire, line):
    """What RFC 9112 §3 lets a server read by words, the parser reads so; the target is the same either way."""
    answer = wire.exchange(line % invocation_target(wire.probe.arn).encode() + wire.headers(BODY, drop=()) + b"\r\n" + BODY, answers=1)
    assert statuses(answer) in ([200], [400]), answer[:500]


def test_good_chunked_body(wire):
    answer = wire.exchange(wire.line() + wire.headers(BODY) + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED, answers=1)
    assert statuses(answer) == [200], answer
    assert wire.seen() == 1


def test_chunk_extensions_and_trailers_change_nothing(wire):
    body = b"d;name=value\r\n" + BODY + b"\r\n0\r\nX-Trailer: a\r\n\r\n"
    answer = wire.exchange(wire.line() + wire.headers(BODY) + b"Transfer-Encoding: chunked\r\n\r\n" + body, answers=1)
    assert statuses(answer) in ([200], [400]), answer
    assert wire.seen() == (1 if statuses(answer) == [200] else 0)


def test_pipelined_invocations_are_answered_in_order(wire):
    one = wire.line() + wire.headers(BODY, drop=()) + b"\r\n" + BODY
    answer = wire.exchange(one * 5, answers=5)
    assert statuses(answer) == [200] * 5, answer[:300]
    assert wire.seen() == 5


def test_invocations_and_control_calls_share_a_connection(wire):
    invocation = wire.line() + wire.headers(BODY, drop=()) + b"\r\n" + BODY
    listing = wire.signer.raw("POST", "/runtimes/?maxResults=1")
    missing = wire.signer.raw("GET", "/runtimes/nobody-0123456789/")
    answer = wire.exchange(invocation + listing + missing + invocation, answers=4)
    assert statuses(answer) == [200, 200, 404, 200], answer
    assert wire.seen() == 2


def test_expect_continue(wire):
    head = wire.line() + wire.headers(BODY, drop=()) + b"Expect: 100-continue\r\n\r\n"
    host, port = wire.signer.host.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head)
        first = connection.recv(100)
        assert first.startswith(b"HTTP/1.1 100"), first
        connection.sendall(BODY)
        assert b"HTTP/1.1 200" in connection.recv(65536)


def test_heads_that_are_too_long(wire):
    for filler in (b"X-Long: " + b"a" * 200_000 + b"\r\n", b"X-Many: a\r\n" * 5000):
        answer = wire.exchange(wire.line() + wire.headers(BODY, drop=()) + filler + b"\r\n" + BODY)
        assert all(status in (400, 413, 431) for status in statuses(answer)), answer[:300]
    answer = wire.exchange(b"POST /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert all(status in (400, 413, 414, 431) for status in statuses(answer)), answer[:300]
    assert wire.seen() == 0


ARNS = [
    "", "arn", "arn:aws", "arn:aws:bedrock-agentcore:us-east-1:123456789012", "arn:aws:bedrock-agentcore:us-east-1:123456789012:",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/", "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/..",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/../x-0123456789", "arn:aws:s3:us-east-1:123456789012:runtime/{id}",
    "arn:azure:bedrock-agentcore:us-east-1:123456789012:runtime/{id}", "arn:aws:bedrock-agentcore:us-east-1:12:runtime/{id}",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:agent/{id}", "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{id}/x",
    "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{id}:1", "a" * 10_000, "\0", "%", "{id}%00",
    "ARN:aws:bedrock-agentcore:us-east-1:123456789012:runtime/{id}",
]


@pytest.mark.parametrize("arn", ARNS, ids=lambda arn: arn[:60] or "empty")
def test_arns_that_are_none(signer, probe, arn):
    reply = signer.send("POST", f"/runtimes/{urllib.parse.quote(arn.replace('{id}', probe.id), safe='')}/invocations", b"{}")
    assert 400 <= reply.status < 500 and reply.error, reply
    assert json.loads(reply.body)["message"]


def test_doubly_encoded_arn(signer, probe):
    twice = urllib.parse.quote(urllib.parse.quote(probe.arn, safe=""), safe="")
    reply = signer.send("POST", f"/runtimes/{twice}/invocations", b"{}")
    assert 400 <= reply.status < 500, reply


@pytest.mark.parametrize("escape", ["%", "%2", "%zz", "%00", "%ff%fe"])
def test_broken_escapes(signer, probe, escape):
    reply = signer.send("POST", f"/runtimes/{probe.id}{escape}/invocations?accountId=123456789012", b"{}")
    assert 400 <= reply.status < 500 and reply.error, reply


@pytest.mark.local
def test_slow_clients_are_cut_and_others_served(server, signer, probe):
    """300 connections that drip their heads: normal callers notice nothing, and no descriptor stays."""
    session = session_id()
    probe.invoke(session=session)
    before = sockets_open(server.process.pid)

    def served_beside():
        """Whether 20 calls were answered while all of the slow ones were there: a head has ten seconds."""
        host, port = signer.host.rsplit(":", 1)
        slow = [socket.create_connection((host, int(port)), timeout=60) for _ in range(300)]
        try:
            for connection in slow:
                connection.sendall(b"POST /runtimes/ HTTP/1.1\r\nHost: x\r\nX-Drip: ")
            for _ in range(20):
                probe.invoke(session=session)
            return all(is_open(connection) for connection in slow)
        finally:
            for connection in slow:
                connection.close()

    wait_for(served_beside, 60, "calls are answered only when slow ones have been cut")
    wait_for(lambda: sockets_open(server.process.pid) < before + 20, 60, "descriptors of closed connections stay open")


def is_open(connection):
    """Whether the other side neither closed nor said anything."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) is None
    except BlockingIOError:
        return True
    except OSError:
        return False
