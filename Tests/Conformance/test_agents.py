"""Agents that misbehave once they run: the documented error, all their processes gone, the next session unharmed."""

import hashlib
import json
import time

import pytest
from botocore.exceptions import ClientError

from processes import belonging_to, wait_for
from runtimes import assert_cut, events, is_cut, session_id


@pytest.fixture(autouse=True)
def others_are_unharmed(probe):
    """Whatever one session does, the one beside it answers from the same process."""
    witness = session_id()
    before = probe.invoke(session=witness)["incarnation"]
    yield
    assert probe.invoke(session=witness)["incarnation"] == before
    assert probe.invoke(session=session_id())["calls"] == 1


def fails_with_424(probe, payload, **options):
    with pytest.raises(probe.data.exceptions.RuntimeClientError) as failure:
        probe.invoke(payload, **options)
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return failure.value.response["Error"]["Message"]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_status_that_is_not_a_success(probe, status):
    message = fails_with_424(probe, {"do": "status", "status": status})
    assert message == f"Received error ({status}) from runtime. Please check your CloudWatch logs for more information."
    assert "secret" not in message


def test_closes_before_it_answers(probe):
    session = session_id()
    assert fails_with_424(probe, {"do": "close_before_head"}, session=session)
    assert probe.invoke({"do": "seen"}, session=session)["invocations"] == 2, "a POST is never retried"


def test_garbage(probe):
    assert fails_with_424(probe, {"do": "garbage"})


def test_exits_instead_of_answering(probe):
    session = session_id()
    assert fails_with_424(probe, {"do": "exit_now"}, session=session)
    assert wait_for(lambda: answered(probe, {}, session), 60, "the ended process is still met")["calls"] == 1


def test_exits_after_each_call(probe):
    session = session_id()
    seen = set()

    def anew():
        """What a process answered that nobody has met: until its predecessor's end is noticed a call may meet that."""
        answer = answered(probe, {"do": "exit_after"}, session)
        return answer if answer and answer["incarnation"] not in seen else None

    for _ in range(4):
        answer = wait_for(anew, 60, "the ended process is still met")
        assert answer["calls"] == 1
        seen.add(answer["incarnation"])


def answered(probe, payload, session):
    """The answer; None if the process ended during the call: before it answered, or in the middle of it."""
    try:
        return probe.invoke(payload, session=session)
    except probe.data.exceptions.RuntimeClientError:
        return None
    except Exception as failure:
        if is_cut(failure):
            return None
        raise


@pytest.mark.parametrize("way", ["close_mid_body", "close_mid_stream"])
def test_closes_in_the_middle(probe, way):
    """The caller can tell a cut answer from a whole one."""
    response = probe.invoke_raw({"do": way})
    with pytest.raises(Exception) as cut:
        response["response"].read()
    assert_cut(cut)


def test_hangs_in_the_middle(probe):
    """What came is passed on at once; the session can be stopped."""
    session = session_id()
    response = probe.invoke_raw({"do": "hang_mid_body"}, session=session)
    assert response["response"].read(8) == b'{"half":'
    began = time.monotonic()
    probe.stop(session)
    assert time.monotonic() - began < 60
    with pytest.raises(Exception) as cut:
        response["response"].read()
    assert_cut(cut)


def test_one_byte_at_a_time(probe):
    assert probe.invoke({"do": "drip", "seconds": 0.2}) == {"dripped": True}


def test_events_pass_at_once(probe):
    session = session_id()
    response = probe.invoke_raw({"do": "stream_in_steps", "count": 8}, session=session, accept="text/event-stream")
    assert response["contentType"] == "text/event-stream"
    numbers = []
    for event in events(response):
        assert event["was_asked"], f"the agent waited in vain for somebody to hear of event {len(numbers)}"
        numbers.append(event["count"])
        probe.invoke({"do": "step"}, session=session)
    assert numbers == list(range(1, 9))


def test_hundred_megabytes_of_answer(probe):
    size = 100_000_000
    response = probe.invoke_raw({"do": "big", "bytes": size})
    digest, read = hashlib.sha256(), 0
    for block in response["response"].iter_chunks(1 << 20):
        digest.update(block)
        read += len(block)
    expected = hashlib.sha256((bytes(range(256)) * (size // 256 + 1))[:size])
    assert read == size and digest.digest() == expected.digest()


def test_floods_its_output(server, probe):
    session = session_id()
    assert probe.invoke({"do": "flood", "bytes": 64 << 20}, session=session)["calls"] == 1
    assert probe.invoke(session=session)["calls"] == 2
    if server.is_local:
        import pathlib

        logs = [p.stat().st_size for p in pathlib.Path(server.home, "sandboxes").glob("*/log*")]
        assert logs and max(logs) < 64 << 20, logs


def test_eats_memory(probe):
    """Beyond the sandbox's limit it's the agent that dies, and the message says of what."""
    session = session_id()
    try:
        probe.invoke({"do": "eat", "mebibytes": 3072}, session=session)
    except ClientError as failure:
        assert failure.response["Error"]["Code"] == "RuntimeClientError"
        assert "memory" in failure.response["Error"]["Message"].lower(), failure
        assert wait_for(lambda: answered(probe, {}, session), 60, "the ended process is still met")["calls"] == 1
        return
    pytest.skip("no memory limit on this host: its control groups can't be written")


@pytest.mark.local
def test_forks_without_end(server, probe):
    session = session_id()
    before = set(belonging_to(server.home))
    try:
        answer = probe.invoke({"do": "fork_bomb", "limit": 2000}, session=session)
        assert answer["stopped_by"], answer
    except ClientError as failure:
        assert failure.response["Error"]["Code"] == "RuntimeClientError"
    try:
        probe.stop(session)
    except probe.data.exceptions.ResourceNotFoundException:
        pass
    wait_for(lambda: not set(belonging_to(server.home)) - before, 60, "children of the agent are left")


def test_a_caller_that_leaves_does_no_harm(signer, probe):
    """Half a request, and an answer nobody reads to its end."""
    import socket

    from signing import SESSION, invocation_target

    session = session_id()
    probe.invoke(session=session)
    body = json.dumps({"do": "big", "bytes": 50_000_000}).encode()
    whole = signer.raw("POST", invocation_target(probe.arn), body, [(SESSION, session), ("Content-Type", "application/json")])
    host, port = signer.host.rsplit(":", 1)
    for part in (whole, whole[:-5], whole[:60]):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(part)
            if part is whole:
                connection.recv(100_000)
    assert probe.invoke(session=session)["incarnation"]
