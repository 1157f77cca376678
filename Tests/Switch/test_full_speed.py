"""32 keep-alive connections that post as fast as they can, for a minute: no crash, no failure, no leak."""

import pytest

import bundles
import wrk
from processes import is_alive, sockets_open, wait_for
from runtimes import session_id
from signing import SESSION, invocation_target

pytestmark = pytest.mark.skipif(not wrk.program(), reason="needs wrk (apt-get install wrk)")


@pytest.fixture(scope="module")
def runtime(workshop):
    runtime = workshop.runtime(bundles.fast_agent())
    yield runtime
    runtime.delete()


@pytest.mark.local
@pytest.mark.parametrize("size", [22, 20_000])
def test_keep_alive_posts(server, runtime, size, tmp_path):
    signer = server.signer()
    body = b'{"name":"' + b"A" * (size - 11) + b'"}'
    sessions = [session_id() for _ in range(4)]
    for session in sessions:
        assert runtime.invoke_raw(body, session=session)["response"].read() == b'{"result":"Hello, Ada"}'
    requests = [
        signer.raw("POST", invocation_target(runtime.arn), body, [(SESSION, session), ("Content-Type", "application/json")])
        for session in sessions
    ]
    before = sockets_open(server.process.pid)
    found = wrk.run(signer.url, requests, tmp_path / "requests.lua", connections=32, seconds=60 if size < 100 else 10)
    print(f"{size} bytes: {found}")
    assert is_alive(server.process.pid), "the server crashed"
    assert found.failures == 0 and found.errors == 0, found
    assert found.requests > 1000
    wait_for(lambda: sockets_open(server.process.pid) <= before + 16, 60, "descriptors stay open")
    for session in sessions:
        runtime.stop(session)


@pytest.mark.local
def test_mixed_routes_on_one_connection(server, runtime, tmp_path):
    """Invocations, control calls and refusals in turn on the same connections."""
    signer = server.signer()
    session = session_id()
    requests = [
        signer.raw("POST", invocation_target(runtime.arn), b"{}", [(SESSION, session)]),
        signer.raw("GET", f"/runtimes/{runtime.id}/"),
        signer.raw("POST", invocation_target(runtime.arn), b"{}" * 500, [(SESSION, session)]),
        signer.raw("POST", "/runtimes/?maxResults=1"),
    ]
    found = wrk.run(signer.url, requests, tmp_path / "requests.lua", connections=32, seconds=10)
    print(found)
    assert is_alive(server.process.pid) and found.failures == 0 and found.errors == 0, found
    runtime.stop(session)
