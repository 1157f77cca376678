"""SIGTERM under load (promise 22): what is in hand is finished or handed over, the exit is 0, and a client that goes by
readiness sees no failure.
"""

import http.client
import json
import signal
import threading
import time

import pytest

from clients import ready_runtime, wait_for
from processes import is_alive
from runtimes import session_id
from signing import SESSION, invocation_target
from tenants import Tenants

#: Longer than these tests last: whoever goes on with another's work was let go to.
LEASE = 60
#: Seconds in which a stopping server says so and still takes requests. Without them a connection that was just opened may be
#: reset: whoever asks often enough then sees that, at most once for each stop.
DRAIN = 2
ARGUMENTS = ["--drain-delay", str(DRAIN), "--shutdown-grace", "30"]


@pytest.fixture(scope="module")
def runtime(pair):
    runtime = pair.workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    runtime.endpoint("prod", 1)
    return runtime


@pytest.fixture
def stopped(pair):
    """Stops the first replica; it runs again afterwards."""
    def stop():
        pair.one.process.send_signal(signal.SIGTERM)

    yield stop
    if not is_alive(pair.one.process.pid):
        pair.one.start()


def test_work_is_handed_over(pair, stopped):
    """A preparation in hand is another's at once, not when the lease has ended."""
    one, two = pair.both
    two.pause()
    try:
        one.failpoints.arm("prepare.probed", "stall:3600")
        made = pair.workshop.create(environment={"AGENT_VERSION": "1"})
        wait_for(lambda: one.failpoints.triggered("prepare.probed"), 60, "prepare.probed was not reached")
    finally:
        two.resume()
    began = time.monotonic()
    stopped()
    assert one.process.wait(60) == 0
    ended = time.monotonic()
    ready_runtime(two.clients.control, made["agentRuntimeId"], 40)
    print(f"stopped in {ended - began:.2f} s, ready elsewhere {time.monotonic() - ended:.2f} s later")
    left = [pid for pid in one.belongings() if pid != one.supervisor()]
    assert not left, "the probe's sandbox is left"
    one.start()
    pair.check()


def test_invocations_in_flight_end(pair, runtime, stopped):
    """One that takes a while gets its whole answer, though no new connection is taken."""
    begun, answers = [], []

    def invoke():
        signer, target = pair.one.signer(), invocation_target(runtime.arn, "prod")
        body = json.dumps({"do": "stream", "count": 60, "seconds": 0.1}).encode()
        connection = http.client.HTTPConnection(signer.host, timeout=60)
        connection.request("POST", target, body, dict(signer.headers(
            "POST", target, body, [(SESSION, session_id()), ("Content-Type", "application/json")])))
        answer = connection.getresponse()
        begun.append(answer)
        answers.append((answer.status, answer.read()))
        connection.close()

    callers = [threading.Thread(target=invoke) for _ in range(3)]
    for caller in callers:
        caller.start()
    wait_for(lambda: len(begun) == 3, 60, "the answers don't begin")
    stopped()
    seen = [200]
    with pytest.raises(OSError):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection(pair.one.signer().host, timeout=60)
            connection.request("GET", "/readyz")
            seen.append(connection.getresponse().status)
            assert seen[-2:] != [503, 200], "ready although it is stopping"
            time.sleep(0.02)
    assert 503 in seen, f"it never said that it stops: {seen}"
    print(f"{sum(caller.is_alive() for caller in callers)} in flight when no connection was taken any more")
    for caller in callers:
        caller.join(60)
    assert len(answers) == 3
    for status, body in answers:
        counted = [json.loads(line[6:])["count"] for line in body.splitlines() if line.startswith(b"data: ")]
        assert (status, counted) == (200, list(range(1, 61))), body
    assert pair.one.process.wait(60) == 0


def test_the_audit_trail_is_whole(pair, runtime, stopped):
    """What was refused is in the audit trail, though the server was told to end before the table took it."""
    viewer = Tenants(pair.one).signer("viewer")
    lock = threading.Thread(target=pair.sql, args=("begin; lock table audit in exclusive mode; select pg_sleep(4); commit",))
    lock.start()
    wait_for(lambda: pair.sql("select pid from pg_locks where relation = 'audit'::regclass and mode = 'ExclusiveLock' and granted"),
             10, "the table is not locked")
    path = f"/runtimes/{runtime.id}/runtime-endpoints/prod/"
    refused = [viewer.send("PUT", path, b"{}", [("Content-Type", "application/json")]) for _ in range(20)]
    assert [reply.status for reply in refused] == [403] * 20
    stopped()
    assert pair.one.process.wait(60) == 0
    lock.join(60)
    written = {row[0] for row in pair.sql("select request_id from audit where outcome = 'denied'")}
    assert {reply.headers["x-amzn-requestid"] for reply in refused} <= written


class Balanced:
    """A caller that asks each server's /readyz, as a load balancer does, and sends to one that is ready.

    What was refused before a byte was sent counts as not ready, and so does what a caller that got no processor sent so late
    that the answer to its question was old. Anything else that goes wrong is a failure.
    """

    def __init__(self, pair, runtime, number):
        self.pair, self.runtime = pair, runtime
        self.failures, self.done, self.switched, self.late = [], 0, 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.number = number

    def is_ready(self, server):
        connection = http.client.HTTPConnection(server.signer().host, timeout=60)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def run(self):
        path = f"/runtimes/{self.runtime.id}/runtime-endpoints/prod/"
        current = self.pair.both[self.number % 2]
        asked = 0.0
        while not self.over.is_set():
            if time.monotonic() - asked > 0.02:
                before = time.monotonic()
                if not self.is_ready(current):
                    current = self.pair.both[1 - self.pair.both.index(current)]
                    self.switched += 1
                    continue
                asked = before
            began = time.monotonic()
            try:
                if self.number % 4 < 2:
                    reply = self.pair.send(current, "GET", path)
                else:
                    reply = self.pair.send(current, "PUT", path, {"description": f"by {self.number}: {self.done}"})
                if reply.status not in (200, 202):
                    self.failures.append(repr(reply))
                self.done += 1
            except ConnectionRefusedError:
                asked = 0.0
            except (ConnectionResetError, http.client.RemoteDisconnected) as failure:
                if began - asked > DRAIN / 2:
                    self.late += 1
                else:
                    self.failures.append(repr(failure))
            except Exception as failure:  # noqa: BLE001
                self.failures.append(repr(failure))


def test_a_rolling_restart(pair, runtime, long_run):
    callers, restarts = [Balanced(pair, runtime, number) for number in range(4)], 20 if long_run else 4
    for caller in callers:
        caller.thread.start()
    try:
        for number in range(restarts):
            server = pair.both[number % 2]
            time.sleep(0.3)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) == 0
            print(f"stopped in {time.monotonic() - began:.2f} s")
            server.start()
    finally:
        for caller in callers:
            caller.over.set()
        for caller in callers:
            caller.thread.join(60)
    print(f"{[caller.done for caller in callers]} requests, {[caller.switched for caller in callers]} times elsewhere, "
          f"{[caller.late for caller in callers]} too late")
    assert not any(caller.failures for caller in callers), [caller.failures[:3] for caller in callers]
    assert all(caller.done > 20 for caller in callers)
    pair.check()
