"""Sandboxes when server or supervisor die (promises.md 11)."""

import os
import signal

import pytest
from botocore.exceptions import ClientError

from crashing import PATIENCE
from processes import describe, is_alive, wait_for
from runtimes import session_id


@pytest.fixture(scope="module")
def runtime(crashing):
    runtime = crashing.workshop.runtime(environment={"AGENT_VERSION": "1"})
    yield runtime
    runtime.delete()


def sandboxed(crashing):
    own = {crashing.server.process.pid, crashing.server.supervisor()}
    return {pid for pid in crashing.server.belongings() if pid not in own}


def test_the_next_server_adopts_what_lives(crashing, runtime):
    sessions = [session_id() for _ in range(5)]
    before = {session: runtime.invoke(session=session)["incarnation"] for session in sessions}
    for _ in range(3):
        crashing.server.kill()
        crashing.server.start()
        assert {session: runtime.invoke(session=session)["incarnation"] for session in sessions} == before
    for session in sessions:
        runtime.stop(session)
    crashing.nothing_left()


def test_a_session_that_was_starting_is_whole_or_gone(crashing, runtime):
    for delay in [number / 100 for number in range(0, 20)]:
        session = session_id()
        crashing.kill_during(lambda: runtime.invoke(session=session), delay)
        assert runtime.invoke(session=session)["version"] == "1"
        runtime.stop(session)
        crashing.nothing_left()


def test_sandboxes_of_a_dead_supervisor_are_reaped(crashing, runtime):
    session = session_id()
    before = runtime.invoke(session=session)["incarnation"]
    assert sandboxed(crashing)
    supervisor = crashing.server.supervisor()
    left = sandboxed(crashing)
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not is_alive(supervisor), PATIENCE, "the supervisor survives SIGKILL")

    def answers():
        try:
            return runtime.invoke(session=session)["incarnation"]
        except ClientError as failure:
            assert failure.response["Error"]["Code"] in ("RuntimeClientError", "ServiceUnavailableException", "503",
                                                         "RetryableConflictException"), failure
            return None

    # Until its sandbox is reaped the old incarnation may go on answering.
    wait_for(lambda: answers() not in (None, before), PATIENCE, "the session does not start anew after the supervisor's death")
    wait_for(lambda: not any(is_alive(pid) for pid in left), PATIENCE, lambda: f"not reaped: {describe(left)}")
    runtime.stop(session)
    crashing.nothing_left()


def test_both_die(crashing, runtime):
    session = session_id()
    before = runtime.invoke(session=session)["incarnation"]
    left = sandboxed(crashing)
    supervisor = crashing.server.supervisor()
    os.kill(supervisor, signal.SIGKILL)
    crashing.server.kill()
    crashing.server.start()
    wait_for(lambda: not any(is_alive(pid) for pid in left), PATIENCE, lambda: f"not reaped: {describe(left)}")
    assert runtime.invoke(session=session)["incarnation"] != before
    runtime.stop(session)
    crashing.nothing_left()


def test_a_recycled_pid_is_never_signalled(crashing, runtime):
    """Processes that began after the supervisor's death, of no concern to it, outlive its successor's cleaning."""
    import subprocess

    runtime.invoke(session=session_id())
    supervisor = crashing.server.supervisor()
    left = sandboxed(crashing)
    crashing.server.kill()
    for pid in (supervisor, *left):
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in (supervisor, *left)), PATIENCE, "they survive SIGKILL")
    # The recorded pids are given out again to bystanders.
    bystanders = []
    try:
        for pid in sorted(left):
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="utf-8") as file:
                file.write(str(pid - 1))
            bystanders.append(subprocess.Popen(["sleep", "60"]))
    except OSError:
        pass  # without the right to choose pids the others still show that nothing strange is signalled
    bystanders.append(subprocess.Popen(["sleep", "60"]))
    try:
        crashing.server.start()
        crashing.settle()
        assert runtime.invoke(session=session_id())["version"] == "1"
        assert all(bystander.poll() is None for bystander in bystanders)
    finally:
        for bystander in bystanders:
            bystander.kill()
            bystander.wait()
    for (session,) in crashing.sql("select session_id from session"):
        runtime.stop(session)
    crashing.nothing_left()
