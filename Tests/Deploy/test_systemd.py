"""The units of deploy/, run by a real systemd, which is process 1 of a container."""

import json
import re
import shutil

import pytest

from clients import Clients
from conftest import HERE
from processes import wait_for
from runtimes import Workshop, session_id

UNITS = ("signalbox", "signalbox-supervisor")
#: systemd's own measure, times ten; less is better. An ordinary service has 96.
EXPOSURE = {"signalbox": 15, "signalbox-supervisor": 52}

PREPARE = """
install -d -o postgres -m 0700 /var/lib/postgresql/data
install -d -o postgres -m 0755 /run/postgresql
bin=$(echo /usr/lib/postgresql/*/bin)
cd /
as="setpriv --reuid postgres --regid postgres --clear-groups"
$as $bin/initdb -D /var/lib/postgresql/data --auth peer --no-locale --no-sync --encoding UTF8 >/dev/null
systemd-run --quiet --unit test-postgres --uid postgres --service-type notify \
    $bin/postgres -D /var/lib/postgresql/data -k /run/postgresql -c listen_addresses=
$as $bin/psql -h /run/postgresql -qc 'create role signalbox login' -c 'create database signalbox owner signalbox' postgres
"""


class Machine:
    def __init__(self, docker):
        self.docker = docker

    def shell(self, script):
        return self.docker.run("exec", "machine", "sh", "-euc", script)

    def show(self, unit, member):
        return self.shell(f"systemctl show --value --property {member} {unit}")

    def log(self):
        return self.shell("journalctl --no-pager --lines 40 --unit signalbox --unit signalbox-supervisor")

    def status(self, unit):
        text = self.shell(f"cat /proc/{self.show(unit, 'MainPID')}/status")
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def group(self, unit):
        """Processes in the unit's control group and below, by name."""
        return self.shell(f"systemctl status --no-pager --lines 0 {unit} || true")


@pytest.fixture(scope="module")
def machine(docker, base, context):
    for name in ("Dockerfile", "boot"):
        shutil.copy(HERE / "systemd" / name, context / name)
    docker.run("build", "--tag", "machine", str(context))
    # On the tests' own network, so that 127.0.0.1:4747 is the same place here and there. Root may do there what root of
    # a machine may, but for one that even this machine may lack.
    docker.run("run", "--detach", "--name", "machine", "--network", "host", "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
               "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--security-opt",
               "systempaths=unconfined", "--tmpfs", "/run", "--tmpfs", "/tmp", "--env", "container=docker", "machine")
    machine = Machine(docker)
    try:
        wait_for(lambda: docker.attempt("exec", "machine", "systemctl", "is-active", "basic.target").returncode == 0, 60,
                 lambda: f"systemd does not come up: {docker.attempt('logs', 'machine')}")
        machine.shell(PREPARE)
        yield machine
    finally:
        docker.run("rm", "--force", "--volumes", "machine")


@pytest.fixture(scope="module")
def started(machine):
    done = machine.docker.attempt("exec", "machine", "systemctl", "start", "signalbox")
    assert done.returncode == 0, machine.log()
    machine.shell("setpriv --reuid signalbox --regid signalbox --clear-groups env SIGNALBOX_CONFIG=/etc/signalbox/config.json "
                  "SIGNALBOX_HOME=/var/lib/signalbox signalbox key create --account 123456789012 --save")
    return machine


@pytest.fixture(scope="module")
def runtime(started):
    environment = json.loads(started.shell("signalbox env --output json"))
    return Workshop(Clients(environment)).runtime("probe")


def test_systemd_understands_every_line(machine):
    for unit in UNITS:
        done = machine.docker.attempt("exec", "machine", "systemd-analyze", "verify", f"/etc/systemd/system/{unit}.service")
        assert done.returncode == 0 and f"{unit}.service" not in done.stderr, done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_the_units_are_hardened(machine, unit):
    machine.docker.run("exec", "machine", "systemd-analyze", "security", "--no-pager", "--offline=yes", f"--threshold={EXPOSURE[unit]}",
                       f"/etc/systemd/system/{unit}.service")


def test_start_means_that_it_answers(started):
    # Type=notify: `systemctl start` has returned, so nothing is waited for here.
    assert started.shell("signalbox health --ready --home /var/lib/signalbox").split()[-1] == "ok"
    assert [started.show(unit, "ActiveState") for unit in UNITS] == ["active", "active"]


def test_the_server_has_no_privilege(started):
    fields = started.status("signalbox")
    user = started.shell("id --user signalbox")
    assert fields["Uid"].split() == [user] * 4 and user != "0"
    assert all(int(fields[name], 16) == 0 for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")), fields
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    # What it may not read, it can't give away.
    assert started.shell("stat -c '%U %a' /var/lib/signalbox/keys/master.key /var/lib/signalbox-supervisor").splitlines() == [
        "signalbox 600", "root 700"]


def test_sandboxes_belong_to_the_supervisor(started, runtime):
    session = session_id()
    before = runtime.invoke(session=session)["incarnation"]
    # Its own control group, delegated: the supervisor in one part, sandboxes beside it (version 2, also when hybrid).
    own = started.shell(f"cat /proc/{started.show('signalbox-supervisor', 'MainPID')}/cgroup")
    if unified := re.search(r"^0::(.*)$", own, re.MULTILINE):
        assert unified.group(1).endswith("/signalbox-supervisor.service/supervisor")
        assert "bwrap" in started.group("signalbox-supervisor")
    started.shell("systemctl restart signalbox")
    assert runtime.invoke(session=session)["incarnation"] == before
    runtime.stop(session)


def test_a_killed_server_is_started_again(started, runtime):
    session = session_id()
    before = runtime.invoke(session=session)["incarnation"]
    pid = started.show("signalbox", "MainPID")
    started.shell("systemctl kill --signal KILL signalbox")
    wait_for(lambda: started.show("signalbox", "ActiveState") == "active" and started.show("signalbox", "MainPID") != pid, 60,
             started.log)
    assert runtime.invoke(session=session)["incarnation"] == before
    runtime.stop(session)


def test_a_stop_leaves_nothing(started, runtime):
    runtime.invoke(session=session_id())
    started.shell("systemctl stop signalbox")
    assert started.show("signalbox", "Result") == "success"
    # The sandbox waits for the next server…
    assert "bwrap" in started.shell("cat /proc/[0-9]*/comm 2>/dev/null || true")
    started.shell("systemctl stop signalbox-supervisor")
    assert started.show("signalbox-supervisor", "Result") == "success"
    # … and ends with the supervisor.
    assert "bwrap" not in started.shell("cat /proc/[0-9]*/comm 2>/dev/null || true")
    started.shell("systemctl start signalbox")
    assert runtime.invoke({"name": "Ada"})["name"] == "Ada"
