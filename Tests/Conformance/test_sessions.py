"""Sessions: one sandbox each, how they start, end and what they keep (contract §8)."""

import concurrent.futures
import threading
import time

import pytest

from processes import belonging_to, wait_for
from runtimes import Workshop, assert_cut, events, session_id
from signing import SESSION, invocation_target


def test_the_same_id_meets_the_same_process(probe):
    session = session_id()
    answers = [probe.invoke(session=session) for _ in range(5)]
    assert len({a["incarnation"] for a in answers}) == 1 and [a["calls"] for a in answers] == [1, 2, 3, 4, 5]
    assert probe.invoke(session=session_id())["incarnation"] != answers[0]["incarnation"]


def test_parallel_calls_of_a_new_session_make_one_sandbox(probe):
    """During provisioning a second call may wait or be told to retry. Never are there two processes."""
    session = session_id()
    found, retried = [], []

    def call():
        try:
            found.append(probe.invoke(session=session)["incarnation"])
        except probe.data.exceptions.RetryableConflictException:
            retried.append(1)

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found and len(set(found)) == 1 and len(found) + len(retried) == 12


def test_parallel_calls_of_one_session_run_side_by_side(probe):
    """Each of them is answered only when all are with the agent."""
    session = session_id()
    probe.invoke(session=session)
    with concurrent.futures.ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: probe.invoke({"do": "meet", "count": 5}, session=session), range(5)))
    assert {answer["calls"] for answer in answers} == set(range(2, 7))


def test_stop(probe):
    session = session_id()
    first = probe.invoke(session=session)
    stopped = probe.stop(session)
    assert stopped["statusCode"] == 200 and stopped["runtimeSessionId"] == session
    with pytest.raises(probe.data.exceptions.ResourceNotFoundException):
        probe.stop(session)
    second = probe.invoke(session=session)
    assert second["incarnation"] != first["incarnation"] and second["calls"] == 1


def test_stop_of_nothing(probe):
    with pytest.raises(probe.data.exceptions.ResourceNotFoundException):
        probe.stop(session_id())
    with pytest.raises(probe.data.exceptions.ResourceNotFoundException):
        probe.stop(session_id(), "nowhere")


def test_stop_cuts_running_calls(probe):
    session = session_id()
    probe.invoke(session=session)
    response = probe.invoke_raw({"do": "stream", "count": 1000, "seconds": 0.1}, session=session)
    stream = events(response)
    next(stream)
    began = time.monotonic()
    probe.stop(session)
    with pytest.raises(Exception) as cut:
        list(stream)
    assert_cut(cut)
    assert time.monotonic() - began < 60


@pytest.mark.local
def test_stop_leaves_nothing_behind(server, probe):
    """Not even children that left the process group and ignore SIGTERM."""
    before = set(belonging_to(server.home))
    session = session_id()
    probe.invoke({"do": "spawn", "count": 5}, session=session)
    during = set(belonging_to(server.home)) - before
    assert len(during) >= 6
    probe.stop(session)
    assert not during & set(belonging_to(server.home))


@pytest.mark.local
def test_an_agent_that_ignores_sigterm_ends_all_the_same(server, workshop):
    runtime = workshop.runtime(environment={"PROBE_START": "ignore-sigterm"})
    before = set(belonging_to(server.home))
    session = session_id()
    runtime.invoke(session=session)
    during = set(belonging_to(server.home)) - before
    assert during
    began = time.monotonic()
    runtime.stop(session)
    assert time.monotonic() - began < 60
    assert not during & set(belonging_to(server.home))


@pytest.mark.parametrize("length,good", [(32, False), (33, True), (256, True), (257, False)])
def test_length_of_the_id(signer, probe, length, good):
    session = ("x" * length)
    reply = signer.send("POST", invocation_target(probe.arn), b"{}", [(SESSION, session), ("Content-Type", "application/json")])
    if good:
        assert reply.status == 200 and reply.headers[SESSION.lower()] == session
    else:
        assert (reply.status, reply.error) == (400, "ValidationException"), reply
        assert "runtimeSessionId" in reply.json["message"]


def test_environment_reaches_the_agent(workshop):
    runtime = workshop.runtime(environment={"GREETING": "Grüß Gott", "EMPTY": "", "PATH_LIKE": "/a:/b"})
    environment = runtime.invoke({"do": "environment"})
    assert environment["GREETING"] == "Grüß Gott" and environment["EMPTY"] == "" and environment["PATH_LIKE"] == "/a:/b"
    assert environment["DOCKER_CONTAINER"] == "1" and environment["AWS_REGION"] == "us-east-1"
    assert not [name for name in environment if name.startswith(("SIGNALBOX", "PG")) or "SECRET" in name or "DATABASE" in name]


ALLOWED = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Team"


@pytest.fixture(scope="module")
def runtime(shared_workshop):
    """A runtime with an allow-list."""
    runtime = shared_workshop.runtime(requestHeaderConfiguration={"requestHeaderAllowlist": [ALLOWED, "X-Team"]})
    yield runtime
    runtime.delete()


class TestHeaders:
    def test_what_reaches_the_agent(self, signer, runtime):
        session = session_id()
        sent = {
            "Content-Type": "application/json", "Accept": "application/json", SESSION: session,
            ALLOWED: "blue", "X-Team": "green", "X-Other": "no", "Cookie": "a=b", "X-Forwarded-For": "10.0.0.1",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b", "baggage": "c=d",
            "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
        }
        reply = signer.send("POST", invocation_target(runtime.arn), b'{"do":"headers_seen"}', sent.items())
        assert reply.status == 200, reply
        assert reply.json["path"] == "/invocations"
        seen = dict(reply.json["headers"])
        for name in ("Content-Type", "Accept", SESSION, ALLOWED, "X-Team", "traceparent", "tracestate", "baggage",
                     "X-Amzn-Trace-Id"):
            assert seen[name.lower()] == sent[name], name
        for name in ("authorization", "cookie", "x-other", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token",
                     "x-forwarded-for"):
            assert name not in seen, name
        assert seen["x-amzn-bedrock-agentcore-runtime-request-id"] == reply.headers["x-amzn-requestid"]
        # Framing is said once.
        names = [name for name, _ in reply.json["headers"]]
        assert names.count("host") == 1 and (names.count("content-length") + names.count("transfer-encoding")) == 1
        for name in ("traceparent", "tracestate", "baggage", "x-amzn-trace-id"):
            assert reply.headers[name] == sent.get(name, sent.get("X-Amzn-Trace-Id")), name

    def test_no_content_type_is_invented(self, signer, runtime):
        reply = signer.send("POST", invocation_target(runtime.arn), b'{"do":"headers_seen"}')
        assert reply.status == 200 and "content-type" not in dict(reply.json["headers"]), reply

    @pytest.mark.parametrize("name", ["Authorization", "Cookie", "Host", "X-Amz-Date", "x-amzn-anything", "Content-Length", "Bad Name"])
    def test_names_that_may_not_be_listed(self, workshop, name):
        with pytest.raises(workshop.control.exceptions.ValidationException):
            workshop.create(requestHeaderConfiguration={"requestHeaderAllowlist": [name]})


@pytest.mark.local
def test_cap_of_sessions(dev_server):
    server = dev_server("--maximum-sessions", "3")
    workshop = Workshop(server.clients)
    runtime = workshop.runtime()
    sessions = [session_id() for _ in range(3)]
    for session in sessions:
        runtime.invoke(session=session)
    with pytest.raises(runtime.data.exceptions.ServiceQuotaExceededException) as refusal:
        runtime.invoke(session=session_id())
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402
    assert refusal.value.response["Error"]["Message"].startswith("maxVms limit exceeded for account")
    # Those that live are served on, and one that ends makes room.
    assert runtime.invoke(session=sessions[0])["calls"] == 2
    runtime.stop(sessions[1])
    assert runtime.invoke(session=session_id())["calls"] == 1
    workshop.close()


@pytest.mark.long
def test_idle_timeout(workshop):
    runtime = workshop.runtime(lifecycleConfiguration={"idleRuntimeSessionTimeout": 60, "maxLifetime": 28800})
    session, busy = session_id(), session_id()
    first, kept = runtime.invoke(session=session), runtime.invoke(session=busy)
    deadline = time.monotonic() + 85
    while time.monotonic() < deadline:
        runtime.invoke(session=busy)
        time.sleep(5)
    with pytest.raises(runtime.data.exceptions.ResourceNotFoundException):
        runtime.stop(session)
    assert runtime.invoke(session=session)["incarnation"] != first["incarnation"]
    assert runtime.invoke(session=busy)["incarnation"] == kept["incarnation"]


@pytest.mark.long
def test_maximum_lifetime(workshop):
    runtime = workshop.runtime(lifecycleConfiguration={"maxLifetime": 60})
    session = session_id()
    first = runtime.invoke(session=session)["incarnation"]
    wait_for(lambda: runtime.invoke(session=session)["incarnation"] != first, 90, "the session outlives its maximum")
