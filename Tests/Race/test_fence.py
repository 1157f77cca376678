"""READY is a fence across replicas (promise 4): whoever has read READY with version N sees no new session on another version,
on either replica, however often the endpoint is moved."""

import threading
import time

import pytest

from runtimes import session_id
from signing import SESSION, invocation_target, stop_target

ENDPOINT = "prod"


@pytest.fixture(scope="module")
def runtime(pair):
    runtime = pair.workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    runtime.endpoint(ENDPOINT, 1)
    return runtime


def test_no_session_on_an_earlier_version(pair, runtime, long_run):
    seconds = 120 if long_run else 12
    deadline, over = time.monotonic() + seconds, threading.Event()
    lock = threading.Lock()
    #: (version, when it was asked for, when READY was read), the first as if it had always been.
    switches = [(1, 0.0, 0.0)]
    failures, opened = [], {server: 0 for server in pair.both}

    def allowed(began, ended):
        with lock:
            last = max(index for index, (_, _, ready) in enumerate(switches) if ready is not None and ready <= began)
            return {switches[last][0]} | {version for version, asked, _ in switches[last + 1:] if asked <= ended}

    def sessions():
        """{row: version} of every session that there is or was."""
        return {row: int(version) for row, version in pair.sql("""
            select id, version_number from session union select id, version_number from session_history""")}

    def open_sessions(server):
        signer = server.signer()
        try:
            while not over.is_set() and not failures:
                session = session_id()
                headers = [(SESSION, session), ("Content-Type", "application/json")]
                began = time.monotonic()
                answer = signer.send("POST", invocation_target(runtime.arn, ENDPOINT), b"{}", headers)
                ended = time.monotonic()
                assert answer.status == 200, answer
                version = int(answer.json["version"])
                if version not in allowed(began, ended):
                    failures.append((server.url, version, allowed(began, ended), switches[-3:], began, ended))
                opened[server] += 1
                stopped = signer.send("POST", stop_target(runtime.arn, ENDPOINT), b"{}", [(SESSION, session)])
                assert stopped.status == 200, stopped
        except Exception as failure:  # noqa: BLE001
            failures.append(repr(failure))

    path = f"/runtimes/{runtime.id}/runtime-endpoints/{ENDPOINT}/"

    def move(number):
        """Asked of one replica; READY is read from the other."""
        asked, told = pair.both[number % 2], pair.both[1 - number % 2]
        version = 3 - switches[-1][0]
        with lock:
            switches.append((version, time.monotonic(), None))
        reply = pair.send(asked, "PUT", path, {"agentRuntimeVersion": str(version)})
        assert reply.status == 202, reply
        limit = time.monotonic() + 60
        while True:
            found = pair.send(told, "GET", path).json
            if found["status"] == "READY" and found["liveVersion"] == str(version):
                break
            assert time.monotonic() < limit, found
        with lock:
            switches[-1] = (version, switches[-1][1], time.monotonic())
        # Also those whose opening had begun before: what isn't there now and comes later is on this version.
        known = sessions()
        time.sleep(0.1)
        if late := {row: found for row, found in sessions().items() if row not in known and found != version}:
            failures.append(f"appeared after READY({version}): {late}")

    threads = [threading.Thread(target=open_sessions, args=(server,)) for server in pair.both for _ in range(2)]
    for thread in threads:
        thread.start()
    number = 0
    try:
        # A slow machine takes longer for what is the least.
        while not failures and (time.monotonic() < deadline or (
                (number < 10 or min(opened.values()) < 5) and time.monotonic() < deadline + 90)):
            move(number)
            number += 1
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    print(f"{number} switches, sessions opened: {[opened[server] for server in pair.both]}")
    assert not failures, failures
    assert number >= 10 and all(count >= 5 for count in opened.values())
    pair.check()
