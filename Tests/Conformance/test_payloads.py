"""Bodies at the limit (contract §5: 100,000,000 bytes)."""

import hashlib
import threading

import pytest

from runtimes import session_id
from signing import SESSION, invocation_target

LIMIT = 100_000_000


def test_the_largest_passes_whole(probe):
    body = bytes(range(256)) * (LIMIT // 256)
    assert len(body) == LIMIT
    answer = probe.invoke(body, contentType="application/octet-stream")
    assert answer == {"bytes": LIMIT, "sha256": hashlib.sha256(body).hexdigest()}


def test_one_byte_more_is_refused(signer, probe):
    session = session_id()
    body = bytes(LIMIT + 1)
    reply = signer.send("POST", invocation_target(probe.arn), body, [(SESSION, session), ("Content-Type", "application/octet-stream")])
    assert reply.status in (400, 413) and reply.error, reply
    assert probe.invoke({"do": "seen"}, session=session)["invocations"] == 1


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 1_000_003])
def test_sizes(signer, probe, size):
    body = bytes(size)
    reply = signer.send("POST", invocation_target(probe.arn), body, [("Content-Type", "application/octet-stream")])
    if size == 0:
        assert reply.status in (200, 400), reply
    else:
        assert reply.json == {"bytes": size, "sha256": hashlib.sha256(body).hexdigest()}


def test_any_content_type(signer, probe):
    for kind in ("text/plain", "application/xml", "application/octet-stream; a=b"):
        reply = signer.send("POST", invocation_target(probe.arn), b'{"do":"headers_seen"}', [("Content-Type", kind)])
        assert dict(reply.json["headers"])["content-type"] == kind


@pytest.mark.local
@pytest.mark.long
def test_many_at_once_within_a_memory_cap(server, probe):
    body = bytes(20_000_000)
    server_pid = server.process.pid
    session = session_id()
    probe.invoke(session=session)
    peak = [0]
    done = threading.Event()

    def watch():
        while not done.wait(0.05):
            with open(f"/proc/{server_pid}/statm", encoding="utf-8") as file:
                peak[0] = max(peak[0], int(file.read().split()[1]) * 4096)

    watcher = threading.Thread(target=watch)
    watcher.start()
    failures = []

    def call():
        try:
            assert probe.invoke(body, session=session, contentType="application/octet-stream")["bytes"] == len(body)
        except Exception as failure:  # noqa: BLE001 - reported below
            failures.append(failure)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    watcher.join()
    assert not failures
    assert peak[0] < 1 << 30, f"{peak[0] >> 20} MiB resident"
