"""Servers and supervisors that are killed: containers that live are adopted, others are gone with all that is theirs."""

import os
import signal

import pytest
from botocore.exceptions import ClientError

from clients import settled_runtime
from failpoints import Failpoints
from processes import is_alive, wait_for
from runtimes import Workshop, session_id


@pytest.fixture
def server(another_server):
    return another_server(keeps_sandboxes=True)


@pytest.fixture
def workshop(server, images):
    workshop = Workshop(server.clients, images)
    yield workshop
    workshop.close()


def eventually_invoke(runtime, session, seconds=30):
    """The answer, once there is one: while the supervisor is away a call may be refused."""
    def call():
        try:
            return runtime.invoke(session=session)
        except ClientError as failure:
            assert failure.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 424, 503), failure
            return None
    return wait_for(call, seconds, "no answer")


def kill_supervisor(server):
    supervisor = server.supervisor()
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not is_alive(supervisor), 5, "the supervisor survives SIGKILL")


def test_the_next_supervisor_adopts_what_lives(server, workshop, engine):
    runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
    sessions = [session_id() for _ in range(3)]
    before = {session: runtime.invoke(session=session)["incarnation"] for session in sessions}
    for _ in range(2):
        kill_supervisor(server)
        wait_for(server.supervisor, 20, "no supervisor comes back")
        assert {session: eventually_invoke(runtime, session)["incarnation"] for session in sessions} == before
    # Server and supervisor at once.
    kill_supervisor(server)
    server.kill()
    server.start()
    assert {session: eventually_invoke(runtime, session)["incarnation"] for session in sessions} == before
    # What they print still reaches the log, and they still end.
    runtime.invoke({"do": "flood", "bytes": 200_000}, session=sessions[0])
    for session in sessions:
        runtime.stop(session)
    wait_for(lambda: not engine.containers(), 30, lambda: f"left: {engine.containers()}")


def test_a_container_that_ended_meanwhile_is_removed(server, workshop, engine):
    runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
    session = session_id()
    first = runtime.invoke(session=session)["incarnation"]
    container = engine.inspect(engine.containers()[0]["Id"])
    supervisor = server.supervisor()
    os.kill(supervisor, signal.SIGSTOP)
    server.kill()
    os.kill(container["State"]["Pid"], signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not is_alive(supervisor), 5, "the supervisor survives SIGKILL")
    server.start()
    assert eventually_invoke(runtime, session)["incarnation"] != first
    wait_for(lambda: container["Id"] not in [c["Id"] for c in engine.containers()], 30, "the dead container is left")
    runtime.stop(session)


@pytest.mark.parametrize("victim", ["server", "supervisor", "both"])
def test_killed_in_the_middle_of_a_start(server, workshop, engine, long_run, victim):
    runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
    rounds = 40 if long_run else 6
    import threading
    for number in range(rounds):
        session = session_id()
        caller = threading.Thread(target=lambda: eventually_nothing(runtime, session))
        caller.start()
        # From before the container exists to after it answers.
        threading.Event().wait(0.5 * number / rounds)
        if victim in ("supervisor", "both"):
            kill_supervisor(server)
        if victim in ("server", "both"):
            server.kill()
            server.start()
        caller.join(30)
        wait_for(server.supervisor, 20, "no supervisor comes back")
        assert eventually_invoke(runtime, session)["version"] == "1"
        runtime.stop(session)
        wait_for(lambda: not engine.containers(), 30, lambda: f"left in round {number}: {engine.containers()}")
    assert engine.volumes() == [] and engine.networks() == sorted(set(engine.networks()) & {"bridge", "host", "none", "podman"})


def eventually_nothing(runtime, session):
    try:
        runtime.invoke(session=session)
    except Exception:  # noqa: BLE001 - cut by the kill
        pass


@pytest.mark.parametrize("action", ["kill", "error", "stall:5"])
def test_between_pull_and_pin(another_server, scratch, images, action):
    """The failpoint that archives never reach: the image is there, the version doesn't say so yet."""
    failpoints = Failpoints(f"{scratch}/pulled-{action[:4]}")
    server = another_server(*failpoints.arguments, keeps_sandboxes=True, environment=failpoints.environment)
    workshop = Workshop(server.clients, images)
    failpoints.arm("prepare.pulled", action)
    made = workshop.create(environment={"AGENT_VERSION": "1"})
    wait_for(lambda: failpoints.triggered("prepare.pulled"), 60, "prepare.pulled was not reached")
    if action == "kill":
        server.process.wait(10)
        server.start()
    runtime = settled_runtime(workshop.control, made["agentRuntimeId"], 60)
    assert runtime["status"] == "READY", runtime
    workshop.close()
    wait_for(lambda: not images.engine.containers(), 30, lambda: f"left: {images.engine.containers()}")
