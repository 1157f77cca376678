"""An endpoint is switched back and forth under load: nothing fails, nothing is cut, READY is a fence (promises 3 to 5)."""

import asyncio
import collections
import itertools
import json
import time

import pytest

from clients import ready_endpoint
from load import Connection
from runtimes import session_id
from signing import SESSION, invocation_target, stop_target

ENDPOINT = "prod"


@pytest.fixture(scope="module")
def runtime(workshop):
    """Two versions; `prod` is on the first."""
    runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    runtime.endpoint(ENDPOINT, 1)
    yield runtime
    runtime.delete()


class Load:
    """What is sent, what came back, and which version was right at each moment."""

    #: Seconds that a slow machine gets for the least of each kind.
    PATIENCE = 120

    def __init__(self, signer, runtime, seconds, least):
        self.signer = signer
        self.runtime = runtime
        self.deadline = time.monotonic() + seconds
        self.failures = []
        self.counts = collections.Counter()
        #: {kind: how many there are to be}.
        self.least = least
        #: Per switch: (number, version, moment of the request, moment READY was read or None).
        self.switches = [(1, 0.0, 0.0)]

    @property
    def is_over(self):
        late = time.monotonic() - self.deadline
        return late > 0 and (late > self.PATIENCE or bool(self.failures) or not self.missing())

    def missing(self):
        return {kind: (self.counts[kind], least) for kind, least in self.least.items() if self.counts[kind] < least}

    def request(self, session, payload):
        return self.signer.raw(
            "POST", invocation_target(self.runtime.arn, ENDPOINT), json.dumps(payload).encode(),
            [(SESSION, session), ("Content-Type", "application/json")])

    def allowed(self, began, ended):
        """Versions that a session opened between the two moments may be on: that of the last READY read before it began,
        and every one asked for since, before it had ended."""
        last = max(index for index, (_, _, ready) in enumerate(self.switches) if ready is not None and ready <= began)
        return {self.switches[last][0]} | {
            version for version, asked, _ in self.switches[last + 1:] if asked <= ended}

    def fail(self, what, detail):
        self.failures.append(f"{time.monotonic() - self.deadline:+.2f} s: {what}: {detail}")


async def lasting(load, host):
    """One session for the whole time: the same process, the same version, every call counted."""
    session = session_id()
    data = load.request(session, {})
    connection = Connection(host)
    first, calls = None, 0
    try:
        while not load.is_over:
            status, body = await connection.call(data)
            if status != 200:
                return load.fail("lasting session", (status, body[:200]))
            answer = json.loads(body)
            calls += 1
            first = first or answer
            if (answer["incarnation"], answer["version"], answer["calls"]) != (first["incarnation"], first["version"], calls):
                return load.fail("lasting session changed", (first, answer, calls))
            load.counts["lasting"] += 1
            # Sixteen of them at full speed would leave no processor to those that start sandboxes.
            await asyncio.sleep(0.005)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it's a finding
        load.fail("lasting session", repr(failure))
    finally:
        await connection.call(load.signer.raw("POST", stop_target(load.runtime.arn, ENDPOINT), b"{}", [(SESSION, session)]))
        await connection.close()


async def fresh(load, host):
    """A new session for every call, on the version that READY promised; then it is stopped."""
    connection = Connection(host)
    try:
        while not load.is_over:
            session = session_id()
            began = time.monotonic()
            status, body = await connection.call(load.request(session, {}))
            ended = time.monotonic()
            if status != 200:
                return load.fail("new session", (status, body[:200]))
            version = int(json.loads(body)["version"])
            if version not in load.allowed(began, ended):
                return load.fail("fence", f"version {version}, allowed {load.allowed(began, ended)}")
            load.counts["fresh"] += 1
            load.counts[f"version {version}"] += 1
            stop = load.signer.raw("POST", stop_target(load.runtime.arn, ENDPOINT), b"{}", [(SESSION, session)])
            status, body = await connection.call(stop)
            if status != 200:
                return load.fail("stop", (status, body[:200]))
    except Exception as failure:  # noqa: BLE001
        load.fail("new session", repr(failure))
    finally:
        await connection.close()


async def streaming(load, host, events=50, seconds=0.1):
    """Server-sent events that last longer than several switches: none is missing, all are of one version."""
    connection = Connection(host)
    try:
        for _ in itertools.count():
            if load.is_over:
                return
            session = session_id()
            status, _ = await connection.send(load.request(session, {"do": "stream", "count": events, "seconds": seconds}))
            if status != 200:
                return load.fail("stream", status)
            text = b"".join([block async for block in connection.blocks()])
            seen = [json.loads(line[6:]) for line in text.splitlines() if line.startswith(b"data: ")]
            if [event["count"] for event in seen] != list(range(1, events + 1)) or len({e["version"] for e in seen}) != 1:
                return load.fail("stream is not whole", [(e["count"], e["version"]) for e in seen][-3:])
            load.counts["streams"] += 1
            await connection.call(
                load.signer.raw("POST", stop_target(load.runtime.arn, ENDPOINT), b"{}", [(SESSION, session)]))
    except Exception as failure:  # noqa: BLE001
        load.fail("stream", repr(failure))
    finally:
        await connection.close()


async def switching(load, times, seconds):
    """Moves the endpoint back and forth, evenly over the time, and notes when READY was read."""
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    try:
        for number in range(times):
            await asyncio.sleep(max(0.0, began + (number + 0.5) * seconds / times - time.monotonic()))
            version = 2 if load.switches[-1][0] == 1 else 1
            load.switches.append((version, time.monotonic(), None))
            await loop.run_in_executor(None, move, load.runtime, version)
            load.switches[-1] = (version, load.switches[-1][1], time.monotonic())
            load.counts["switches"] += 1
    except Exception as failure:  # noqa: BLE001
        load.fail("switch", repr(failure))


def move(runtime, version):
    runtime.control.update_agent_runtime_endpoint(
        agentRuntimeId=runtime.id, endpointName=ENDPOINT, agentRuntimeVersion=str(version))
    ready_endpoint(runtime.control, runtime.id, ENDPOINT, version, seconds=60)


@pytest.mark.parametrize("seconds,times", [
    pytest.param(30, 20, id="20-switches"), pytest.param(120, 100, id="100-switches", marks=pytest.mark.long)])
def test_nothing_fails_and_nothing_is_cut(server, images, runtime, seconds, times):
    load = Load(server.signer(), runtime, seconds + 1, {
        "lasting": 1000, "fresh": 20 if images else 100, "streams": (1 if images else 4) * (seconds // 10), "version 1": 1,
        "version 2": 1})
    load.switches[0] = (int(runtime.get_endpoint(ENDPOINT)["liveVersion"]), 0.0, 0.0)
    host = load.signer.host

    async def everything():
        await asyncio.wait_for(asyncio.gather(
            *(lasting(load, host) for _ in range(16)), *(fresh(load, host) for _ in range(16)),
            *(streaming(load, host) for _ in range(4)), switching(load, times, seconds)), seconds + Load.PATIENCE + 60)

    asyncio.run(everything())
    print(f"{dict(load.counts)}; slowest switch "
          f"{max(ready - asked for _, asked, ready in load.switches if ready is not None):.2f} s")
    assert not load.failures, "\n".join(load.failures)
    assert load.counts["switches"] == times
    assert not load.missing(), f"(found, wanted): {load.missing()}"
