"""deploy/compose.yaml: Signalbox, its supervisor and PostgreSQL, each in a container."""

import re
import socket
import subprocess
import time

import pytest

from compose import Project
from conftest import DEPLOY
from processes import wait_for
from runtimes import Workshop, session_id

#: Bits of linux/capability.h.
CAPABILITIES = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12, "SYS_PTRACE": 19, "SYS_ADMIN": 21}


@pytest.fixture(scope="module")
def project(docker, image, postgres_image, scratch):
    project = Project(docker, DEPLOY / "compose.yaml", scratch, image=image, postgres_image=postgres_image)
    try:
        project.up()
        project.first_key()
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "70")


@pytest.fixture(scope="module")
def workshop(project):
    return Workshop(project.clients)


@pytest.fixture(scope="module")
def runtime(workshop):
    return workshop.runtime("probe", environment={"AGENT_VERSION": "1"})


def status(project, service, program):
    """/proc/PID/status of the service's own process."""
    text = project.exec(service, "sh", "-c", f"for p in /proc/[0-9]*; do [ $(readlink $p/exe | grep -c {program}) = 0 ] || "
                        "{ cat $p/status; break; }; done", user="root")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_every_part_is_healthy(project):
    for service in ("db", "supervisor", "signalbox"):
        project.healthy(service)
    assert project.docker.inspect(project.container("migrate"))["State"]["ExitCode"] == 0


def test_the_server_has_no_privilege(project):
    server = project.docker.inspect(project.container("signalbox"))
    process = project.docker.run("top", project.container("signalbox"), "-o", "pid,comm")
    pid = re.search(r"(\d+)\s+signalbox", process).group(1)
    fields = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status", encoding="utf-8").read().splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert all(int(fields[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), fields
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    assert server["HostConfig"]["ReadonlyRootfs"] and not server["HostConfig"]["Privileged"]
    # Its password is in no environment, so in nobody's `docker inspect`.
    assert not any("PASSWORD=" in variable for variable in server["Config"]["Env"])


def test_it_is_published_on_loopback_alone(project):
    ports = project.docker.inspect(project.container("signalbox"))["NetworkSettings"]["Ports"]
    assert [entry["HostIp"] for entries in ports.values() for entry in entries or []] == ["127.0.0.1"]
    assert not project.docker.inspect(project.container("db"))["NetworkSettings"]["Ports"]


def test_the_supervisor_has_what_it_needs(project):
    fields = status(project, "supervisor", "signalbox")
    found = int(fields["CapEff"], 16)
    assert found == sum(1 << bit for bit in CAPABILITIES.values()), hex(found)
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    networks = project.docker.inspect(project.container("supervisor"))["NetworkSettings"]["Networks"]
    assert [name.rsplit("_", 1)[1] for name in networks] == ["outside"], "it shares a network with another container"
    # Whoever is not the server finds a closed door.
    assert project.exec("supervisor", "stat", "-c", "%U %a", "/run/signalbox/supervisor.sock", user="root") == "signalbox 600"
    log = project.docker.attempt("logs", project.container("supervisor"))
    assert "not fully enforced" not in log.stderr + log.stdout


def test_agents_run_within_their_limits(project, runtime):
    sessions = [session_id() for _ in range(2)]
    assert [runtime.invoke({"name": "Ada"}, session=session)["name"] for session in sessions] == ["Ada", "Ada"]
    owners = project.exec("supervisor", "sh", "-c", "stat -c %u /var/lib/signalbox-supervisor/sandboxes/*/work", user="root").split()
    assert len(set(owners)) == 2 and "0" not in owners, owners
    # Version 1 or 2 of control groups, whichever the machine has.
    limits = project.exec("supervisor", "sh", "-c", "cat /sys/fs/cgroup/memory/signalbox/*/*/memory.limit_in_bytes "
                          "/sys/fs/cgroup/signalbox/*/*/memory.max 2>/dev/null; true", user="root").split()
    assert limits == [str(2 << 30)] * 2
    for session in sessions:
        runtime.stop(session)


def test_agents_reach_the_world_and_not_the_host(project, workshop):
    """The world is an address of this test's own namespace; the host is the gateway of the supervisor's network."""
    subprocess.run(["ip", "address", "add", "203.0.113.7/32", "dev", "lo"], check=True)
    networks = project.docker.inspect(project.container("supervisor"))["NetworkSettings"]["Networks"]
    gateway = next(iter(networks.values()))["Gateway"]
    with socket.create_server(("0.0.0.0", 0), backlog=16) as world:
        port = world.getsockname()[1]
        runtime = workshop.runtime("probe")
        session = session_id()
        seen = runtime.invoke({"do": "look", "connect": [f"203.0.113.7:{port}", f"{gateway}:{port}", f"{gateway}:4747"]}, session=session)
        runtime.stop(session)
        assert {target for target, result in seen.items() if result == "connected"} == {f"203.0.113.7:{port}"}, (seen, project.logs())
        runtime.delete()


def test_nothing_of_an_agent_stays(project, workshop):
    runtime = workshop.runtime("untidy")
    session = session_id()
    assert runtime.invoke(session=session) == {"untidy": True}
    assert len(project.sandboxes()) == 1
    runtime.stop(session)
    wait_for(lambda: not project.sandboxes(), 10, lambda: f"left: {project.sandboxes()}")
    runtime.delete()


def test_sessions_live_through_a_restart_of_the_server(project, runtime):
    session = session_id()
    before = runtime.invoke(session=session)["incarnation"]
    project.compose("restart", "--timeout", "70", "signalbox")
    project.ready()
    assert runtime.invoke(session=session)["incarnation"] == before
    runtime.stop(session)


def test_a_stop_is_clean_and_keeps_the_data(project, runtime):
    runtime.invoke(session=session_id())
    assert len(project.sandboxes()) == 1
    began = time.monotonic()
    project.compose("stop")
    for service in ("signalbox", "supervisor", "db"):
        state = project.docker.inspect(project.container(service))["State"]
        assert state["ExitCode"] == 0 and not state["OOMKilled"], (service, state, project.logs())
    # Well within every grace: nothing was killed for being slow.
    assert time.monotonic() - began < 60
    project.up()
    project.ready()
    assert runtime.ready()["status"] == "READY"
    assert project.sandboxes() == []
    assert runtime.invoke({"name": "Ada"})["name"] == "Ada"


def test_a_killed_supervisor_comes_back_and_reaps(project, runtime):
    session = session_id()
    before = runtime.invoke(session=session)["incarnation"]
    project.docker.run("kill", project.container("supervisor"))
    # Killed by hand counts as stopped for the daemon: what a crash would do by itself.
    project.docker.run("start", project.container("supervisor"))
    project.ready()

    def answers():
        try:
            return runtime.invoke(session=session)["incarnation"]
        except Exception:  # noqa: BLE001 - until the server knows, the old session fails
            return before

    wait_for(lambda: answers() != before, 30, "the session does not start anew")
    assert len(project.sandboxes()) == 1
    runtime.stop(session)


@pytest.mark.long
@pytest.mark.parametrize("capability", sorted(CAPABILITIES))
def test_no_capability_is_too_many(project, workshop, tmp_path, capability):
    """Without it something fails: the file asks for no more than is used."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    less = re.sub(r"cap_add: \[(.*)\]", lambda match: "cap_add: [" + ", ".join(
        name for name in match.group(1).split(", ") if name != capability) + "]", text)
    assert less != text
    file = DEPLOY / f".compose-{capability}.yaml"
    file.write_text(less.replace("restart: unless-stopped", 'restart: "no"'), encoding="utf-8")
    try:
        project.up("--no-deps", "supervisor", file=file)
        with pytest.raises((AssertionError, RuntimeError, TimeoutError)):
            project.ready(10)
            runtime = workshop.runtime("untidy", seconds=15)
            session = session_id()
            runtime.invoke(session=session)
            assert "way out" not in project.logs()
            runtime.stop(session)
            wait_for(lambda: not project.sandboxes(), 5, "the sandbox is left")
    finally:
        file.unlink()
        project.up("--no-deps", "supervisor")
        project.ready()
